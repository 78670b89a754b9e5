//! Disk that is given back: how much there is at any time, and that figures say the same.

use ledgerq::{
    disk::{Access, Disk, SimDisk},
    log::{SEGMENT_BYTES_MIN, SEGMENTS_DIR},
    types::{
        Command, DeleteMode, FilesStatus, Leased, Millis, QueueCounts, Reply, SettingsPatch, Status,
    },
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{create, entry, queue, receive, send},
};

/// Body of most messages, in bytes.
const BODY_BYTES: usize = 2000;

struct Bounded {
    broker: SimBroker,
    disk: SimDisk,
    clock: ToldClock,
}

impl Bounded {
    fn start() -> Self {
        let (disk, clock) = (SimDisk::new(), ToldClock::new());
        let broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
        Self { broker, disk, clock }
    }

    fn ask(&mut self, command: Command) -> Reply {
        let told = self.broker.ask(command).expect("it does not wait");
        told.reply.unwrap_or_else(|refused| panic!("{refused}"))
    }

    fn send(&mut self, name: &str) {
        self.ask(send(name, entry(vec![b'x'; BODY_BYTES])));
    }

    fn take_and_delete(&mut self, name: &str, count_max: usize) -> usize {
        let Reply::Received(leased) = self.ask(receive(name, count_max, None)) else {
            panic!("not received")
        };
        if !leased.is_empty() {
            let (queue, mode) = (queue(name), DeleteMode::Fenced);
            let taken = leased.iter().map(Leased::lease).collect();
            self.ask(Command::Delete { queue, leases: taken, mode });
        }
        leased.len()
    }

    fn status(&mut self) -> Status {
        let Reply::Status(status) = self.ask(Command::GetStatus) else { panic!("no status") };
        *status
    }

    fn files(&mut self) -> FilesStatus {
        self.status().files
    }

    fn counts(&mut self, name: &str) -> QueueCounts {
        let Reply::Queue(view) = self.ask(Command::GetQueue { queue: queue(name) }) else {
            panic!("no queue")
        };
        view.counts
    }

    fn checkpoint_twice(&mut self) {
        self.ask(Command::Checkpoint);
        self.ask(Command::Checkpoint);
    }

    /// Names and lengths of segments and outputs.
    fn on_disk(&self) -> Vec<(String, u64)> {
        let names = self.disk.list(SEGMENTS_DIR).expect("the directory is there");
        let length = |name: String| {
            let file = self.disk.open(&format!("{SEGMENTS_DIR}/{name}"), Access::Read);
            let bytes = file.and_then(|file| file.len()).expect("it is there");
            (name, bytes)
        };
        names.into_iter().map(length).collect()
    }

    fn restart(self) -> Self {
        let disk = self.disk.kill();
        drop(self.broker);
        let broker = SimBroker::start(small_settings(), &disk, &self.clock, 7).expect("it starts");
        Self { broker, disk, clock: self.clock }
    }

    /// What figures say is what is there, but for segments that wait to be used.
    fn check_figures(&mut self) {
        let files = self.files();
        let spare_max = files.standby_count + small_settings().pool_count_max as u64;
        let there = self.on_disk();
        let (count, bytes) =
            (there.len() as u64, there.iter().map(|(_, bytes)| bytes).sum::<u64>());
        let told_count = files.segment_count + files.output_count;
        assert!(told_count + files.standby_count <= count, "{files:?} of {there:?}");
        assert!(count <= told_count + spare_max, "{files:?} of {there:?}");
        let spare_bytes = (count - told_count) * SEGMENT_BYTES_MIN;
        assert_eq!(files.bytes + spare_bytes, bytes, "{files:?} of {there:?}");
    }
}

#[test]
fn disk_is_bounded_by_what_lives_under_deletes_with_a_few_that_live_long() {
    let mut bounded = Bounded::start();
    bounded.ask(create("jobs"));
    bounded.ask(create("kept"));
    let mut kept_count = 0;
    let (mut outputs_max, mut worst) = (0, 0);
    for round in 0..600_u64 {
        for _ in 0..4 {
            bounded.send("jobs");
        }
        if round % 20 == 0 {
            bounded.send("kept");
            kept_count += 1;
        }
        assert_eq!(bounded.take_and_delete("jobs", 10), 4);
        if round % 50 != 49 {
            continue;
        }
        let status = bounded.status();
        let files = status.files;
        assert_eq!(files.live_count, kept_count);
        assert_eq!(files.live_count, bounded.counts("kept").ready);
        let checkpoint_bytes = small_settings().owner.upkeep.checkpoint_bytes;
        // Twice what lives and a segment; the log since the older checkpoint; the segments that it
        // begins and ends in.
        let bound =
            2 * files.live_bytes + SEGMENT_BYTES_MIN + 2 * checkpoint_bytes + 2 * SEGMENT_BYTES_MIN;
        // An output and the files that it replaced are there together until two checkpoints.
        let bound = bound + 3 * SEGMENT_BYTES_MIN;
        worst = worst.max(files.bytes * 100 / bound);
        assert!(files.bytes <= bound, "{} bytes, {bound} expected: {files:#?}", files.bytes);
        outputs_max = outputs_max.max(files.output_count);
        bounded.check_figures();
    }
    assert!(bounded.status().compaction.switched_count >= 2, "some were compacted");
    assert!(outputs_max > 0, "into outputs");
    eprintln!("at most {worst} % of the bound");

    while bounded.take_and_delete("kept", 10) > 0 {}
    bounded.checkpoint_twice();
    bounded.ask(Command::Checkpoint);
    let files = bounded.files();
    assert_eq!((files.live_count, files.live_bytes, files.output_count), (0, 0, 0), "{files:?}");
    assert!(files.segment_count <= 2, "{files:?}");
    bounded.check_figures();

    let mut bounded = bounded.restart();
    bounded.checkpoint_twice();
    bounded.check_figures();
}

/// A queue of three hundred messages, over about ten segments.
fn deep() -> Bounded {
    let mut bounded = Bounded::start();
    let settings =
        SettingsPatch { retention: Some(Millis::from_secs(3600)), ..SettingsPatch::default() };
    bounded.ask(Command::CreateQueue { queue: queue("jobs"), settings });
    for _ in 0..300 {
        bounded.send("jobs");
    }
    assert!(bounded.files().segment_count >= 9, "it is deep: {:?}", bounded.files());
    bounded
}

#[track_caller]
fn gives_everything_back(mut bounded: Bounded) {
    bounded.checkpoint_twice();
    let files = bounded.files();
    assert_eq!((files.live_count, files.live_bytes), (0, 0));
    assert!(files.segment_count <= 2, "{files:?}");
    assert!(bounded.on_disk().len() <= 5, "{:?}", bounded.on_disk());
    bounded.check_figures();
    let mut bounded = bounded.restart();
    let files = bounded.files();
    assert_eq!((files.live_count, files.live_bytes), (0, 0), "nothing comes back");
    bounded.checkpoint_twice();
    bounded.check_figures();
}

#[test]
fn a_purge_gives_files_back_after_two_checkpoints() {
    let mut bounded = deep();
    bounded.ask(Command::PurgeQueue { queue: queue("jobs") });
    gives_everything_back(bounded);
}

#[test]
fn a_queues_deletion_gives_files_back_after_two_checkpoints() {
    let mut bounded = deep();
    bounded.ask(Command::DeleteQueue { queue: queue("jobs") });
    gives_everything_back(bounded);
}

#[test]
fn retention_gives_whole_segments_back_after_two_checkpoints() {
    let mut bounded = deep();
    bounded.broker.advance(Millis::from_secs(3601));
    gives_everything_back(bounded);
}

#[test]
fn what_was_written_is_told_by_kind() {
    let mut bounded = Bounded::start();
    bounded.ask(create("jobs"));
    (0..60).for_each(|_| bounded.send("jobs"));
    bounded.broker.advance(Millis::from_secs(1));
    let (written, files) = (bounded.status().written, bounded.files());
    let rolled = files.segment_count - 1;
    assert!(rolled >= 1 && written.frame_bytes > 60 * BODY_BYTES as u64, "{written:?}");
    assert!(written.footer_bytes >= rolled * 64, "{written:?}");
    let prepared = (rolled + files.standby_count) * SEGMENT_BYTES_MIN;
    assert!(written.zero_bytes >= prepared, "{written:?}, {files:?}");
}
