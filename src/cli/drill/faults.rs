//! What happens to the broker in one cycle, and that it comes up again.

use std::{io, time::Duration};

use super::{
    broker::{Ended, PATIENCE},
    load::Doing,
    run::{Drill, StartFailed, cannot, not_up},
};
use crate::{
    cli::{Exit, Failure},
    entropy::Entropy as _,
};

use super::profile::Fault;

/// One kill of so many falls into a start.
const STARTS_KILLED: u64 = 8;
/// Refusals after which the disk counts as full.
const REFUSALS_COUNT: u64 = 3;
/// How long a broker may go on under a fault that may never show, and how many answers of it are
/// enough: the nth call of some kind is made within a few requests for each.
const FAULT_MAX: Duration = Duration::from_secs(5);
const FAULT_ANSWERS: u64 = 100;
const FAULT_ANSWERS_A_CYCLE: u64 = 4;
/// The same of a device that has less room than it said.
const ROOM_ANSWERS: u64 = 600;
/// What a device has left at most before its writes fail, in bytes: less than the segments that are
/// prepared and have nothing but zeros yet.
const ROOM_BYTES_MAX: u64 = 96 << 10;

impl Drill {
    /// Breaks the broker, and waits until one serves again; how it ended if it did by itself.
    pub(super) async fn endure(
        &mut self,
        fault: Fault,
        cycle: u64,
    ) -> Result<Option<i32>, Failure> {
        match fault {
            Fault::Kill => self.kill().await.map(|()| None),
            Fault::Terminate => {
                self.moment().await?;
                self.terminate().await?;
                self.start(&[]).await.map(|()| None)
            }
            Fault::FullDisk => self.fill().await.map(|()| None),
            Fault::Power => self.cut_power().await,
            Fault::IoError => self.fail_writes().await,
            Fault::Wrapper => self.wrap(cycle).await,
        }
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        self.moment().await?;
        self.broker = None;
        if self.chance.next().is_multiple_of(STARTS_KILLED) {
            let most = self.recovery * 2;
            let killed = self.chance.next();
            let pause = Duration::from_micros(killed % (1 + micros(most)));
            // Dropping the start kills it, wherever it is.
            let _ = tokio::time::timeout(pause, self.try_start(&[])).await;
            self.broker = None;
        }
        self.start(&[]).await
    }

    /// Fills the disk, sees that receives and deletes go on, and that sends come back by that.
    async fn fill(&mut self) -> Result<(), Failure> {
        let full = self.load.done().borrow().disk_full + REFUSALS_COUNT;
        self.load.switch_to(Doing::Filling);
        self.until("the disk is never full", |done| done.disk_full >= full).await?;
        if self.chance.next().is_multiple_of(3) {
            self.broker = None;
            self.start_on_a_full_disk().await?;
        }
        self.load.switch_to(Doing::Pausing);
        self.drain("receives and deletes do not go on on a full disk").await?;
        let accepted = self.load.done().borrow().accepted + 1;
        self.load.switch_to(Doing::Everything);
        let problem = "sends are still refused after everything was drained";
        self.until(problem, |done| done.accepted >= accepted).await?;
        self.place.mounted.take_ballast().map_err(|error| cannot(&error))
    }

    /// A start may need space, and says so; then some is given to it.
    async fn start_on_a_full_disk(&mut self) -> Result<(), Failure> {
        match self.try_start(&[]).await {
            Ok(()) => Ok(()),
            Err(StartFailed::Io(error)) => Err(cannot(&error)),
            Err(StartFailed::Ended(ended)) if ended.code == i32::from(Exit::CannotStart.code()) => {
                self.place.mounted.give_ballast().map_err(|error| cannot(&error))?;
                self.start(&[]).await
            }
            Err(StartFailed::Ended(ended)) => Err(not_up(&ended)),
        }
    }

    async fn cut_power(&mut self) -> Result<Option<i32>, Failure> {
        self.moment().await?;
        let Some(image) = &self.place.mounted.image else { return Err(no_image()) };
        image.cut_power().map_err(|error| cannot(&error))?;
        // In half of the cycles the process outlives the disk, and has to end by itself.
        let ended = match &mut self.broker {
            Some(broker) if self.chance.next().is_multiple_of(2) => {
                let ended = broker.ended(PATIENCE).await;
                let ended = ended.ok_or_else(|| went_on("the power of its disk was cut"))?;
                Some(of_a_bad_disk(ended.code)?)
            }
            Some(_) | None => None,
        };
        self.broker = None;
        self.remount(|_| Ok(())).map_err(|error| cannot(&error))?;
        self.start(&[]).await.map(|()| ended)
    }

    /// Lets the device run out of room for what it has promised to hold: writes fail where the file
    /// system has space, and the page cache shows what the device does not have.
    async fn fail_writes(&mut self) -> Result<Option<i32>, Failure> {
        self.answers(1).await?;
        self.broker = None;
        let room = self.chance.next() % ROOM_BYTES_MAX;
        let shrink = |drill: &Self| {
            let mounted = &drill.place.mounted;
            let (Some(image), Some(memory)) = (&mounted.image, &mounted.memory) else {
                return Ok(());
            };
            image.dig_holes()?;
            memory.resize(memory.used_bytes()? + room)
        };
        self.remount(shrink).map_err(|error| cannot(&error))?;
        let ended = self.until_it_ends(&[], ROOM_ANSWERS).await?.map(of_a_bad_disk).transpose()?;
        self.broker = None;
        self.place.mounted.give_room().map_err(|error| cannot(&error))?;
        // First on what the page cache shows; a file system that has given up is mounted again.
        match self.try_start(&[]).await {
            Ok(()) => return Ok(ended),
            Err(StartFailed::Io(error)) => return Err(cannot(&error)),
            Err(StartFailed::Ended(ended)) if ended.code == i32::from(Exit::Corrupt.code()) => {
                return Err(not_up(&ended));
            }
            Err(StartFailed::Ended(_)) => self.broker = None,
        }
        self.remount(|_| Ok(())).map_err(|error| cannot(&error))?;
        self.start(&[]).await.map(|()| ended)
    }

    /// Lets the wrapper do what it does; a broker without it has to come up after that.
    async fn wrap(&mut self, cycle: u64) -> Result<Option<i32>, Failure> {
        self.answers(1).await?;
        self.broker = None;
        let answers = FAULT_ANSWERS + FAULT_ANSWERS_A_CYCLE * cycle;
        let ended = self.until_it_ends(&self.wrapper(cycle), answers).await?;
        self.broker = None;
        self.start(&[]).await.map(|()| ended)
    }

    /// Starts a broker that a fault waits for, and loads it until that has come, or until so many
    /// answers.
    async fn until_it_ends(
        &mut self,
        wrapper: &[String],
        answers: u64,
    ) -> Result<Option<i32>, Failure> {
        match self.try_start(wrapper).await {
            Ok(()) => {}
            Err(StartFailed::Io(error)) => return Err(cannot(&error)),
            Err(StartFailed::Ended(Ended { code, .. })) => return Ok(Some(code)),
        }
        let Some(broker) = &mut self.broker else { return Ok(None) };
        let mut done = self.load.done();
        let goal = done.borrow().answers + answers;
        tokio::select! {
            ended = broker.ended(FAULT_MAX) => Ok(ended.map(|ended| ended.code)),
            _ = done.wait_for(|done| done.answers >= goal) => Ok(None),
        }
    }

    /// Unmounts the file system, does something, and mounts it again.
    fn remount(&mut self, meanwhile: impl Fn(&Self) -> io::Result<()>) -> io::Result<()> {
        if let Some(image) = &mut self.place.mounted.image {
            image.unmount()?;
        }
        meanwhile(self)?;
        let mounted = &mut self.place.mounted;
        let Some(image) = &mut mounted.image else { return Ok(()) };
        image.mount()?;
        if mounted.memory.is_some() { image.write_single_pages() } else { Ok(()) }
    }
}

fn no_image() -> Failure {
    cannot(&io::Error::other("there is no file system whose power can be cut"))
}

/// The code with which a broker ends whose disk fails: while it serves, or while it starts.
fn of_a_bad_disk(code: i32) -> Result<i32, Failure> {
    let codes = [Exit::SyncFailed, Exit::CannotStart].map(|exit| i32::from(exit.code()));
    if codes.contains(&code) {
        return Ok(code);
    }
    let line = format!("its disk failed, and the broker ended with {code}");
    Err(Failure::new(Exit::Refused, line))
}

/// A broker that should have ended.
fn went_on(fault: &str) -> Failure {
    Failure::new(Exit::Refused, format!("the broker went on after {fault}"))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}
