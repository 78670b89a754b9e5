//! Deciding on commands about queues: what record would make them true, or why not.

use super::{State, queue::Queue};
use crate::types::{
    QueueName, QueueSettings, Record, RedrivePolicy, Rejection, SettingsEdit, SettingsPatch,
    limits::PURGE_INTERVAL,
};

impl State {
    /// The record that makes a queue; `None` if it is there with the same settings. Refused if it
    /// is there with others, or was deleted a short while ago and such names are held.
    pub fn decide_create(
        &self,
        name: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Option<Record>, Rejection> {
        if let Ok(queue) = self.named(name) {
            return match queue.settings.first_difference(settings) {
                None => Ok(None),
                Some(setting) => {
                    Err(Rejection::QueueAlreadyExists { queue: name.clone(), setting })
                }
            };
        }
        let held_for = self.deleted_names.held_for(name, self.now);
        if let Some(retry_after) = held_for.filter(|_| self.settings.deleted_names_held) {
            return Err(Rejection::QueueDeletedRecently { queue: name.clone(), retry_after });
        }
        let settings = QueueSettings::default().patched(settings);
        settings.check(name)?;
        self.check_redrive(name, settings.redrive.as_ref())?;
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
        if settings == queue.settings {
            return Ok(None);
        }
        settings.check(name)?;
        // A policy whose target has gone since must not stand in the way of other changes.
        if settings.redrive != queue.settings.redrive {
            self.check_redrive(name, settings.redrive.as_ref())?;
        }
        Ok(Some(Record::QueueUpdated { queue: queue.id, settings }))
    }

    /// The record that changes some words of a queue's settings; `None` if nothing would change.
    /// Refused if the edit was made from what is not so any more.
    pub fn decide_edit(
        &self,
        name: &QueueName,
        edit: &SettingsEdit,
    ) -> Result<Option<Record>, Rejection> {
        let patch = self.named(name)?.settings.edited(edit);
        let changed = || Rejection::SettingsChanged { queue: name.clone() };
        self.decide_update(name, &patch.ok_or_else(changed)?)
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

    /// The record that pauses or resumes a queue; `None` if nothing would change.
    pub fn decide_pause(
        &self,
        name: &QueueName,
        sends: Option<bool>,
        receives: Option<bool>,
    ) -> Result<Option<Record>, Rejection> {
        let queue = self.named(name)?;
        let sends = sends.unwrap_or(queue.sends_paused);
        let receives = receives.unwrap_or(queue.receives_paused);
        let changes = (sends, receives) != (queue.sends_paused, queue.receives_paused);
        Ok(changes.then_some(Record::QueuePaused { queue: queue.id, sends, receives }))
    }

    /// A dead-letter queue must be there, take this queue's dead letters, and not lead back here.
    fn check_redrive(
        &self,
        name: &QueueName,
        redrive: Option<&RedrivePolicy>,
    ) -> Result<(), Rejection> {
        let Some(redrive) = redrive else { return Ok(()) };
        let refused = |problem| Rejection::DeadLetterQueue {
            queue: name.clone(),
            dead_letter_queue: redrive.dead_letter_queue.clone(),
            problem,
        };
        let Ok(target) = self.named(&redrive.dead_letter_queue) else {
            return Err(refused("there is no such queue; create it first"));
        };
        if !target.settings.redrive_allow.allows(name) {
            return Err(refused("its redrive_allow_policy does not allow it"));
        }
        let mut next = target.settings.redrive.as_ref();
        // Every step leads to another queue, or the circle was there before, which cannot be.
        while let Some(policy) = next {
            if policy.dead_letter_queue == *name {
                return Err(refused("its own dead letters would come back here"));
            }
            let behind = self.named(&policy.dead_letter_queue).ok();
            next = behind.and_then(|queue: &Queue| queue.settings.redrive.as_ref());
        }
        Ok(())
    }
}
