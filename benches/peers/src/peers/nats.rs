//! NATS: a stream of JetStream that keeps a message until it is acked, with one pull consumer for
//! all callers. Callers share the connection.

use anyhow::{Result, anyhow};
use async_nats::jetstream::{
    self, Context,
    consumer::{PullConsumer, pull},
    stream::{self, RetentionPolicy, StorageType},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, future::try_join_all};

use super::Driver;
use crate::workload::Caller;

const CONSUMER: &str = "consumer";
/// Messages that are received and not yet acked, of all callers.
const PENDING_MAX: i64 = 100_000;

pub(super) struct Nats(Context);

struct One {
    context: Context,
    consumer: PullConsumer,
    queue: String,
}

impl Nats {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        Ok(Self(jetstream::new(async_nats::connect(format!("127.0.0.1:{port}")).await?)))
    }
}

#[async_trait]
impl Driver for Nats {
    async fn create(&self, queue: &str) -> Result<()> {
        let config = stream::Config {
            name: queue.into(),
            subjects: vec![queue.into()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            ..Default::default()
        };
        let stream = self.0.create_stream(config).await?;
        let config = pull::Config {
            durable_name: Some(CONSUMER.into()),
            max_ack_pending: PENDING_MAX,
            ..Default::default()
        };
        stream.create_consumer(config).await?;
        Ok(())
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let stream = self.0.get_stream(queue).await?;
        let consumer: PullConsumer =
            stream.get_consumer(CONSUMER).await.map_err(|error| anyhow!("{error}"))?;
        let one = |_| {
            let (context, consumer) = (self.0.clone(), consumer.clone());
            Box::new(One { context, consumer, queue: queue.into() }) as Box<dyn Caller>
        };
        Ok((0..count).map(one).collect())
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        self.0.delete_stream(queue).await?;
        Ok(())
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let mut acks = Vec::new();
        for body in bodies {
            acks.push(self.context.publish(self.queue.clone(), body.clone()).await?.into_future());
        }
        try_join_all(acks).await?;
        Ok(())
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let mut messages = self.consumer.fetch().max_messages(count_max).messages().await?;
        let mut count = 0;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| anyhow!("{error}"))?;
            message.ack().await.map_err(|error| anyhow!("{error}"))?;
            count += 1;
        }
        Ok(count)
    }
}
