//! Who is served when time leaps: what a client sees when the owner was not woken in between.

use ledgerq::{
    broker::Handle,
    disk::SimDisk,
    types::{Command, Millis, QueueName, Reply, SendEntry, SettingsPatch},
};

use crate::broker::{SimBroker, Told, ToldClock, small_settings};

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("a good name")
}

fn receive(wait: Millis) -> Command {
    let wait = Some(wait);
    Command::Receive { queue: jobs(), count_max: 1, visibility_timeout: None, wait }
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
    let settings = SettingsPatch::default();
    broker.ask(Command::CreateQueue { queue: jobs(), settings }).expect("it is answered");
    let payload = Handle::payload(&[], "hello".into());
    let entries = vec![SendEntry { payload, delay: Some(Millis::from_secs(5)) }];
    broker.ask(Command::Send { queue: jobs(), entries }).expect("it is answered");
    let first = broker.submit(receive(Millis::from_secs(20)));
    broker.settle();

    // The owner learns of the new time by the second receive.
    clock.set(clock.now().after(Millis::from_secs(5)));
    let second = broker.submit(receive(Millis::ZERO));
    broker.settle();
    assert_eq!(received_count(broker.take_told(first)), 1);
    assert_eq!(received_count(broker.take_told(second)), 0);
}
