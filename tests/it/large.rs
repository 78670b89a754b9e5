//! Messages of the largest size.

use ledgerq::{
    broker::start::Settings,
    disk::SimDisk,
    types::{Reply, limits::RECEIVE_BYTES_MAX},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands,
};

const MIB: usize = 1 << 20;

#[test]
fn a_receive_takes_as_many_as_its_reply_has_room_for() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let settings = Settings { segment_bytes: 16 << 20, ..small_settings() };
    let mut broker = SimBroker::start(settings, &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let fitting = usize::try_from(RECEIVE_BYTES_MAX).expect("small") / MIB;
    for _ in 0..2 * fitting - 1 {
        let sent = broker.ask(commands::send("jobs", commands::entry(vec![b'x'; MIB])));
        assert!(sent.expect("it is answered").reply.is_ok());
    }
    let mut counts = Vec::new();
    for _ in 0..3 {
        let told = broker.ask(commands::receive("jobs", 10, None)).expect("it is answered");
        let Ok(Reply::Received(leased)) = told.reply else { panic!("not received") };
        counts.push(leased.len());
    }
    assert_eq!(counts, [fitting, fitting - 1, 0]);
}
