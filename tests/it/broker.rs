//! A broker without threads: the owner and its recovery on a simulated disk, at a told time.
//!
//! Jobs run where they are handed out, so a run is the same each time and can be stopped at any
//! operation of the disk. A request that is only submitted shares its frame with those that
//! follow; [`SimBroker::settle`] writes them.

// With its path, since the fuzz targets have this file as a module as well.
#[path = "broker/clock.rs"]
mod clock;
#[path = "broker/hold.rs"]
mod hold;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use ledgerq::{
    broker::{
        Answer, Effect, Event, Held, Owner, Receipts, Request, StartError, Waiter, owner, scrub,
        start::{self, Settings},
        upkeep,
    },
    clock::BrokerClock,
    disk::{SimDisk, sim::Random},
    entropy::SeededEntropy,
    log::{LogError, RecoveryReport, SEGMENT_BYTES_MIN},
    state,
    store::Directory,
    types::{Command, Envelope, Leased, Lineage, Millis, Rejection, Reply, Timestamp, limits},
};

pub(crate) use clock::{BEGIN, ToldClock};
pub(crate) use hold::Hold;

/// Settings with the smallest segments and no cache, so that bodies are read back from the disk.
pub(crate) fn small_settings() -> Settings {
    Settings {
        segment_bytes: SEGMENT_BYTES_MIN,
        tail_cache_bytes: 0,
        state: state_settings(),
        pool_count_max: 2,
        owner: owner::Settings {
            idle_sync_after: Millis::new(20),
            upkeep: upkeep::Settings {
                checkpoint_bytes: 3 * SEGMENT_BYTES_MIN / 2,
                compaction_bytes_per_s: u64::MAX,
            },
            scrub: scrub::Settings::OFF,
        },
        accept_clock: false,
    }
}

/// What a state is set to unless it is told otherwise.
pub(crate) fn state_settings() -> state::Settings {
    state::Settings {
        in_flight_max: limits::IN_FLIGHT_MAX_DEFAULT,
        deduplication_ids_max: limits::DEDUPLICATION_IDS_MAX_DEFAULT,
        deleted_names_held: false,
    }
}

/// Names one request.
pub(crate) type RequestId = u64;

/// Clients that have gone: before they were chosen for a message, or before they were told.
#[derive(Default)]
struct Absent {
    gone: BTreeSet<RequestId>,
    deaf: BTreeSet<RequestId>,
}

/// Who waits for an answer.
pub(crate) struct Client {
    id: RequestId,
    absent: Arc<Mutex<Absent>>,
}

impl Client {
    fn is_in(&self, list: impl Fn(&Absent) -> &BTreeSet<RequestId>) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        list(&absent).contains(&self.id)
    }
}

impl Waiter for Client {
    fn is_gone(&self) -> bool {
        self.is_in(|absent| &absent.gone)
    }
}

/// One received message with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) leased: Leased,
    pub(crate) envelope: Envelope,
    pub(crate) body: Bytes,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) reply: Result<Reply, Rejection>,
    /// The messages of a receive whose bodies could be read.
    pub(crate) contents: Vec<Content>,
    /// Those whose bodies could not.
    pub(crate) unreadable: Vec<Leased>,
    /// What goes with each message that was looked at, and its body.
    pub(crate) looked: Vec<(Envelope, Bytes)>,
}

/// A broker and what it told its clients.
pub(crate) struct SimBroker {
    disk: SimDisk,
    clock: ToldClock,
    time: BrokerClock,
    owner: Owner<Client>,
    receipts: Receipts,
    lineage: Lineage,
    next_request: RequestId,
    absent: Arc<Mutex<Absent>>,
    told: BTreeMap<RequestId, Told>,
    /// The request whose answer is wanted as it is, and that answer.
    unread: Option<(RequestId, Option<Answer>)>,
    /// Why the owner stopped.
    failure: Option<LogError>,
    /// How often no segment could be prepared.
    no_space_count: u64,
    report: RecoveryReport,
    hold: Hold,
    /// What was held back and has not run yet.
    held_back: VecDeque<Effect<Client>>,
    /// Requests in the order in which their answers came, and when.
    told_at: Vec<(RequestId, Timestamp)>,
    /// Whether a body that cannot be read is told as such. Else it is a failure of the test.
    allows_damage: bool,
    /// Damage that the scrub has told of.
    scrubbed: Vec<scrub::Scrubbed>,
    _directory: Directory,
}

impl SimBroker {
    /// Starts on what the disk holds. Another seed for each start of the same disk, as in life.
    pub(crate) fn start(
        settings: Settings,
        disk: &SimDisk,
        clock: &ToldClock,
        seed: u64,
    ) -> Result<Self, StartError> {
        let entropy = Box::new(SeededEntropy::new(seed));
        let (on, by) = (Arc::new(disk.clone()), Arc::new(clock.clone()));
        let started = start::start(settings, on, by, entropy, &mut |_| {})?;
        let identity = started.directory.identity();
        let mut broker = Self {
            disk: disk.clone(),
            clock: clock.clone(),
            time: started.clock,
            owner: started.owner,
            receipts: Receipts::new(&identity.receipt_key),
            lineage: identity.lineage,
            next_request: 1,
            absent: Arc::default(),
            told: BTreeMap::new(),
            unread: None,
            failure: None,
            no_space_count: 0,
            // A process lets go of the files that its start had open.
            report: RecoveryReport { segments: Vec::new(), ..started.report },
            hold: Hold::Nothing,
            held_back: VecDeque::new(),
            told_at: Vec::new(),
            allows_damage: false,
            scrubbed: Vec::new(),
            _directory: started.directory,
        };
        // As its threads would: what goes on by itself goes on.
        broker.settle();
        Ok(broker)
    }

    pub(crate) fn disk(&self) -> &SimDisk {
        &self.disk
    }

    pub(crate) fn owner(&self) -> &Owner<Client> {
        &self.owner
    }

    pub(crate) fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    pub(crate) fn lineage(&self) -> Lineage {
        self.lineage
    }

    pub(crate) fn report(&self) -> &RecoveryReport {
        &self.report
    }

    pub(crate) fn take_scrubbed(&mut self) -> Vec<scrub::Scrubbed> {
        std::mem::take(&mut self.scrubbed)
    }

    pub(crate) fn failure(&self) -> Option<&LogError> {
        self.failure.as_ref()
    }

    pub(crate) fn no_space_count(&self) -> u64 {
        self.no_space_count
    }

    /// Hands in a request; it is carried out, and what it made is written when all settles.
    pub(crate) fn submit(&mut self, command: Command) -> RequestId {
        let id = self.next_request;
        self.next_request += 1;
        let waiter = Some(Client { id, absent: self.absent.clone() });
        self.owner.step(self.time.now(), Event::Request(Request { command, waiter }));
        id
    }

    /// Hands in a request and waits for the answer; `None` if it waits, or the broker stopped.
    pub(crate) fn ask(&mut self, command: Command) -> Option<Told> {
        let id = self.submit(command);
        self.settle();
        self.take_told(id)
    }

    /// The same, with messages that nobody has read yet: some of them may be damaged.
    pub(crate) fn ask_unread(&mut self, command: Command) -> Option<Answer> {
        self.unread = Some((self.next_request, None));
        self.submit(command);
        self.settle();
        self.unread.take().and_then(|(_, answer)| answer)
    }

    /// The client does not wait any more.
    pub(crate) fn hang_up(&mut self, id: RequestId) {
        self.absent().gone.insert(id);
    }

    /// The client is there when it is chosen for a message and gone when it is to be told.
    pub(crate) fn go_deaf(&mut self, id: RequestId) {
        self.absent().deaf.insert(id);
    }

    pub(crate) fn take_told(&mut self, id: RequestId) -> Option<Told> {
        self.told.remove(&id)
    }

    /// Runs what is to be done until nothing is.
    ///
    /// # Panics
    ///
    /// If that never ends: an owner with nothing to do must be quiet.
    pub(crate) fn settle(&mut self) {
        let mut effects = Vec::new();
        for _ in 0..10_000 {
            self.owner.flush(self.time.now(), &mut effects);
            if effects.is_empty() {
                return;
            }
            for effect in effects.drain(..) {
                if self.hold.holds(&effect) {
                    self.held_back.push_back(effect);
                } else {
                    self.carry_out(effect);
                }
            }
        }
        panic!("the owner does not come to rest");
    }

    /// Changes what is held back from now on. What was held back before waits to be told still.
    pub(crate) fn hold(&mut self, hold: Hold) {
        self.hold = hold;
    }

    /// From now on a body may be damaged.
    pub(crate) fn allow_damage(&mut self) {
        self.allows_damage = true;
    }

    /// Carries out one of the things that were held back; whether there was one.
    pub(crate) fn go_on(&mut self, random: &mut Random) -> bool {
        if self.held_back.is_empty() {
            return false;
        }
        let at = random.below(self.held_back.len());
        let effect = self.held_back.remove(at).expect("it is within the queue");
        self.carry_out(effect);
        self.settle();
        true
    }

    /// Lets time pass as a real clock does: the owner is woken whenever it asked to be.
    ///
    /// # Panics
    ///
    /// If the owner wants to be woken again and again at one time: it would spin.
    pub(crate) fn advance(&mut self, by: Millis) {
        let until = self.now().after(by);
        let mut wakes_at_once = 0;
        while let Some(at) = self.owner.next_wake().filter(|at| *at <= until) {
            let wait = at.since(self.now());
            wakes_at_once = if wait > Millis::ZERO { 0 } else { wakes_at_once + 1 };
            // While a frame is held back, the owner cannot do what it wakes for.
            let is_stuck = wakes_at_once > 0 && !self.held_back.is_empty();
            assert!(wakes_at_once < 1000, "the owner spins");
            if is_stuck || self.failure.is_some() {
                break;
            }
            self.leap(wait);
        }
        self.leap(until.since(self.now()));
    }

    /// Jumps to a time without a stop in between, as a process that was suspended does.
    pub(crate) fn leap(&mut self, by: Millis) {
        self.clock.set(self.clock.now().after(by));
        self.wake();
    }

    /// Broker time.
    pub(crate) fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Shuts down in order.
    pub(crate) fn drain(&mut self) {
        self.hold = Hold::Nothing;
        for effect in std::mem::take(&mut self.held_back) {
            self.carry_out(effect);
        }
        self.owner.step(self.time.now(), Event::Drain);
        self.settle();
    }

    fn wake(&mut self) {
        self.owner.step(self.time.now(), Event::Woken);
        self.settle();
    }

    fn carry_out(&mut self, effect: Effect<Client>) {
        let now = self.time.now();
        match effect {
            Effect::Write(job, held) => {
                let outcome = job.run();
                let is_durable = outcome.is_ok();
                let took = outcome.map(|()| std::time::Duration::ZERO);
                self.owner.step(now, Event::Written(took));
                if is_durable {
                    self.release(held);
                }
            }
            Effect::Release(held) => self.release(held),
            Effect::Prepare(job) => {
                let prepared = job.run(&self.disk);
                self.owner.step(now, Event::Prepared(prepared));
            }
            Effect::Seal(job) => {
                let bytes = job.footer_bytes();
                self.owner.step(now, Event::Sealed(job.run().map(|()| bytes)));
            }
            Effect::Checkpoint(task) => {
                let outcome = task.run(&self.disk);
                self.owner.step(now, Event::Checkpointed(outcome));
            }
            Effect::Compact(task) => {
                let outcome = task.run(&self.disk);
                self.owner.step(now, Event::Compacted(outcome));
            }
            Effect::Scrub(task) => {
                let outcome = task.run(&self.disk);
                self.owner.step(now, Event::Scrubbed(outcome));
            }
            Effect::ScrubFound(scrubbed) => self.scrubbed.push(scrubbed),
            Effect::Unlink(unlink) => unlink.run(&self.disk),
            Effect::Reserve(task) => {
                let outcome = task.run(&self.disk);
                self.owner.step(now, Event::Reserved(outcome));
            }
            Effect::ReadForMove(read) => {
                let request = Request { command: read.run(), waiter: None };
                self.owner.step(now, Event::Request(request));
            }
            Effect::Failed(error) => self.failure = Some(error),
            Effect::NoSpace(_) => self.no_space_count += 1,
            Effect::Synced(_)
            | Effect::Unsealed(_)
            | Effect::CheckpointFailed(_)
            | Effect::CompactionFailed(_)
            | Effect::ReserveFailed(_)
            | Effect::Drained => {}
        }
    }

    fn release(&mut self, held: Vec<Held<Client>>) {
        assert!(self.failure.is_none(), "nobody is told anything after a write failed");
        if self.disk.is_dead() {
            return;
        }
        for Held { waiter, answer } in held {
            if waiter.is_gone() || waiter.is_in(|absent| &absent.deaf) {
                self.give_back(&answer);
            } else {
                self.tell(waiter.id, answer);
            }
        }
    }

    /// What the mailbox does with an answer that nobody takes.
    fn give_back(&mut self, answer: &Answer) {
        if let Ok(Reply::Received(leased)) = &answer.reply
            && !leased.is_empty()
        {
            let command = Command::Return { leases: leased.iter().map(Leased::lease).collect() };
            let request = Request { command, waiter: None };
            self.owner.step(self.time.now(), Event::Request(request));
        }
    }

    fn tell(&mut self, id: RequestId, answer: Answer) {
        if let Some((_, unread)) = self.unread.as_mut().filter(|(wanted, _)| *wanted == id) {
            *unread = Some(answer);
            return;
        }
        let Answer { reply, bodies } = answer;
        let read = |body: &ledgerq::store::BodyRef| match body.read() {
            Err(_) if self.allows_damage => None,
            read => Some(read.expect("a body that was acknowledged can be read")),
        };
        let mut looked: Vec<Option<(Envelope, Bytes)>> = bodies.iter().map(read).collect();
        let (mut contents, mut unreadable) = (Vec::new(), Vec::new());
        match &reply {
            Ok(Reply::Received(leased)) => {
                assert_eq!(leased.len(), looked.len(), "every message has its body");
                for (leased, read) in leased.iter().zip(looked.drain(..)) {
                    let leased = leased.clone();
                    match read {
                        Some((envelope, body)) => {
                            contents.push(Content { leased, envelope, body });
                        }
                        None => unreadable.push(leased),
                    }
                }
            }
            Ok(Reply::Browsed { messages, .. }) => {
                assert_eq!(messages.len(), looked.len(), "every message has its body");
            }
            _ => assert!(looked.is_empty(), "only messages have bodies"),
        }
        let looked = looked.into_iter().flatten().collect();
        self.told.insert(id, Told { reply, contents, unreadable, looked });
        self.told_at.push((id, self.time.now()));
    }

    /// Who has been told something since the last call, in order, and when.
    pub(crate) fn take_told_at(&mut self) -> Vec<(RequestId, Timestamp)> {
        std::mem::take(&mut self.told_at)
    }

    fn absent(&self) -> std::sync::MutexGuard<'_, Absent> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
