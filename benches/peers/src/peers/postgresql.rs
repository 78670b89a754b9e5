//! PostgreSQL: a table, as extensions for queues make it. A message is leased until a time that is
//! as durable as the message; receivers pass by what others have locked. Each caller has a
//! connection and prepared statements.

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use tokio_postgres::{Client, NoTls, Statement};

use super::Driver;
use crate::workload::Caller;

pub(super) struct Postgresql {
    port: u16,
    client: Client,
}

struct One {
    client: Client,
    insert: Statement,
    lease: Statement,
    delete: Statement,
}

impl Postgresql {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        Ok(Self { port, client: client(port).await? })
    }
}

async fn client(port: u16) -> Result<Client> {
    let address = format!("host=127.0.0.1 port={port} user=bench dbname=postgres");
    let (client, connection) = tokio_postgres::connect(&address, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[async_trait]
impl Driver for Postgresql {
    async fn create(&self, queue: &str) -> Result<()> {
        let table = format!(
            "CREATE TABLE {queue} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
             receive_count int NOT NULL DEFAULT 0, visible_at timestamptz NOT NULL DEFAULT now(), \
             body bytea NOT NULL); CREATE INDEX ON {queue} (visible_at)"
        );
        Ok(self.client.batch_execute(&table).await?)
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let insert = format!("INSERT INTO {queue} (body) SELECT unnest($1::bytea[])");
        let lease = format!(
            "UPDATE {queue} SET visible_at = clock_timestamp() + interval '30 s', \
             receive_count = receive_count + 1 WHERE id = ANY (ARRAY (SELECT id FROM {queue} \
             WHERE visible_at <= clock_timestamp() ORDER BY id LIMIT $1 \
             FOR UPDATE SKIP LOCKED)) RETURNING id, body"
        );
        let delete = format!("DELETE FROM {queue} WHERE id = ANY ($1)");
        let mut callers: Vec<Box<dyn Caller>> = Vec::new();
        for _ in 0..count {
            let client = client(self.port).await?;
            let insert = client.prepare(&insert).await?;
            let (lease, delete) = (client.prepare(&lease).await?, client.prepare(&delete).await?);
            callers.push(Box::new(One { client, insert, lease, delete }));
        }
        Ok(callers)
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        Ok(self.client.batch_execute(&format!("DROP TABLE {queue}; CHECKPOINT")).await?)
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let bodies: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
        self.client.execute(&self.insert, &[&bodies]).await?;
        Ok(())
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let rows = self.client.query(&self.lease, &[&i64::try_from(count_max)?]).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        if !ids.is_empty() {
            self.client.execute(&self.delete, &[&ids]).await?;
        }
        Ok(ids.len())
    }
}
