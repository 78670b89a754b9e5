//! ledgerq over gRPC: calls share a few connections.

use anyhow::{Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};

use self::v1::{
    message_service_client::MessageServiceClient, queue_service_client::QueueServiceClient,
};
use super::{CONNECTIONS, Driver};
use crate::workload::Caller;

#[allow(clippy::all, clippy::pedantic, dead_code, reason = "it is generated")]
pub(super) mod v1 {
    tonic::include_proto!("ledgerq.v1");
}

pub(super) struct Ledgerq(Vec<Channel>);

struct One {
    client: MessageServiceClient<Channel>,
    queue: String,
}

impl Ledgerq {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS {
            let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
            channels.push(endpoint.tcp_nodelay(true).connect().await?);
        }
        Ok(Self(channels))
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.0
    }

    fn queues(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::new(self.0[0].clone())
    }
}

#[async_trait]
impl Driver for Ledgerq {
    async fn create(&self, queue: &str) -> Result<()> {
        let request = v1::CreateQueueRequest { queue: queue.into(), settings: None };
        self.queues().create_queue(request).await?;
        Ok(())
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let one = |channel: &Channel| {
            let client = MessageServiceClient::new(channel.clone());
            Box::new(One { client, queue: queue.into() }) as Box<dyn Caller>
        };
        Ok(self.0.iter().cycle().take(count).map(one).collect())
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        self.queues().delete_queue(v1::DeleteQueueRequest { queue: queue.into() }).await?;
        Ok(())
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let entry = |body: &Bytes| v1::SendEntry { body: body.clone(), ..Default::default() };
        let entries = bodies.iter().map(entry).collect();
        let request = v1::SendRequest { queue: self.queue.clone(), entries };
        for result in self.client.send(request).await?.into_inner().results {
            let Some(v1::send_result::Result::Sent(_)) = result.result else {
                bail!("a message was refused: {result:?}");
            };
        }
        Ok(())
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let request = v1::ReceiveRequest {
            queue: self.queue.clone(),
            max_messages: Some(u32::try_from(count_max)?),
            ..Default::default()
        };
        let messages = self.client.receive(request).await?.into_inner().messages;
        if messages.is_empty() {
            return Ok(0);
        }
        let receipt_handles: Vec<_> = messages.into_iter().map(|it| it.receipt_handle).collect();
        let count = receipt_handles.len();
        let mode = v1::DeleteMode::Fenced.into();
        let request = v1::DeleteRequest { queue: self.queue.clone(), receipt_handles, mode };
        for result in self.client.delete(request).await?.into_inner().results {
            let Some(v1::delete_result::Result::Outcome(_)) = result.result else {
                bail!("a delete was refused: {result:?}");
            };
        }
        Ok(count)
    }
}
