//! Who is served when time leaps: what a client sees when the owner was not woken in between.

use ledgerq::{
    disk::SimDisk,
    types::{Command, Millis, ReceiveOptions, Reply},
};

use crate::{
    broker::{SimBroker, Told, ToldClock, small_settings},
    commands::{self, queue},
};

fn receive(wait: Millis) -> Command {
    let wait = Some(wait);
    Command::Receive { queue: queue("jobs"), options: ReceiveOptions::new(1), wait }
}

fn received_count(told: Option<Told>) -> usize {
    match told.expect("it is answered").reply {
        Ok(Reply::Received(leased)) => leased.len(),
        other => panic!("answered with {other:?}"),
    }
}

#[test]
fn who_waits_is_served_before_who_comes_when_the_delay_ends() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let late = commands::delayed("hello", Millis::from_secs(5));
    broker.ask(commands::send("jobs", late)).expect("it is answered");
    let first = broker.submit(receive(Millis::from_secs(20)));
    broker.settle();

    // The owner learns of the new time by the second receive.
    clock.set(clock.now().after(Millis::from_secs(5)));
    let second = broker.submit(receive(Millis::ZERO));
    broker.settle();
    assert_eq!(received_count(broker.take_told(first)), 1);
    assert_eq!(received_count(broker.take_told(second)), 0);
}

#[test]
fn the_owner_asks_to_be_woken_when_a_delay_ends() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let ends_at = clock.now().after(Millis::from_secs(5));
    let late = commands::delayed("hello", Millis::from_secs(5));
    broker.ask(commands::send("jobs", late)).expect("it is answered");
    let poll = broker.submit(receive(Millis::from_secs(20)));
    broker.advance(Millis::from_secs(1));
    assert_eq!(broker.owner().next_wake(), Some(ends_at));
    broker.advance(Millis::from_secs(4));
    assert_eq!(received_count(broker.take_told(poll)), 1);
}
