//! Looking without touching: queues as clients see them.

use std::ops::Bound;

use super::{State, queue::Queue};
use crate::types::{QueueCounts, QueueName, QueueView, Rejection};

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
        let matching = self
            .after(after)
            .skip_while(|queue| queue.name.as_str() < prefix)
            .take_while(|queue| queue.name.as_str().starts_with(prefix));
        self.page(matching, count_max)
    }

    /// Up to `count_max` queues after `after` whose dead letters go to this queue, and whether
    /// there are more.
    pub fn dead_letter_sources(
        &self,
        name: &QueueName,
        after: Option<&QueueName>,
        count_max: usize,
    ) -> Result<(Vec<QueueView>, bool), Rejection> {
        self.named(name)?;
        let sources = self.after(after).filter(|queue| {
            let redrive = queue.settings.redrive.as_ref();
            redrive.is_some_and(|redrive| redrive.dead_letter_queue == *name)
        });
        Ok(self.page(sources, count_max))
    }

    fn after(&self, after: Option<&QueueName>) -> impl Iterator<Item = &Queue> {
        let start = after.map_or(Bound::Unbounded, |name| Bound::Excluded(name.clone()));
        self.names.range((start, Bound::Unbounded)).map(|(_, id)| &self.queues[id])
    }

    fn page<'a>(
        &self,
        mut queues: impl Iterator<Item = &'a Queue>,
        count_max: usize,
    ) -> (Vec<QueueView>, bool) {
        let page = queues.by_ref().take(count_max).map(|queue| self.view(queue)).collect();
        (page, queues.next().is_some())
    }

    fn view(&self, queue: &Queue) -> QueueView {
        QueueView {
            name: queue.name.clone(),
            id: queue.id,
            settings: queue.settings.clone(),
            counts: QueueCounts {
                ready: queue.ready_count(),
                delayed: queue.counts.delayed + queue.upcoming_count(),
                in_flight: queue.counts.in_flight,
                oldest_age: queue.oldest().map(|oldest| self.now.since(oldest)),
            },
            created_at: queue.created_at,
            modified_at: queue.modified_at,
            sends_paused: queue.sends_paused,
            receives_paused: queue.receives_paused,
        }
    }
}
