//! Looking without touching: queues as clients see them.

use std::ops::Bound;

use super::{State, queue::Queue};
use crate::types::{Leased, Millis, QueueCounts, QueueId, QueueName, QueueView, Rejection, Seq};

impl State {
    /// One queue.
    pub fn queue(&self, name: &QueueName) -> Result<QueueView, Rejection> {
        Ok(self.view(self.named(name)?))
    }

    /// Up to `count_max` queues whose names begin with `prefix` and come after `after`, in the
    /// order of names, and whether there are more.
    pub fn queues(
        &self,
        prefix: &str,
        after: Option<&QueueName>,
        count_max: usize,
    ) -> (Vec<QueueView>, bool) {
        let start = after.map_or(Bound::Unbounded, |name| Bound::Excluded(name.clone()));
        let mut matching = self
            .names
            .range((start, Bound::Unbounded))
            .skip_while(|(name, _)| name.as_str() < prefix)
            .take_while(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(_, id)| &self.queues[id]);
        let page = matching.by_ref().take(count_max).map(|queue| self.view(queue)).collect();
        (page, matching.next().is_some())
    }

    /// A leased message as its receive tells it; `None` if it is not there.
    pub fn leased(&self, queue: QueueId, seq: Seq) -> Option<Leased> {
        let touched = self.queues.get(&queue)?.touched.get(&seq)?;
        let super::queue::Phase::InFlight { until } = touched.phase else { return None };
        Some(Leased {
            queue,
            seq,
            nonce: touched.nonce,
            until,
            sent_at: touched.sent_at,
            first_received_at: touched.first_received_at,
            receive_count: touched.receive_count,
        })
    }

    /// A queue's incarnation, and how long its receives wait unless they say.
    pub fn receive_wait(&self, name: &QueueName) -> Result<(QueueId, Millis), Rejection> {
        self.named(name).map(|queue| (queue.id, queue.settings.receive_wait))
    }

    fn view(&self, queue: &Queue) -> QueueView {
        QueueView {
            name: queue.name.clone(),
            id: queue.id,
            settings: queue.settings.clone(),
            counts: QueueCounts {
                ready: queue.ready_count(),
                delayed: queue.delayed_count,
                in_flight: queue.in_flight_count,
                oldest_age: queue.oldest_sent_at().map(|sent_at| self.now.since(sent_at)),
            },
            created_at: queue.created_at,
            modified_at: queue.modified_at,
        }
    }
}
