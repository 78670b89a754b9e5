//! A broker of the bench's own, in this process, and the directory for its data.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    api::Gate,
    broker::{Broker, Fate, Handle},
    cli::{Exit, Failure, start},
    clock::SystemClock,
    config::{Config, Layer},
    disk::{Disk, RealDisk},
    entropy::SystemEntropy,
    server,
    store::reserved_bytes,
};

use super::apart::Apart;

/// A directory that goes when this goes.
pub struct Scratch(PathBuf);

/// How long a new broker may take to make its reserve; on a disk that is full it never has it.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// How often is looked whether it has.
const SETTLE_LOOK: Duration = Duration::from_millis(100);
/// How long the disk may then take to come to rest.
const REST: Duration = Duration::from_secs(1);

/// A broker that serves, on threads of its own.
pub struct OwnBroker {
    url: String,
    broker: Broker,
    disk: Arc<dyn Disk>,
    threads: Apart,
}

impl Scratch {
    /// A new directory in `base`, which is made if it is not there.
    pub fn new(base: &Path) -> io::Result<Self> {
        let path = base.join(format!("ledgerq-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left there is told by its name.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl OwnBroker {
    /// Starts a broker in a directory that is new, set as the environment says, and serves it on
    /// loopback.
    pub fn start(data_dir: &Path) -> Result<Self, Failure> {
        let cannot =
            |error: &(dyn std::error::Error + 'static)| Failure::start(Exit::CannotStart, error);
        let settings = Layer { data_dir: Some(data_dir.to_owned()), ..Layer::default() };
        let config = Config::load(settings, None, &|name| std::env::var(name).ok())?;
        let disk = Arc::new(RealDisk::new(data_dir).map_err(|error| cannot(&error))?);
        let disk = start::limited(disk, config.data_bytes_max).map_err(|error| cannot(&error))?;
        let (clock, entropy) = (Arc::new(SystemClock), Box::new(SystemEntropy::new()));
        let settings = start::settings(&config, false);
        let started = crate::broker::start(settings, disk.clone(), clock, entropy, &mut |_| {});
        let started = started.map_err(|error| start::failure(error, data_dir))?;
        let broker =
            Broker::run(started, start::limits(&config)).map_err(|error| cannot(&error))?;
        let threads = Apart::new().map_err(|error| cannot(&error))?;
        let gate = Gate::new();
        gate.open(broker.handle().clone());
        let settings = server::Settings {
            tls: None,
            connections_max: usize::MAX,
            drain_max: Duration::ZERO,
            incoming_bytes_max: config.requests_bytes_max,
            test_clock: None,
        };
        let listener = threads.listen().map_err(|error| cannot(&error))?;
        let address = listener.local_addr().map_err(|error| cannot(&error))?;
        threads.run(async move {
            // Its clients find that it has ended.
            let _ = server::serve(listener, gate, settings, std::future::pending()).await;
        });
        Ok(Self { url: format!("http://{address}"), broker, disk, threads })
    }

    /// Waits until the reserve of a new directory is made, which takes the disk for a while.
    pub async fn settle(&self) {
        let is_made = async {
            while !matches!(reserved_bytes(&*self.disk), Ok(1..) | Err(_)) {
                tokio::time::sleep(SETTLE_LOOK).await;
            }
            tokio::time::sleep(REST).await;
        };
        // Without it the broker serves as well.
        let _ = tokio::time::timeout(SETTLE_MAX, is_made).await;
    }

    /// Threads for what else is to be served.
    pub fn threads(&self) -> &Apart {
        &self.threads
    }

    /// What clients connect to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the broker is asked through within this process.
    pub fn handle(&self) -> &Handle {
        self.broker.handle()
    }

    /// Ends the broker's threads.
    pub async fn stop(self) {
        self.broker.drain();
        // A broker that has failed has ended as well.
        let _ = self.broker.fate().wait_for(|fate| !matches!(fate, Fate::Serving)).await;
    }
}
