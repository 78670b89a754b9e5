//! The owner and its recovery, on a simulated disk with small segments. A restart kills it.

use ledgerq::{
    disk::SimDisk,
    types::{Millis, Rejection},
};

use super::{
    Setup,
    driver::{Call, Driver, Outcome, Receive},
    edge::{Edge, command_of},
};
use crate::broker::{RequestId, SimBroker, Told, ToldClock, small_settings};

pub(super) struct BrokerDriver {
    setup: Setup,
    broker: SimBroker,
    clock: ToldClock,
    edge: Edge,
    starts_count: u64,
    polls: Vec<(RequestId, String)>,
}

impl BrokerDriver {
    pub(super) fn new(setup: Setup) -> Self {
        let clock = ToldClock::new();
        let broker = start(setup, &SimDisk::new(), &clock, 1);
        let edge = Edge { receipts: broker.receipts().clone(), lineage: broker.lineage() };
        Self { setup, broker, clock, edge, starts_count: 1, polls: Vec::new() }
    }

    fn outcome(&self, told: Told, refused: Vec<(usize, Rejection)>) -> Outcome {
        let received = told.contents.into_iter().map(|content| (content.envelope, content.body));
        let contents = received.chain(told.looked).collect();
        self.edge.outcome(told.reply, contents, refused, self.broker.owner().state())
    }
}

fn start(setup: Setup, disk: &SimDisk, clock: &ToldClock, seed: u64) -> SimBroker {
    let settings = ledgerq::broker::start::Settings {
        segment_bytes: setup.segment_bytes,
        state: setup.state(),
        // The bodies of an odd start are read from the disk, those of an even one from memory.
        tail_cache_bytes: if seed.is_multiple_of(2) { 1 << 20 } else { 0 },
        ..small_settings()
    };
    SimBroker::start(settings, disk, clock, seed).expect("a healthy disk is started from")
}

impl Driver for BrokerDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let (command, refused) = match self.edge.command(call) {
            Ok(parsed) => parsed,
            Err(rejection) => return Outcome::Refused(rejection.to_string()),
        };
        let told = self.broker.ask(command).expect("a call that does not wait is answered");
        self.broker.owner().state().check_all();
        self.outcome(told, refused)
    }

    fn lose(&mut self, receive: Receive) {
        let command = command_of(receive).expect("the name is good");
        let id = self.broker.submit(command);
        self.broker.go_deaf(id);
        self.broker.settle();
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        let command = command_of(receive).expect("the name is good");
        let id = self.broker.submit(command);
        self.broker.settle();
        self.polls.push((id, label.to_owned()));
    }

    fn hang_up(&mut self, label: &str) {
        let at = self.polls.iter().position(|(_, found)| found == label).expect("it polls");
        let (id, _) = self.polls.remove(at);
        self.broker.hang_up(id);
    }

    fn arrived(&mut self, _expected: usize) -> Vec<(String, Outcome)> {
        let mut arrived = Vec::new();
        for (id, label) in std::mem::take(&mut self.polls) {
            match self.broker.take_told(id) {
                Some(told) => arrived.push((label, self.outcome(told, Vec::new()))),
                None => self.polls.push((id, label)),
            }
        }
        arrived
    }

    fn advance(&mut self, by: Millis) {
        self.broker.advance(by);
    }

    fn restart(&mut self) {
        let disk = self.broker.disk().kill();
        self.starts_count += 1;
        self.polls.clear();
        self.broker = start(self.setup, &disk, &self.clock, self.starts_count);
        self.broker.owner().state().check_all();
    }
}
