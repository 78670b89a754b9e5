//! A full disk: sends are refused, receives and deletes go on, and sends work again by themselves.

use ledgerq::{
    disk::SimDisk,
    types::{Command, DeleteMode, DeleteOutcome, Leased, Millis, Rejection, Reply},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands,
};

fn send(broker: &mut SimBroker) -> Result<(), Rejection> {
    let send = commands::send("jobs", commands::entry(vec![b'x'; 5000]));
    let told = broker.ask(send).expect("it is answered");
    told.reply.map(|_| ())
}

fn receive(broker: &mut SimBroker) -> Vec<Leased> {
    let command = commands::receive("jobs", 1, Some(Millis::from_secs(600)));
    match broker.ask(command).expect("it is answered").reply {
        Ok(Reply::Received(leased)) => leased,
        other => panic!("answered with {other:?}"),
    }
}

fn delete(broker: &mut SimBroker, message: &Leased) {
    let (leases, mode) = (vec![message.lease()], DeleteMode::Fenced);
    let told = broker.ask(Command::Delete { queue: commands::queue("jobs"), leases, mode });
    let reply = told.expect("it is answered").reply;
    assert_eq!(reply, Ok(Reply::Deleted(vec![Ok(DeleteOutcome::Deleted)])));
}

#[test]
fn on_a_full_disk_sends_are_refused_and_the_rest_goes_on_until_there_is_space() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    // Nothing is left for another segment.
    let used_bytes: usize =
        disk.paths().iter().map(|path| disk.file(path).unwrap_or_default().len()).sum();
    disk.set_capacity_bytes(Some(used_bytes as u64));

    let mut sent = 0;
    while send(&mut broker).is_ok() {
        sent += 1;
        assert!(sent < 100, "the disk is full at some time");
    }
    assert_eq!(send(&mut broker), Err(Rejection::DiskFull));
    assert!(broker.no_space_count() > 0 && broker.failure().is_none());
    for _ in 0..sent / 2 {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }
    broker.advance(Millis::from_secs(10));
    assert_eq!(send(&mut broker), Err(Rejection::DiskFull), "trying again found no space either");

    disk.set_capacity_bytes(None);
    broker.advance(Millis::from_secs(1));
    assert_eq!(send(&mut broker), Ok(()));
    let left = std::iter::from_fn(|| receive(&mut broker).pop()).count();
    assert_eq!(left, sent - sent / 2 + 1, "whatever was accepted is there");
}
