//! Deciding on commands about queues: what record would make them true, or why not.

use super::State;
use crate::types::{
    QueueName, QueueSettings, Record, Rejection, SettingsPatch, limits::PURGE_INTERVAL,
};

impl State {
    /// The record that makes a queue; `None` if it is there with the same settings.
    pub fn decide_create(
        &self,
        name: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Option<Record>, Rejection> {
        if name.is_fifo() {
            return Err(Rejection::Malformed {
                field: "queue",
                value: name.to_string(),
                problem: "only FIFO queues end in .fifo, and this version has none".to_owned(),
            });
        }
        if let Ok(queue) = self.named(name) {
            return match queue.settings.first_difference(settings) {
                None => Ok(None),
                Some(setting) => {
                    Err(Rejection::QueueAlreadyExists { queue: name.clone(), setting })
                }
            };
        }
        let settings = QueueSettings::default().patched(settings);
        settings.check()?;
        Ok(Some(Record::QueueCreated { queue: self.next_queue, name: name.clone(), settings }))
    }

    /// The record that changes a queue's settings; `None` if nothing would change.
    pub fn decide_update(
        &self,
        name: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Option<Record>, Rejection> {
        let queue = self.named(name)?;
        let settings = queue.settings.patched(settings);
        settings.check()?;
        let changes = settings != queue.settings;
        Ok(changes.then_some(Record::QueueUpdated { queue: queue.id, settings }))
    }

    /// The record that deletes a queue.
    pub fn decide_delete_queue(&self, name: &QueueName) -> Result<Record, Rejection> {
        Ok(Record::QueueDeleted { queue: self.named(name)?.id })
    }

    /// The record that deletes all messages of a queue.
    pub fn decide_purge(&self, name: &QueueName) -> Result<Record, Rejection> {
        let queue = self.named(name)?;
        if let Some(purged_at) = queue.purged_at {
            let again_at = purged_at.after(PURGE_INTERVAL);
            if again_at > self.now {
                let retry_after = again_at.since(self.now);
                return Err(Rejection::PurgeInProgress { queue: name.clone(), retry_after });
            }
        }
        Ok(Record::QueuePurged { queue: queue.id, seq_bound: self.next_seq })
    }
}
