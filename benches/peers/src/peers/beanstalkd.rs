//! beanstalkd: its text protocol, with the commands of a batch pipelined. Each caller has a
//! connection, as the protocol needs.

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::Driver;
use crate::workload::Caller;

/// Priority, delay and lease of a message, in seconds.
const PUT: &str = "put 0 0 30";

pub(super) struct Beanstalkd {
    port: u16,
}

struct One(BufReader<TcpStream>);

impl Beanstalkd {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        One::connect(port).await.map(|_| Self { port })
    }
}

#[async_trait]
impl Driver for Beanstalkd {
    /// A tube comes with its first use.
    async fn create(&self, _queue: &str) -> Result<()> {
        Ok(())
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let mut callers: Vec<Box<dyn Caller>> = Vec::new();
        for _ in 0..count {
            let mut one = One::connect(self.port).await?;
            let commands = format!("use {queue}\r\nwatch {queue}\r\nignore default\r\n");
            one.0.write_all(commands.as_bytes()).await?;
            for answer in ["USING", "WATCHING", "WATCHING"] {
                one.expect(answer).await?;
            }
            callers.push(Box::new(one));
        }
        Ok(callers)
    }

    /// There is no command that empties a tube; what is left stays, where nobody waits for it.
    async fn remove(&self, _queue: &str) -> Result<()> {
        Ok(())
    }
}

impl One {
    async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }

    async fn expect(&mut self, answer: &str) -> Result<()> {
        let line = self.line().await?;
        ensure!(line.starts_with(answer), "{answer} was expected, not {line:?}");
        Ok(())
    }

    /// A message that was reserved, read to its end: its id; or `None` if there was none.
    async fn reserved(&mut self) -> Result<Option<String>> {
        let line = self.line().await?;
        if line == "TIMED_OUT" {
            return Ok(None);
        }
        let fields = line.strip_prefix("RESERVED ").and_then(|fields| fields.split_once(' '));
        let (id, bytes) = fields.with_context(|| format!("RESERVED was expected, not {line:?}"))?;
        let mut body = vec![0; bytes.parse::<usize>()? + "\r\n".len()];
        self.0.read_exact(&mut body).await?;
        Ok(Some(id.to_owned()))
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let mut commands = Vec::new();
        for body in bodies {
            commands.extend_from_slice(format!("{PUT} {}\r\n", body.len()).as_bytes());
            commands.extend_from_slice(body);
            commands.extend_from_slice(b"\r\n");
        }
        self.0.write_all(&commands).await?;
        for _ in bodies {
            self.expect("INSERTED").await?;
        }
        Ok(())
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        self.0.write_all("reserve-with-timeout 0\r\n".repeat(count_max).as_bytes()).await?;
        let mut ids = Vec::new();
        for _ in 0..count_max {
            ids.extend(self.reserved().await?);
        }
        let deletes: String = ids.iter().map(|id| format!("delete {id}\r\n")).collect();
        self.0.write_all(deletes.as_bytes()).await?;
        for _ in &ids {
            self.expect("DELETED").await?;
        }
        Ok(ids.len())
    }
}
