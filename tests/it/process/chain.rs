//! Exactly once from end to end: messages go through three queues, each step of theirs one
//! transact, while the broker is killed again and again. At the end each is there once.
//!
//! `CHAIN_MESSAGES=100000 CHAIN_KILLS=50` is the long run. `CHAIN_SEED=...` repeats when the kills
//! fall.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use ledgerq::{
    client::{Client, Error, Outgoing, ReceiveOptions, Step},
    entropy::{Entropy, SeededEntropy, SystemEntropy},
    types::{Millis, QueueName, SettingsPatch},
};
use tokio::{runtime::Runtime, sync::watch, time::timeout};

use super::{PATIENCE, directory, server::Serve};

const MESSAGES_DEFAULT: u64 = 4_000;
const KILLS_DEFAULT: u64 = 10;
const WORKERS_PER_HOP: usize = 3;
/// Messages of one send and of one transact.
const STEP_COUNT: u32 = 50;
const QUEUES: [&str; 3] = ["raw", "cooked", "done"];

/// What the workers share.
struct Chain {
    server: watch::Receiver<String>,
    message_count: u64,
    /// Messages whose transact to the last queue was confirmed; some more may have been done.
    confirmed_count: AtomicU64,
    stopping: watch::Receiver<bool>,
}

#[test]
fn a_chain_of_transacts_is_exactly_once_however_often_the_broker_is_killed() {
    let number = |name: &str, default| {
        let value = std::env::var(name).ok();
        value.map_or(default, |value| value.parse().expect("a variable holds a number"))
    };
    let message_count = number("CHAIN_MESSAGES", MESSAGES_DEFAULT);
    let kills = number("CHAIN_KILLS", KILLS_DEFAULT);
    let seed = number("CHAIN_SEED", SystemEntropy::new().next() >> 32);
    eprintln!("CHAIN_SEED={seed} CHAIN_MESSAGES={message_count} CHAIN_KILLS={kills}");
    let (data, runtime) = (directory(), Runtime::new().expect("a runtime can be made"));
    let mut broker = Serve::on(data.path()).set("--segment-bytes", "4MiB").serving();
    let (address, server) = watch::channel(broker.url());
    let (stop, stopping) = watch::channel(false);
    runtime.block_on(async {
        let client = Client::connect(&broker.url()).await.expect("it serves");
        for queue in QUEUES {
            let created = client.create_queue(&name(queue), &SettingsPatch::default()).await;
            created.expect("it is new");
        }
    });
    let confirmed_count = AtomicU64::new(0);
    let chain = Arc::new(Chain { server, message_count, confirmed_count, stopping });
    let producer = runtime.spawn(chain.clone().produce());
    let hops = [(QUEUES[0], QUEUES[1]), (QUEUES[1], QUEUES[2])];
    let workers: Vec<_> = hops
        .into_iter()
        .flat_map(|hop| [hop; WORKERS_PER_HOP])
        .map(|(from, to)| runtime.spawn(chain.clone().pass_on(name(from), name(to))))
        .collect();
    let mut chance = SeededEntropy::new(seed);
    for kill in 1..=kills {
        // Spread over the whole way, each at a moment of its own.
        let goal = message_count * kill / (kills + 1);
        wait_until(|| chain.confirmed_count.load(Relaxed) >= goal);
        std::thread::sleep(Duration::from_micros(chance.next() % 20_000));
        broker.kill();
        broker = Serve::on(data.path()).set("--segment-bytes", "4MiB").listening();
        address.send_replace(broker.url());
    }
    broker.line("serving");
    runtime.block_on(async {
        let ended = timeout(PATIENCE, producer).await.expect("the producer has an end");
        ended.expect("the producer saw what it may see");
        let arrived = timeout(PATIENCE * 5, chain.arrived(&broker.url())).await;
        let arrived = arrived.expect("all messages arrive");
        stop.send_replace(true);
        for worker in workers {
            let ended = timeout(PATIENCE, worker).await.expect("a worker ends when it is told to");
            ended.expect("a worker saw what it may see");
        }
        let expected: BTreeMap<u64, u32> = (0..message_count).map(|number| (number, 1)).collect();
        assert_eq!(arrived.len() as u64, message_count, "every message arrived");
        assert!(arrived == expected, "every message arrived once");
    });
    assert_eq!(broker.terminate().code, 0);
}

fn name(queue: &str) -> QueueName {
    QueueName::parse(queue).expect("it is a name")
}

/// For what is bound to come true.
fn wait_until(condition: impl Fn() -> bool) {
    let watch = ledgerq::clock::Stopwatch::start();
    while !condition() {
        assert!(watch.elapsed() < PATIENCE * 5, "the chain stands still");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Chain {
    /// The broker of the moment, which may be dead; the next one has another port.
    async fn connect(&self) -> Client {
        let mut server = self.server.clone();
        loop {
            let url = server.borrow_and_update().clone();
            if let Ok(client) = Client::connect(&url).await {
                return client;
            }
            let _ = timeout(Duration::from_millis(200), server.changed()).await;
        }
    }

    /// Sends all numbers, each under a deduplication id, so that it can try again as it likes.
    async fn produce(self: Arc<Self>) {
        let mut client = self.connect().await;
        let mut first = 0;
        while first < self.message_count {
            let behind = (first + u64::from(STEP_COUNT)).min(self.message_count);
            let message = |number: u64| Outgoing {
                deduplication_id: Some(number.to_string()),
                ..Outgoing::new(number.to_string())
            };
            match client.send(&name(QUEUES[0]), (first..behind).map(message).collect()).await {
                Ok(results) if results.iter().all(Result::is_ok) => first = behind,
                Ok(results) => panic!("an entry was refused: {results:?}"),
                Err(_) => client = self.connect().await,
            }
        }
    }

    /// Takes messages out of one queue and into the next, as long as there are any.
    async fn pass_on(self: Arc<Self>, from: QueueName, to: QueueName) {
        let mut client = self.connect().await;
        while !*self.stopping.borrow() {
            match self.pass_some(&client, &from, &to).await {
                Ok(count) if to.as_str() == QUEUES[2] => {
                    self.confirmed_count.fetch_add(count, Relaxed);
                }
                Ok(_) => {}
                // Nothing that was done without a confirmation is given out again, so no transact
                // is about a message that is gone.
                Err(Error::Refused(refusal)) if refusal.retry_after.is_none() => {
                    panic!("a transact was refused: {refusal}")
                }
                Err(_) => client = self.connect().await,
            }
        }
    }

    async fn pass_some(
        &self,
        client: &Client,
        from: &QueueName,
        to: &QueueName,
    ) -> Result<u64, Error> {
        let options = ReceiveOptions {
            count_max: STEP_COUNT,
            // Long enough for the work, short enough for what a kill leaves leased.
            visibility_timeout: Some(Millis::from_secs(5)),
            wait: Some(Millis::new(200)),
            attempt_id: None,
        };
        let messages = client.receive(from, options).await?.messages;
        if messages.is_empty() {
            return Ok(0);
        }
        let count = messages.len() as u64;
        let steps = messages.into_iter().flat_map(|message| {
            let send = Outgoing::new(message.body);
            [
                Step::Delete { queue: from.clone(), receipt_handle: message.receipt_handle },
                Step::Send { queue: to.clone(), message: Box::new(send) },
            ]
        });
        client.transact(steps.collect()).await?;
        Ok(count)
    }

    /// How often each number is in the last queue, once no other has any.
    async fn arrived(&self, server: &str) -> BTreeMap<u64, u32> {
        let client = Client::connect(server).await.expect("nobody kills it any more");
        for queue in &QUEUES[..2] {
            loop {
                let counts = client.get_queue(&name(queue)).await.expect("it is there").counts;
                if counts.ready + counts.delayed + counts.in_flight == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let mut arrived = BTreeMap::new();
        loop {
            let options = ReceiveOptions {
                count_max: 1000,
                visibility_timeout: Some(Millis::from_secs(3600)),
                ..ReceiveOptions::default()
            };
            let received = client.receive(&name(QUEUES[2]), options).await.expect("it serves");
            if received.messages.is_empty() {
                return arrived;
            }
            for message in received.messages {
                let body = std::str::from_utf8(&message.body).expect("a body is a number");
                *arrived.entry(body.parse().expect("a body is a number")).or_default() += 1;
            }
        }
    }
}
