//! What lets requests through: not before the broker has recovered, and not once it drains.
//!
//! The port is open all the time, so that a client learns why it has to wait. A gate goes from
//! recovering to serving to draining, and from any of them to stopped; never back.

use std::sync::Arc;

use tokio::sync::watch;

use crate::broker::Handle;

/// Where the broker is in its life, as every protocol sees it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Gate {
    phase: Arc<watch::Sender<Phase>>,
    /// Each stream that is open has a receiver of it.
    streams: Arc<watch::Sender<()>>,
}

/// A call that goes on until its client ends it, or the gate closes.
pub struct OpenStream {
    phase: watch::Receiver<Phase>,
    /// The gate counts those that have not ended.
    _open: watch::Receiver<()>,
}

/// A time in the life of the broker.
#[derive(Clone)]
pub enum Phase {
    /// It reads its log; how far it is, in words.
    Recovering(String),
    /// It serves.
    Serving(Arc<Handle>),
    /// It ends what is under way and takes nothing new.
    Draining,
    /// It cannot go on; the process is about to end.
    Stopped,
}

/// Why there is no broker to ask. The request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// It will serve soon.
    #[error("the broker is recovering and not ready yet: {progress}")]
    Recovering {
        /// How far it is, in words.
        progress: String,
    },
    /// It takes nothing new.
    #[error("the broker is shutting down")]
    Draining,
    /// It has failed.
    #[error("the broker has stopped after a failure; its log says why")]
    Stopped,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A gate before a broker that has not begun to recover.
    pub fn new() -> Self {
        let phase = Phase::Recovering("starting".into());
        let streams = Arc::new(watch::Sender::new(()));
        Self { phase: Arc::new(watch::Sender::new(phase)), streams }
    }

    /// Tells how far recovery is, such as `3 of 10 segments read`.
    pub fn recovering(&self, progress: impl Into<String>) {
        let progress = progress.into();
        self.phase.send_if_modified(|phase| {
            let recovering = matches!(phase, Phase::Recovering(_));
            if recovering {
                *phase = Phase::Recovering(progress);
            }
            recovering
        });
    }

    /// Lets requests through to a broker that has recovered, unless it is to drain already.
    pub fn open(&self, broker: Handle) {
        self.phase.send_if_modified(|phase| {
            let recovering = matches!(phase, Phase::Recovering(_));
            if recovering {
                *phase = Phase::Serving(Arc::new(broker));
            }
            recovering
        });
    }

    /// Lets nothing new through; what is under way goes on.
    pub fn drain(&self) {
        self.phase.send_if_modified(|phase| {
            let before = matches!(phase, Phase::Recovering(_) | Phase::Serving(_));
            if before {
                *phase = Phase::Draining;
            }
            before
        });
    }

    /// Lets nothing through any more: the broker has failed.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// The broker, if it serves.
    pub fn broker(&self) -> Result<Arc<Handle>, Closed> {
        match &*self.phase.borrow() {
            Phase::Recovering(progress) => Err(Closed::Recovering { progress: progress.clone() }),
            Phase::Serving(broker) => Ok(broker.clone()),
            Phase::Draining => Err(Closed::Draining),
            Phase::Stopped => Err(Closed::Stopped),
        }
    }

    /// The broker, if it serves, for a call that lasts, and what tells it to end.
    pub fn stream(&self) -> Result<(Arc<Handle>, OpenStream), Closed> {
        // Counted before the phase is looked at: a drain that was not seen waits for it.
        let open = self.streams.subscribe();
        let broker = self.broker()?;
        Ok((broker, OpenStream { phase: self.phase.subscribe(), _open: open }))
    }

    /// Waits until no stream is open. They end by themselves once the gate has closed.
    pub async fn streams_ended(&self) {
        self.streams.closed().await;
    }

    /// The phase as it changes; the present one counts as not seen.
    pub fn watch(&self) -> watch::Receiver<Phase> {
        let mut phase = self.phase.subscribe();
        phase.mark_changed();
        phase
    }
}

impl OpenStream {
    /// Waits until the gate has closed; why.
    pub async fn closed(&mut self) -> Closed {
        loop {
            match &*self.phase.borrow_and_update() {
                Phase::Recovering(_) | Phase::Serving(_) => {}
                Phase::Draining => return Closed::Draining,
                Phase::Stopped => return Closed::Stopped,
            }
            if self.phase.changed().await.is_err() {
                return Closed::Stopped;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{
            Receipts,
            mailbox::{Limits, Mailbox},
        },
        types::Lineage,
    };

    fn broker() -> Handle {
        let (mailbox, _) = Mailbox::new(Limits { requests_max: 1, polls_max: 1, bytes_max: 1 });
        Handle::new(mailbox, Receipts::new(&[0; 32]), Lineage::default())
    }

    #[test]
    fn a_gate_tells_why_it_is_closed() {
        let gate = Gate::new();
        gate.recovering("3 of 10 segments read");
        let progress = "3 of 10 segments read".into();
        assert_eq!(gate.broker().err(), Some(Closed::Recovering { progress }));
        gate.open(broker());
        assert!(gate.broker().is_ok());
        gate.drain();
        assert_eq!(gate.broker().err(), Some(Closed::Draining));
        gate.stop();
        assert_eq!(gate.broker().err(), Some(Closed::Stopped));
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_gate_and_is_waited_for() {
        let gate = Gate::new();
        assert!(gate.stream().is_err());
        gate.open(broker());
        let (_, mut stream) = gate.stream().expect("it serves");
        gate.drain();
        assert_eq!(stream.closed().await, Closed::Draining);
        tokio::select! {
            biased;
            () = gate.streams_ended() => panic!("one is open"),
            () = std::future::ready(()) => {}
        }
        drop(stream);
        gate.streams_ended().await;
    }

    #[test]
    fn a_gate_never_goes_back() {
        let gate = Gate::new();
        gate.drain();
        gate.recovering("late");
        gate.open(broker());
        assert_eq!(gate.broker().err(), Some(Closed::Draining));
        gate.stop();
        gate.drain();
        assert_eq!(gate.broker().err(), Some(Closed::Stopped));
    }
}
