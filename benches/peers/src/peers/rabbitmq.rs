//! RabbitMQ: a quorum queue, published to with confirms and consumed with acks. Each caller has a
//! channel, on connections that they share. Acks have no answer in this protocol, so that a take
//! does not wait until it is durable.

use std::time::Duration;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, future::try_join_all};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions,
        BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use super::{CONNECTIONS, Driver};
use crate::workload::Caller;

/// Takes that a consumer is sent messages for before it acks them.
const TAKES_AHEAD: usize = 10;
/// How long a queue sends nothing when it is empty.
const EMPTY_AFTER: Duration = Duration::from_millis(500);
/// As the protocol numbers it.
const PERSISTENT: u8 = 2;
const CLOSED_NORMALLY: u16 = 200;

pub(super) struct Rabbitmq {
    connections: Vec<Connection>,
    channel: Channel,
}

struct One {
    channel: Channel,
    queue: String,
    consumer: Option<Consumer>,
}

impl Rabbitmq {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let url = format!("amqp://127.0.0.1:{port}/%2f");
            connections.push(Connection::connect(&url, ConnectionProperties::default()).await?);
        }
        let channel = connections[0].create_channel().await?;
        Ok(Self { connections, channel })
    }
}

#[async_trait]
impl Driver for Rabbitmq {
    async fn create(&self, queue: &str) -> Result<()> {
        let mut table = FieldTable::default();
        table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        self.channel.queue_declare(queue.into(), options, table).await?;
        Ok(())
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let mut callers: Vec<Box<dyn Caller>> = Vec::new();
        for connection in self.connections.iter().cycle().take(count) {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            callers.push(Box::new(One { channel, queue: queue.into(), consumer: None }));
        }
        Ok(callers)
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        Ok(())
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let mut confirms = Vec::new();
        for body in bodies {
            let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
            let (queue, options) = (self.queue.as_str().into(), BasicPublishOptions::default());
            let sent = self.channel.basic_publish("".into(), queue, options, body, properties);
            confirms.push(sent.await?);
        }
        for confirmation in try_join_all(confirms).await? {
            ensure!(matches!(confirmation, Confirmation::Ack(_)), "{confirmation:?}");
        }
        Ok(())
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            slot => {
                let ahead = u16::try_from(count_max * TAKES_AHEAD)?;
                self.channel.basic_qos(ahead, BasicQosOptions::default()).await?;
                let (queue, options) = (self.queue.as_str().into(), BasicConsumeOptions::default());
                let table = FieldTable::default();
                slot.insert(self.channel.basic_consume(queue, "".into(), options, table).await?)
            }
        };
        let (mut count, mut last) = (0, None);
        while count < count_max
            && let Ok(Some(delivery)) = timeout(EMPTY_AFTER, consumer.next()).await
        {
            last = Some(delivery?);
            count += 1;
        }
        if let Some(delivery) = last {
            delivery.ack(BasicAckOptions { multiple: true }).await?;
        }
        Ok(count)
    }

    async fn close(&mut self) -> Result<()> {
        if let Some(consumer) = self.consumer.take() {
            self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
        }
        Ok(self.channel.close(CLOSED_NORMALLY, "".into()).await?)
    }
}
