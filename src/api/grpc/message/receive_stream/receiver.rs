//! Messages for the credits of a receive stream: the next are asked for while the bodies of the
//! last are read.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Sleep;

use crate::{
    api::grpc::{
        message::receive,
        refusal::{Refusal, std_duration},
    },
    broker::{Delivery, Handle},
    proto::v1,
    types::{LeaseRef, Millis, QueueName, ReceiveOptions, Rejection, limits},
};

/// How long a stream waits before it asks again a queue whose receives are paused.
const PAUSED_RETRY: Duration = Duration::from_secs(1);

/// Receives as long as there are credits.
pub(super) struct Receiver {
    broker: Arc<Handle>,
    queue: QueueName,
    timeout: Millis,
    /// Messages that the client can take, those that are asked for counted.
    credits: u64,
    receiving: Option<BoxFuture<'static, Result<Delivery, Rejection>>>,
    /// What came while the one before was read.
    delivered: Option<Delivery>,
    reading: Option<BoxFuture<'static, Given>>,
    /// The broker has asked to be left alone so long.
    pause: Option<Pin<Box<Sleep>>>,
}

/// Messages for the client, and their leases, which the broker still takes back unless they are
/// claimed.
pub(super) struct Given {
    pub(super) response: v1::ReceiveResponse,
    pub(super) leases: Vec<LeaseRef>,
    pub(super) delivery: Delivery,
    /// Messages that came and were given back.
    returned_count: u64,
}

impl Receiver {
    pub(super) fn new(broker: Arc<Handle>, queue: QueueName, timeout: Millis) -> Self {
        Self {
            broker,
            queue,
            timeout,
            credits: 0,
            receiving: None,
            delivered: None,
            reading: None,
            pause: None,
        }
    }

    pub(super) fn credits(&self) -> u64 {
        self.credits
    }

    pub(super) fn grant(&mut self, credits: u64) {
        self.credits += credits;
    }

    /// Leases have ended: a queue that had too many has room again.
    pub(super) fn leases_ended(&mut self) {
        self.pause = None;
    }

    /// The next messages. Dropping the future loses nothing.
    pub(super) async fn given(&mut self) -> Result<Given, Rejection> {
        loop {
            if self.reading.is_none() {
                let delivered = self.delivered.take();
                let broker = self.broker.clone();
                let is_fifo = self.queue.is_fifo();
                self.reading = delivered.map(|delivery| read(broker, delivery, is_fifo).boxed());
            }
            self.receive();
            tokio::select! {
                biased;
                delivery = of(&mut self.receiving), if self.receiving.is_some() => {
                    self.receiving = None;
                    self.take(delivery)?;
                }
                given = of(&mut self.reading), if self.reading.is_some() => {
                    self.reading = None;
                    self.credits += given.returned_count;
                    return Ok(given);
                }
                () = of(&mut self.pause), if self.pause.is_some() => self.pause = None,
                else => std::future::pending().await,
            }
        }
    }

    /// Asks for messages, unless that is done already.
    fn receive(&mut self) {
        let is_busy = self.receiving.is_some() || self.delivered.is_some() || self.pause.is_some();
        if is_busy || self.credits == 0 {
            return;
        }
        let count = usize::try_from(self.credits).unwrap_or(limits::RECEIVE_MAX);
        let options = ReceiveOptions {
            visibility_timeout: Some(self.timeout),
            ..ReceiveOptions::new(count.min(limits::RECEIVE_MAX))
        };
        let (broker, queue) = (self.broker.clone(), self.queue.clone());
        let receive = async move { broker.receive(queue, options, Some(limits::WAIT_MAX)).await };
        self.receiving = Some(receive.boxed());
    }

    fn take(&mut self, delivery: Result<Delivery, Rejection>) -> Result<(), Rejection> {
        match delivery {
            Ok(delivery) => {
                self.credits = self.credits.saturating_sub(delivery.messages.len() as u64);
                self.delivered = Some(delivery).filter(|delivery| !delivery.messages.is_empty());
                return Ok(());
            }
            Err(Rejection::QueuePaused { .. }) => {
                self.pause = Some(Box::pin(tokio::time::sleep(PAUSED_RETRY)));
            }
            Err(rejection @ (Rejection::Overloaded { .. } | Rejection::TooManyInFlight { .. })) => {
                let asked = Refusal::of_request(rejection).kind().retry_after;
                let wait = asked.map_or(PAUSED_RETRY, std_duration);
                self.pause = Some(Box::pin(tokio::time::sleep(wait)));
            }
            Err(rejection) => return Err(rejection),
        }
        Ok(())
    }
}

async fn read(broker: Arc<Handle>, mut delivery: Delivery, is_fifo: bool) -> Given {
    let mut leases: Vec<LeaseRef> =
        delivery.messages.iter().map(|message| message.leased.lease()).collect();
    let response = receive::read_all(&broker, &mut delivery, is_fifo).await;
    let told_count = receive::count(&response);
    let returned_count = (leases.len() - told_count) as u64;
    leases.truncate(told_count);
    Given { response, leases, delivery, returned_count }
}

/// The output of a future that may be there.
async fn of<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
