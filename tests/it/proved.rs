//! What proves the last frame that clients were told of (R9): without a later one, damage to it
//! looks like a write that never ended, and takes what was acknowledged.

use ledgerq::{
    disk::{SimDisk, sim::keep_none},
    types::{Command, Millis, Reply},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

const BODY: [u8; 3000] = [b'x'; 3000];
const SECTOR: usize = 512;

/// A broker that has told its client of one message.
fn broker_with_a_message(disk: &SimDisk, clock: &ToldClock) -> SimBroker {
    let mut broker = SimBroker::start(small_settings(), disk, clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let send = commands::send("jobs", commands::entry(&BODY[..]));
    assert!(broker.ask(send).expect("it is answered").reply.is_ok());
    broker
}

/// How many messages a start finds, once the medium has zeroed a sector of the body.
fn ready_after_damage(disk: &SimDisk, clock: &ToldClock) -> u64 {
    let disk = disk.crash(&mut keep_none());
    let (path, at) = disk
        .paths()
        .into_iter()
        .find_map(|path| {
            let bytes = disk.file(&path)?;
            let at = bytes.windows(SECTOR).position(|window| window == &BODY[..SECTOR])?;
            Some((path, at.next_multiple_of(SECTOR) as u64))
        })
        .expect("the body is on the disk");
    for offset in at..at + SECTOR as u64 {
        disk.corrupt(&path, offset, |_| 0).expect("it is there");
    }
    let mut broker = SimBroker::start(small_settings(), &disk, clock, 2).expect("it starts");
    let told = broker.ask(Command::GetQueue { queue: queue("jobs") }).expect("it is answered");
    let Ok(Reply::Queue(view)) = told.reply else { panic!("answered with {:?}", told.reply) };
    view.counts.ready
}

#[test]
fn an_idle_broker_proves_its_last_frame_so_that_damage_does_not_take_it() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = broker_with_a_message(&disk, &clock);
    assert_eq!(ready_after_damage(&disk, &clock), 0, "nothing proves it yet");
    broker.advance(small_settings().owner.idle_sync_after);
    assert_eq!(ready_after_damage(&disk, &clock), 1, "the message is there, its body is damaged");
}

#[test]
fn a_broker_that_ends_proves_its_last_frame_so_that_damage_does_not_take_it() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = broker_with_a_message(&disk, &clock);
    broker.drain();
    // Without the checkpoint that it takes at its end, a start reads the frame again.
    let is_checkpoint = |path: &String| path.starts_with("checkpoints/");
    for path in disk.paths().into_iter().filter(is_checkpoint) {
        disk.erase(&path).expect("it is there");
    }
    clock.set(clock.now().after(Millis::from_secs(1)));
    assert_eq!(ready_after_damage(&disk, &clock), 1, "the message is there, its body is damaged");
}
