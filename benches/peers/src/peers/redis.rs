//! Redis: a stream with a consumer group. The commands of all callers are pipelined on a
//! connection that they share, so that one fsync serves many.

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use redis::{Client, aio::MultiplexedConnection, streams::StreamReadReply};

use super::Driver;
use crate::workload::Caller;

const GROUP: &str = "group";

pub(super) struct Redis(MultiplexedConnection);

struct One {
    connection: MultiplexedConnection,
    queue: String,
}

impl Redis {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let client = Client::open(format!("redis://127.0.0.1:{port}"))?;
        Ok(Self(client.get_multiplexed_async_connection().await?))
    }
}

#[async_trait]
impl Driver for Redis {
    async fn create(&self, queue: &str) -> Result<()> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(queue).arg(GROUP).arg("0").arg("MKSTREAM");
        Ok(command.exec_async(&mut self.0.clone()).await?)
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let one = |_| {
            let one = One { connection: self.0.clone(), queue: queue.into() };
            Box::new(one) as Box<dyn Caller>
        };
        Ok((0..count).map(one).collect())
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        Ok(redis::cmd("UNLINK").arg(queue).exec_async(&mut self.0.clone()).await?)
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let mut pipe = redis::pipe();
        for body in bodies {
            pipe.cmd("XADD").arg(&self.queue).arg("*").arg("body").arg(&body[..]).ignore();
        }
        Ok(pipe.exec_async(&mut self.connection).await?)
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("consumer").arg("COUNT").arg(count_max);
        read.arg("STREAMS").arg(&self.queue).arg(">");
        let reply: Option<StreamReadReply> = read.query_async(&mut self.connection).await?;
        let keys = reply.into_iter().flat_map(|reply| reply.keys);
        let ids: Vec<String> = keys.flat_map(|key| key.ids).map(|entry| entry.id).collect();
        if !ids.is_empty() {
            let mut pipe = redis::pipe();
            pipe.cmd("XACK").arg(&self.queue).arg(GROUP).arg(&ids).ignore();
            pipe.cmd("XDEL").arg(&self.queue).arg(&ids).ignore();
            pipe.exec_async(&mut self.connection).await?;
        }
        Ok(ids.len())
    }
}
