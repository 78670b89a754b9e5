//! Who is served when time leaps: what a client sees when the owner was not woken in between.

use ledgerq::{
    broker::digest,
    disk::{SimDisk, sim::Random},
    types::{Command, Millis, ReceiveOptions, Reply, SendEntry},
};

use crate::{
    broker::{Hold, SimBroker, Told, ToldClock, small_settings},
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
fn what_is_asked_while_the_disk_stalls_has_the_time_at_which_it_was_asked() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    for name in ["jobs", "orders.fifo"] {
        broker.ask(commands::create(name)).expect("it is answered");
    }
    let group = commands::group("g");
    let deduplication = Some(digest::deduplication("id", Some(&group), false));
    let order = SendEntry { group: Some(group), deduplication, ..commands::entry("order") };

    broker.hold(Hold::Writes);
    for body in ["written", "in the batch that waits"] {
        broker.submit(commands::send("jobs", commands::entry(body)));
        broker.settle();
    }
    broker.advance(Millis::from_secs(600));
    let leased = broker.submit(commands::receive("jobs", 1, Some(Millis::from_secs(30))));
    let sent = broker.submit(commands::send("orders.fifo", order.clone()));
    broker.hold(Hold::Nothing);
    let mut random = Random::new(1);
    while broker.go_on(&mut random) {}

    let leased = broker.take_told(leased).expect("it is answered");
    assert_eq!(leased.contents[0].leased.until, broker.now().after(Millis::from_secs(30)));
    broker.take_told(sent).expect("it is answered").reply.expect("it is accepted");
    broker.advance(Millis::from_secs(299));
    let again = broker.ask(commands::send("orders.fifo", order)).expect("it is answered");
    let Ok(Reply::Sent(outcomes)) = &again.reply else { panic!("answered with {again:?}") };
    assert!(outcomes[0].as_ref().is_ok_and(|sent| sent.is_duplicate), "it is known for 5 minutes");
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
