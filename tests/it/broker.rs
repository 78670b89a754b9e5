//! A broker without threads: the owner and its recovery on a simulated disk, at a told time.
//!
//! Jobs run where they are handed out, so a run is the same each time and can be stopped at any
//! operation of the disk. A request that is only submitted shares its frame with those that
//! follow; [`SimBroker::settle`] writes them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use ledgerq::{
    broker::{
        Answer, Effect, Event, Held, Owner, Receipts, Request, StartError, Waiter, owner, scrub,
        start::{self, Settings},
        upkeep,
    },
    clock::{BrokerClock, Clock},
    disk::{SimDisk, sim::Random},
    entropy::SeededEntropy,
    log::{LogError, RecoveryReport, SEGMENT_BYTES_MIN},
    state,
    store::Directory,
    types::{Command, Envelope, Leased, Lineage, Millis, Rejection, Reply, Timestamp, limits},
};

/// When every test begins: some time in 2023.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A clock that shows what it is told to.
#[derive(Clone, Debug)]
pub(crate) struct ToldClock(Arc<AtomicU64>);

impl ToldClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(BEGIN.as_millis())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ToldClock {
    fn wall(&self) -> Timestamp {
        self.now()
    }

    fn elapsed(&self) -> Millis {
        Millis::new(self.now().as_millis())
    }
}

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
    /// The messages of a receive.
    pub(crate) contents: Vec<Content>,
    /// What goes with each message that was looked at, and its body.
    pub(crate) looked: Vec<(Envelope, Bytes)>,
}

/// Which effects wait to be told, and those that do.
type HeldBack = (fn(&Effect<Client>) -> bool, VecDeque<Effect<Client>>);

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
    /// Why the owner stopped.
    failure: Option<LogError>,
    /// How often no segment could be prepared.
    no_space_count: u64,
    report: RecoveryReport,
    /// Damage that the scrub has told of.
    scrubbed: Vec<scrub::Scrubbed>,
    /// What is to run only when told, and what of it has not run yet.
    held_back: Option<HeldBack>,
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
            failure: None,
            no_space_count: 0,
            report: started.report,
            scrubbed: Vec::new(),
            held_back: None,
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
                match &mut self.held_back {
                    Some((is_held, waiting)) if is_held(&effect) => waiting.push_back(effect),
                    _ => self.carry_out(effect),
                }
            }
        }
        panic!("the owner does not come to rest");
    }

    /// From now on, what goes on in the background does so only when told: whatever clients do may
    /// come in between, as it may with threads.
    pub(crate) fn hold_background(&mut self) {
        self.held_back = Some((is_background, VecDeque::new()));
    }

    /// From now on, frames are written only when told, and the background is faster.
    pub(crate) fn hold_writes(&mut self) {
        self.held_back = Some((|effect| matches!(effect, Effect::Write(..)), VecDeque::new()));
    }

    /// Carries out one of the things that were held back; whether there was one.
    pub(crate) fn go_on(&mut self, random: &mut Random) -> bool {
        let Some((_, waiting)) = &mut self.held_back else { return false };
        if waiting.is_empty() {
            return false;
        }
        let at = random.below(waiting.len());
        let effect = waiting.remove(at).expect("it is within the queue");
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
        let until = self.clock.now().after(by);
        let mut wakes_at_once = 0;
        while let Some(at) = self.owner.next_wake().filter(|at| *at <= until) {
            wakes_at_once = if at > self.clock.now() { 0 } else { wakes_at_once + 1 };
            assert!(wakes_at_once < 1000, "the owner spins");
            self.clock.set(at.max(self.clock.now()));
            self.wake();
            if self.failure.is_some() {
                break;
            }
        }
        self.clock.set(until);
        self.wake();
    }

    /// Jumps to a time without a stop in between, as a process that was suspended does.
    pub(crate) fn leap(&mut self, by: Millis) {
        self.clock.set(self.clock.now().after(by));
        self.wake();
    }

    /// Shuts down in order.
    pub(crate) fn drain(&mut self) {
        for effect in self.held_back.take().map(|(_, waiting)| waiting).unwrap_or_default() {
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
        let Answer { reply, bodies } = answer;
        let read = |body: &ledgerq::store::BodyRef| {
            body.read().expect("a body that was acknowledged can be read")
        };
        let mut read: Vec<(Envelope, Bytes)> = bodies.iter().map(read).collect();
        let mut contents = Vec::new();
        match &reply {
            Ok(Reply::Received(leased)) => {
                assert_eq!(leased.len(), read.len(), "every message has its body");
                let pairs = leased.iter().zip(read.drain(..));
                contents.extend(pairs.map(|(leased, (envelope, body))| Content {
                    leased: leased.clone(),
                    envelope,
                    body,
                }));
            }
            Ok(Reply::Browsed { messages, .. }) => {
                assert_eq!(messages.len(), read.len(), "every message has its body");
            }
            _ => assert!(read.is_empty(), "only messages have bodies"),
        }
        let told = Told { contents, looked: read, reply };
        self.told.insert(id, told);
    }

    fn absent(&self) -> std::sync::MutexGuard<'_, Absent> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the program has a thread in the background for it, while it goes on serving.
fn is_background(effect: &Effect<Client>) -> bool {
    matches!(
        effect,
        Effect::Prepare(_)
            | Effect::Seal(_)
            | Effect::Checkpoint(_)
            | Effect::Compact(_)
            | Effect::Scrub(_)
            | Effect::Unlink(_)
    )
}
