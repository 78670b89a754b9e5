//! A data directory that is whole, everything that is known of it, and how one is made.

use std::collections::BTreeMap;

use ledgerq::{
    broker::{digest, start::Settings},
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, Random, keep_all, keep_none},
    },
    types::{
        Attribute, AttributeValue, Command, DeleteMode, Envelope, Leased, Millis, QueueName, Reply,
        SendEntry, SettingsPatch, Timestamp,
    },
};

use super::{
    judge::{Found, find},
    layout::{FileLayout, cut_off, layouts},
    seen::Seen,
    served::{Served, served},
    warnings,
};
use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands,
};

/// Every file of a directory.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A directory as a power cut left it, and what a start has to find in it.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) disk: SimDisk,
    pub(super) files: Files,
    /// The same directory at earlier moments, the oldest first.
    pub(super) moments: Vec<Files>,
    /// A directory with the same history and other ids and salts.
    pub(super) other: Files,
    pub(super) now: Timestamp,
    /// Messages that were sent before and are known by their deduplication ids.
    pub(super) known: Vec<(QueueName, SendEntry)>,
    pub(super) truth: Found,
    /// What clients are given who take all there is.
    pub(super) served: Vec<Served>,
    pub(super) layouts: BTreeMap<String, FileLayout>,
    /// What is left if the log loses its last frames, one more each time.
    pub(super) shorter: Vec<Seen>,
}

/// Segments of the smallest size, and checkpoints only when they are asked for.
pub(super) fn settings() -> Settings {
    let mut settings = small_settings();
    settings.owner.upkeep.checkpoint_bytes = u64::MAX / 64;
    settings
}

impl World {
    /// `build` makes the directory, the same for the same seed but for ids and salts.
    pub(super) fn of(name: &'static str, build: fn(u64) -> Life) -> Self {
        let Life { disk, moments, known, clock, .. } = build(1);
        let other = files(&build(2).disk);
        let now = clock.now();
        let layouts = layouts(&disk);
        let files = files(&disk);
        let _listening = warnings::listen();
        let truth = find(&disk, now, &known).unwrap_or_else(|error| panic!("{name}: {error}"));
        let served = served(&disk, now).expect("it is whole");
        let shorter = cut_off(&disk, &layouts).into_iter();
        let shorter = shorter.map(|disk| find(&disk, now, &known).expect("as after a crash").seen);
        let shorter = shorter.collect();
        Self { name, disk, files, moments, other, now, known, truth, served, layouts, shorter }
    }

    pub(super) fn bytes(&self, path: &str) -> &[u8] {
        &self.files[path]
    }

    pub(super) fn length(&self, path: &str) -> u64 {
        self.bytes(path).len() as u64
    }

    /// Paths with one of these endings, ascending.
    pub(super) fn paths(&self, endings: &[&str]) -> Vec<String> {
        let has = |path: &String| endings.iter().any(|ending| path.ends_with(ending));
        self.files.keys().filter(|path| has(path)).cloned().collect()
    }
}

fn files(disk: &SimDisk) -> Files {
    let file = |path: String| disk.file(&path).map(|bytes| (path, bytes));
    disk.paths().into_iter().filter_map(file).collect()
}

/// Starts on a copy of the disk.
pub(super) fn start(
    disk: &SimDisk,
    now: Timestamp,
) -> Result<SimBroker, ledgerq::broker::StartError> {
    let clock = ToldClock::new();
    clock.set(now);
    SimBroker::start(settings(), &disk.snapshot(), &clock, 77)
}

/// A broker's life, as a builder of a directory leads it.
pub(super) struct Life {
    pub(super) disk: SimDisk,
    pub(super) moments: Vec<Files>,
    pub(super) known: Vec<(QueueName, SendEntry)>,
    pub(super) clock: ToldClock,
    pub(super) random: Random,
    broker: Option<SimBroker>,
    seed: u64,
    number: u32,
}

impl Life {
    pub(super) fn new(seed: u64) -> Self {
        let (disk, clock) = (SimDisk::new(), ToldClock::new());
        let random = Random::new(5);
        let (moments, known) = (Vec::new(), Vec::new());
        let mut life = Self {
            disk,
            moments,
            known,
            clock,
            random,
            broker: None,
            seed: seed * 1000,
            number: 0,
        };
        life.restart();
        life
    }

    pub(super) fn broker(&mut self) -> &mut SimBroker {
        self.broker.as_mut().expect("it runs")
    }

    #[track_caller]
    pub(super) fn ask(&mut self, command: Command) -> Reply {
        let told = self.broker().ask(command).expect("it is answered");
        told.reply.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// The directory as it is now is remembered.
    pub(super) fn remember(&mut self) {
        self.moments.push(files(&self.disk.crash(&mut keep_none())));
    }

    /// The process ends and another one starts.
    pub(super) fn restart(&mut self) {
        self.broker = None;
        self.disk = self.disk.kill();
        self.seed += 1;
        let started = SimBroker::start(settings(), &self.disk, &self.clock, self.seed);
        self.broker = Some(started.unwrap_or_else(|error| panic!("{error}")));
    }

    /// The process ends within the write of a send: so many bytes of it are there.
    pub(super) fn tear(&mut self, bytes: usize) {
        let faults = Faults::none().at(Counter::Writes, 1, Fault::CrashWithin(bytes));
        self.disk.set_faults(faults);
        let entry = self.entry(bytes + 900);
        let told = self.broker().ask(commands::send("keep", entry));
        assert!(told.is_none() && self.disk.is_dead(), "the write was not finished");
        self.disk = self.disk.crash(&mut keep_all());
        self.broker = None;
    }

    /// The power is cut.
    pub(super) fn end(mut self) -> Self {
        self.broker = None;
        self.disk = self.disk.crash(&mut keep_none());
        self
    }

    pub(super) fn create(&mut self, name: &str, settings: SettingsPatch) {
        self.ask(Command::CreateQueue { queue: commands::queue(name), settings });
    }

    /// A message with a body of so many bytes, of which some are zeros, and with attributes.
    pub(super) fn entry(&mut self, bytes: usize) -> SendEntry {
        self.number += 1;
        let mut body = format!("message {}: ", self.number).into_bytes();
        while body.len() < bytes {
            match self.random.below(3) {
                0 => body.resize(body.len() + 700, 0),
                _ => body.extend_from_slice(&self.random.next_u64().to_le_bytes()),
            }
        }
        body.truncate(bytes);
        let value = AttributeValue::Text(self.number.to_string());
        let (name, data_type) = ("number".to_owned(), "Number".to_owned());
        let mut envelope = Envelope::default();
        if self.number.is_multiple_of(3) {
            envelope.attributes.push(Attribute { name, data_type, value });
        }
        let payload = ledgerq::broker::Handle::payload(&envelope, body.into());
        SendEntry { payload, ..SendEntry::default() }
    }

    pub(super) fn send(&mut self, name: &str, bytes: usize) {
        let entry = self.entry(bytes);
        self.ask(commands::send(name, entry));
    }

    /// Several messages in one request.
    pub(super) fn send_batch(&mut self, name: &str, sizes: &[usize]) {
        let entries = sizes.iter().map(|bytes| self.entry(*bytes)).collect();
        self.ask(Command::Send { queue: commands::queue(name), entries });
    }

    /// A message of a group that is known by its id.
    pub(super) fn send_once(&mut self, name: &str, group: &str, bytes: usize) {
        let group = Some(commands::group(group));
        let id = self.number.to_string();
        let deduplication = Some(digest::deduplication(&id, group.as_ref(), false));
        let entry = SendEntry { group, deduplication, ..self.entry(bytes) };
        self.known.push((commands::queue(name), entry.clone()));
        self.ask(commands::send(name, entry));
    }

    pub(super) fn receive(&mut self, name: &str, count: usize, seconds: u64) -> Vec<Leased> {
        let timeout = Some(Millis::from_secs(seconds));
        match self.ask(commands::receive(name, count, timeout)) {
            Reply::Received(leased) => leased,
            other => panic!("it was answered with {other:?}"),
        }
    }

    /// Receives and deletes so many messages.
    pub(super) fn consume(&mut self, name: &str, count: usize) {
        let mut left = count;
        while left > 0 {
            let leased = self.receive(name, left.min(10), 600);
            assert!(!leased.is_empty(), "there are so many");
            left -= leased.len();
            let taken = leased.iter().map(Leased::lease).collect();
            let (queue, mode) = (commands::queue(name), DeleteMode::Fenced);
            self.ask(Command::Delete { queue, leases: taken, mode });
        }
    }

    /// Time passes; an idle broker writes its tick.
    pub(super) fn pass(&mut self, by: Millis) {
        self.broker().advance(by);
    }
}
