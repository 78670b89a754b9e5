//! The checkpoints of a broker's directory, changed by hand, under right checksums too.
//!
//! Whatever they hold, an audit says what a start then does, and a broker that starts goes on:
//! it tells its queues, lets time pass, takes a checkpoint and starts again as it was. As long as
//! no checksum was made right again, it has the same queues with the same counts as before.

#[path = "../../it/broker.rs"]
#[allow(dead_code, unused_imports, reason = "it is made for tests that use more of it")]
mod broker;
#[path = "../../it/commands.rs"]
#[allow(dead_code, reason = "it is made for tests that use more of it")]
mod commands;
mod edit;
mod file;
#[path = "../../it/used.rs"]
mod used;

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use ledgerq::{
    broker::audit,
    disk::{Disk, ReadOnly, SimDisk},
    store,
    types::{Command, Millis, Reply},
};

use broker::{SimBroker, ToldClock, small_settings};
use edit::Edit;

const EDITS_MAX: usize = 6;
/// The longest text of a refusal, in bytes.
const TEXT_BYTES_MAX: usize = 1000;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(mut edits) = Vec::<Edit>::arbitrary_take_rest(Unstructured::new(input)) else { return };
    edits.truncate(EDITS_MAX);
    thread_local! {
        static DIRECTORY: (SimDisk, Reply) = {
            let disk = used::directory(16);
            let queues = queues(&mut start(&disk).expect("it is whole"));
            (disk, queues)
        };
    }
    DIRECTORY.with(|(disk, queues_before)| {
        let disk = disk.kill();
        for edit in &edits {
            // What does not fit the disk as it has become changes nothing.
            let _ = edit.apply(&disk);
        }
        let is_refused = is_refused(&disk);
        match start(&disk) {
            Err(text) => {
                assert!(is_refused, "an audit does not say: {text}");
                assert!(!text.is_empty() && text.len() <= TEXT_BYTES_MAX, "{text}");
            }
            Ok(mut broker) => {
                assert!(!is_refused, "an audit says that it is refused");
                let queues = queues(&mut broker);
                let is_forged = edits.iter().any(Edit::is_forged);
                assert!(is_forged || queues == *queues_before, "{queues_before:?} {queues:?}");
                go_on(broker);
            }
        }
    });
}

/// What a broker does that was started: nothing of it may fail.
fn go_on(mut broker: SimBroker) {
    broker.ask(Command::GetStatus).expect("it answers").reply.expect("it tells");
    broker.advance(Millis::from_secs(3600));
    broker.ask(Command::Checkpoint).expect("it answers").reply.expect("it is taken");
    assert!(broker.failure().is_none(), "{:?}", broker.failure());
    let before = queues(&mut broker);
    let mut again = start(&broker.disk().kill()).expect("it started before");
    assert_eq!(queues(&mut again), before, "it is as it was");
}

fn queues(broker: &mut SimBroker) -> Reply {
    let command = Command::ListQueues { prefix: String::new(), after: None, count_max: 100 };
    broker.ask(command).expect("it answers").reply.expect("it lists")
}

/// A start at the time at which the directory was left, or why it is refused.
fn start(disk: &SimDisk) -> Result<SimBroker, String> {
    let seed = disk.operation_count() + 2;
    SimBroker::start(small_settings(), &disk.kill(), &ToldClock::new(), seed)
        .map_err(|error| error.to_string())
}

/// What an audit says of the directory.
fn is_refused(disk: &SimDisk) -> bool {
    let lineage = store::lineage_of(disk).expect("nobody touched it");
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    let audited = audit(&small_settings(), &quiet, lineage, &mut |_| ());
    let report = audited.expect("the disk can be read").report;
    report.refuses_start()
}
