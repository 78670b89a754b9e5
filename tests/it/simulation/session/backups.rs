//! Backups while everything goes on, and brokers that are restored from them.
//!
//! What was told before a backup began is in it. What was asked since may be in it or not.

use ledgerq::{
    disk::SimDisk,
    store,
    types::{BackupId, BackupPlan, Command, Millis},
};

use super::{Ask, Session, emptied::empty};
use crate::{
    backup::{Within, copy, restore_from},
    broker::SimBroker,
    history::{Checker, Event, Told},
};

const HOUR: Millis = Millis::from_secs(3600);

/// A backup that is under way.
pub(super) struct Backup {
    /// What it must hold.
    checker: Checker,
    /// What it is made of, once it has begun.
    plan: Option<BackupPlan>,
}

impl Backup {
    pub(super) fn note(&mut self, event: &Event) {
        if matches!(event, Event::Asked { .. } | Event::Damaged) {
            let read = self.checker.read(event);
            read.expect("neither breaks a promise");
        }
    }
}

impl super::whole::Whole {
    pub(super) fn begun(&mut self, plan: &BackupPlan) {
        if let Some(backup) = &mut self.backup {
            backup.plan = Some(plan.clone());
        }
    }
}

impl Session {
    pub(super) fn begin_backup(&mut self) {
        if self.whole.backup.is_none() {
            let checker = self.checker.clone();
            self.ask(Ask::Upkeep, Command::BeginBackup { hold: HOUR });
            self.whole.backup = Some(Backup { checker, plan: None });
        }
    }

    /// Copies the files of a backup that has begun, and restores it.
    pub(super) fn finish_backup(&mut self) {
        let Some(plan) = self.whole.backup.as_ref().and_then(|backup| backup.plan.clone()) else {
            return;
        };
        let to = Within::of_own(&self.disk, format!("backup-{}", self.round));
        let Ok(to) = to else { return };
        let made = copy(&plan, &self.disk, &to);
        if let Ok(made) = made
            && self.end_backup(plan.id)
            && store::publish(&made, &to).is_ok()
        {
            self.judge_backup(to);
        }
        self.whole.backup = None;
    }

    /// Whether the files were kept until now.
    fn end_backup(&mut self, backup: BackupId) -> bool {
        let id = self.next_ask;
        self.ask(Ask::Upkeep, Command::EndBackup { backup });
        loop {
            self.settle();
            let is_told = |event: &Event| {
                let Event::Told { id: told, told: Told::Done, .. } = event else { return false };
                *told == id
            };
            if self.waiting.iter().all(|(_, waiting, _)| *waiting != id) {
                return self.history.iter().rev().any(is_told);
            }
            let broker = self.broker.as_mut().expect("the session has started");
            if !broker.go_on(&mut self.random) {
                return false;
            }
        }
    }

    fn judge_backup(&mut self, from: Within) {
        let Some(backup) = &self.whole.backup else { return };
        // What is copied is not read again by the clients' faults.
        let from = Within { disk: from.disk.snapshot(), ..from };
        from.disk.set_faults(ledgerq::disk::sim::Faults::none());
        let disk = SimDisk::new();
        let is_damaged = self.whole.is_damaged;
        match restore_from(from, &disk, is_damaged) {
            Ok(_) => {}
            Err(error) => return assert!(is_damaged, "no restore: {error}"),
        }
        let (settings, clock) = (self.plan.workload.settings(), self.clock.copy());
        match SimBroker::start(settings, &disk, &clock, self.plan.seed << 32 | 7) {
            Ok(mut broker) => {
                if is_damaged {
                    broker.allow_damage();
                }
                drop(empty(&mut broker, &backup.checker, &self.history));
                self.whole.counts.backups += 1;
            }
            Err(error) => assert!(is_damaged, "no start from a backup: {error}"),
        }
    }
}
