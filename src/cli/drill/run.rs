//! A drill from its first start to the last message that is taken out.

use std::{io::IsTerminal as _, process::Command, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use super::{
    DrillArgs,
    broker::{Broker, Ended, PATIENCE},
    load::{DELAYED, DONE, Doing, Done, FIFO, Load, STANDARD, WORK},
    mount,
    place::Place,
    profile::Fault,
    report::{Cycle, Report, Setup},
    worker::Worker,
};
use crate::{
    cli::{Exit, Failure, Output},
    client::{Client, Error},
    clock::Stopwatch,
    entropy::{Entropy as _, SeededEntropy},
};

const PRODUCERS_COUNT: u64 = 3;
const CONSUMERS_COUNT: u64 = 5;
/// The most requests that are answered before a fault comes.
const ANSWERS_MAX: u64 = 200;

/// A drill under way. The order of the fields is that in which they go: the broker first, then
/// where its data lies.
pub(super) struct Drill {
    pub(super) broker: Option<Broker>,
    pub(super) place: Place,
    pub(super) load: Arc<Load>,
    pub(super) chance: SeededEntropy,
    pub(super) report: Report,
    /// How long the last start took.
    pub(super) recovery: Duration,
    faults: Vec<Fault>,
    wrapper: Vec<String>,
    address: watch::Sender<String>,
    workers: JoinSet<()>,
    prefix: String,
}

impl Drill {
    /// Of these cycles, in this place; nothing runs yet.
    pub(super) fn new(args: &DrillArgs, seed: u64, place: Place) -> Self {
        let (faults, left_out) = match args.wrapper {
            None => args.profile.faults(place.medium, &place.why),
            Some(_) => (vec![Fault::Wrapper], Vec::new()),
        };
        let words = args.wrapper.iter().flat_map(|command| command.split_whitespace());
        let wrapper = words.map(str::to_owned).collect();
        let profile = args.wrapper.as_ref().map_or(args.profile.name(), |_| "wrapper");
        let medium = place.medium.name();
        // Queues of a name that a copied directory will not have.
        let prefix = format!("drill-{seed:x}");
        Self {
            broker: None,
            place,
            load: Arc::new(Load::new(&prefix)),
            chance: SeededEntropy::new(seed),
            report: Report::new(Setup { seed, profile, medium, left_out }),
            recovery: Duration::ZERO,
            faults,
            wrapper,
            address: watch::Sender::new(String::new()),
            workers: JoinSet::new(),
            prefix,
        }
    }

    /// Runs it. Promises that were broken are in the report; an error means that it cannot go on.
    pub(super) async fn run(&mut self, cycles: u64, out: &mut Output) -> Result<(), Failure> {
        let bar = progress(cycles, out.is_json());
        if self.faults.contains(&Fault::FullDisk) {
            self.place.mounted.take_ballast().map_err(|error| cannot(&error))?;
        }
        self.start(&[]).await?;
        let client = self.client().await?;
        let before = self.others(&client).await?;
        self.load.create(&client).await.map_err(|error| refused(&error))?;
        self.employ();
        for cycle in 1..=cycles {
            let fault = Fault::next(&self.faults, cycle, &mut self.chance);
            bar.set_message(fault.name());
            let before = self.load.tally();
            let ended = self.endure(fault, cycle).await?;
            self.load.history().settle();
            let tally = self.load.tally().since(before);
            let cycle = Cycle { number: cycle, fault, ended, recovery: self.recovery, tally };
            if out.is_json() {
                out.object(&cycle.object()).and_then(|()| out.flush())?;
            }
            self.report.cycles.push(cycle);
            bar.inc(1);
        }
        bar.set_message("draining");
        self.finish(before).await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Takes note of why a drill could not go on, if that is the broker's doing.
    pub(super) fn note(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        match outcome {
            Err(Failure { exit: Exit::Refused, line: Some(line) }) => {
                self.report.failed = Some(line);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Ends all of it; what was found.
    pub(super) fn end(mut self, took: Duration, is_interrupted: bool) -> Report {
        self.report.took = took;
        self.report.tally = self.load.tally();
        self.report.disk_full = self.load.done().borrow().disk_full;
        if !self.report.is_good() && !is_interrupted {
            self.report.kept = Some(self.place.keep().display().to_string());
        }
        self.report.clone()
    }

    /// Starts a broker and waits until it serves; clients are told where.
    pub(super) async fn try_start(&mut self, wrapper: &[String]) -> Result<(), StartFailed> {
        self.broker = None;
        self.report.starts += 1;
        let watch = Stopwatch::start();
        let mounted = &self.place.mounted;
        let started = Broker::start(&mounted.data_dir, mounted.data_bytes_max(), wrapper);
        let broker = self.broker.insert(started.map_err(StartFailed::Io)?);
        let url = broker.listening().await.map_err(StartFailed::Ended)?;
        broker.serving().await.map_err(StartFailed::Ended)?;
        // Only now: a broker that recovers asks its clients to come again after a second.
        self.address.send_replace(url);
        self.recovery = watch.elapsed();
        Ok(())
    }

    /// The same, where a broker has to come up.
    pub(super) async fn start(&mut self, wrapper: &[String]) -> Result<(), Failure> {
        let started = self.try_start(wrapper).await;
        started.map_err(|failed| match failed {
            StartFailed::Io(error) => cannot(&error),
            StartFailed::Ended(ended) => not_up(&ended),
        })
    }

    /// The command that breaks the broker of this cycle.
    pub(super) fn wrapper(&self, cycle: u64) -> Vec<String> {
        let cycle = cycle.to_string();
        self.wrapper.iter().map(|word| word.replace("{cycle}", &cycle)).collect()
    }

    /// Waits for the moment of a fault: some answers, and then any time.
    pub(super) async fn moment(&mut self) -> Result<(), Failure> {
        let count = 1 + self.chance.next() % ANSWERS_MAX;
        self.answers(count).await?;
        self.any_time(Duration::from_millis(30)).await;
        Ok(())
    }

    /// Waits for so many more answers.
    pub(super) async fn answers(&self, count: u64) -> Result<(), Failure> {
        let goal = self.load.done().borrow().answers + count;
        self.until("the broker has stopped answering", |done| done.answers >= goal).await
    }

    /// Waits until the load has come so far; `problem` if it does not.
    pub(super) async fn until(
        &self,
        problem: &str,
        is_far: impl FnMut(&Done) -> bool,
    ) -> Result<(), Failure> {
        let mut done = self.load.done();
        let reached = timeout(PATIENCE, done.wait_for(is_far)).await;
        if let Some(strange) = self.load.strange() {
            let line = format!("the broker refused for no reason that a drill knows: {strange}");
            return Err(Failure::new(Exit::Refused, line));
        }
        if reached.is_ok() { Ok(()) } else { Err(Failure::new(Exit::Refused, problem)) }
    }

    /// Waits some time up to `most`, so that a fault falls between what can be waited for.
    pub(super) async fn any_time(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1);
        tokio::time::sleep(Duration::from_micros(self.chance.next() % micros)).await;
    }

    /// Receives and deletes until all queues are empty; `problem` if that takes too long.
    pub(super) async fn drain(&mut self, problem: &str) -> Result<(), Failure> {
        let mut drains = JoinSet::new();
        for queue in [STANDARD, FIFO, DELAYED, WORK, DONE] {
            drains.spawn(self.worker(0).drain(queue));
        }
        let drained = timeout(PATIENCE, drains.join_all()).await;
        let drained = drained.map_err(|_| Failure::new(Exit::Refused, problem))?;
        drained.into_iter().collect::<Result<Vec<()>, Error>>().map_err(|error| refused(&error))?;
        Ok(())
    }

    fn worker(&mut self, index: u64) -> Worker {
        Worker::new(&self.load, &self.address.subscribe(), self.chance.next(), index)
    }

    fn employ(&mut self) {
        for index in 0..PRODUCERS_COUNT {
            let worker = self.worker(index);
            self.workers.spawn(worker.produce());
        }
        for index in 0..CONSUMERS_COUNT {
            let worker = self.worker(index);
            self.workers.spawn(worker.consume());
        }
    }

    /// Ends the load, empties the queues, and judges.
    async fn finish(&mut self, others: Option<u64>) -> Result<(), Failure> {
        self.load.switch_to(Doing::Ending);
        let ended = timeout(PATIENCE, async { while self.workers.join_next().await.is_some() {} });
        let answered = ended.await;
        answered.map_err(|_| Failure::new(Exit::Refused, "a request was never answered"))?;
        self.drain("the queues cannot be emptied").await?;
        let client = self.client().await?;
        let after = self.others(&client).await?;
        self.report.others = others.zip(after);
        drop(client);
        self.terminate().await?;
        self.verify()?;
        self.report.broken = self.load.history().finish();
        Ok(())
    }

    /// Lets the broker end in order.
    pub(super) async fn terminate(&mut self) -> Result<(), Failure> {
        let Some(broker) = &mut self.broker else { return Ok(()) };
        broker.terminate();
        let ended = broker.ended(PATIENCE).await;
        self.broker = None;
        let problem = match ended {
            Some(Ended { code: 0, .. }) => return Ok(()),
            Some(ended) => format!("it ended with {}: {}", ended.code, ended.last_line),
            None => "it did not end".into(),
        };
        Err(Failure::new(Exit::Refused, format!("the broker was asked to end, and {problem}")))
    }

    /// Every byte of the directory is as it should be.
    fn verify(&self) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(|error| cannot(&error))?;
        let mut verify = Command::new(program);
        verify.args(["log", "verify", "--data-dir"]).arg(&self.place.mounted.data_dir);
        mount::run(&mut verify).map_err(|error| Failure::new(Exit::Refused, error.to_string()))
    }

    async fn client(&self) -> Result<Client, Failure> {
        let server = self.address.borrow().clone();
        Client::connect(&server).await.map_err(|error| refused(&error))
    }

    /// How many messages there are in queues that are not the drill's, if there can be any.
    async fn others(&self, client: &Client) -> Result<Option<u64>, Failure> {
        if !self.place.is_copy {
            return Ok(None);
        }
        let (mut count, mut page) = (0, None);
        loop {
            let listed = client.list_queues("", page).await.map_err(|error| refused(&error))?;
            for queue in listed.queues {
                if !queue.name.as_str().starts_with(&self.prefix) {
                    count += queue.counts.ready + queue.counts.delayed + queue.counts.in_flight;
                }
            }
            page = listed.next;
            if page.is_none() {
                return Ok(Some(count));
            }
        }
    }
}

/// Why a broker does not serve.
pub(super) enum StartFailed {
    Io(std::io::Error),
    Ended(Ended),
}

/// The drill itself cannot go on.
pub(super) fn cannot(error: &std::io::Error) -> Failure {
    Failure::new(Exit::CannotStart, format!("the drill cannot go on: {error}"))
}

/// The broker did not come up, though it has to.
pub(super) fn not_up(ended: &Ended) -> Failure {
    let Ended { code, last_line } = ended;
    let line = format!("the broker did not come up again, but ended with {code}: {last_line}");
    Failure::new(Exit::Refused, line)
}

fn refused(error: &Error) -> Failure {
    Failure::new(Exit::Refused, format!("the broker did not do what it has to: {error}"))
}

/// For a person at a terminal.
fn progress(cycles: u64, is_json: bool) -> ProgressBar {
    if is_json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} cycles, {msg}, {eta} left");
    let bar = ProgressBar::new(cycles);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
