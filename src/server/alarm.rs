//! The timer of a connection: one entry among the runtime's timers, however often another time is
//! asked for.
//!
//! The transport sets a time for the head of each request and lets go of it when that has come. As
//! an entry of its own each is put in and taken out under a lock that all connections share. Here
//! the entry stays, and is moved on only when its time comes and a later one is wanted.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// So far away that nobody waits for it.
const FAR: Duration = Duration::from_hours(24);

/// The timer of a connection, in which one at a time waits.
#[derive(Clone)]
pub(super) struct Alarm(Arc<Mutex<Pin<Box<time::Sleep>>>>);

struct Until {
    time: time::Instant,
    alarm: Alarm,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(time::sleep(FAR)))))
    }
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, time: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { time: time.into(), alarm: self.clone() })
    }
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut entry = self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entry.deadline() > self.time {
            entry.as_mut().reset(self.time);
        }
        loop {
            ready!(entry.as_mut().poll(context));
            if entry.deadline() >= self.time {
                return Poll::Ready(());
            }
            entry.as_mut().reset(self.time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// Whether the wait takes at least so long; it may take longer on a busy machine.
    async fn takes(alarm: &Alarm, least: Duration, wait: impl Future) -> bool {
        let started_at = alarm.now();
        time::timeout(Duration::from_mins(1), wait).await.expect("it comes");
        alarm.now() - started_at >= least
    }

    #[tokio::test]
    async fn each_time_comes_and_not_before_it_is_due() {
        let alarm = Alarm::new();
        for after in [3 * SHORT, SHORT, 2 * SHORT, Duration::ZERO, SHORT] {
            assert!(takes(&alarm, after, alarm.sleep(after)).await, "{after:?}");
        }
    }

    #[tokio::test]
    async fn a_time_that_was_let_go_of_ends_no_later_wait() {
        let alarm = Alarm::new();
        for _ in 0..3 {
            let let_go = time::timeout(SHORT / 2, alarm.sleep(SHORT)).await;
            drop(let_go);
        }
        assert!(takes(&alarm, 4 * SHORT, alarm.sleep(4 * SHORT)).await);
    }
}
