//! A broker of the bench's own, in this process, and the directory for its data.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;

use crate::{
    api::Gate,
    broker::{Broker, Fate, Handle},
    cli::{Exit, Failure, start},
    clock::SystemClock,
    config::{Config, Layer},
    disk::RealDisk,
    entropy::SystemEntropy,
    server,
};

/// A directory that goes when this goes.
pub struct Scratch(PathBuf);

/// A broker that serves.
pub struct OwnBroker {
    url: String,
    broker: Broker,
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
    pub async fn start(data_dir: PathBuf) -> Result<Self, Failure> {
        let cannot =
            |error: &(dyn std::error::Error + 'static)| Failure::start(Exit::CannotStart, error);
        let settings = Layer { data_dir: Some(data_dir.clone()), ..Layer::default() };
        let config = Config::load(settings, None, &|name| std::env::var(name).ok())?;
        let disk = Arc::new(RealDisk::new(&data_dir).map_err(|error| cannot(&error))?);
        let disk = start::limited(disk, config.data_bytes_max).map_err(|error| cannot(&error))?;
        let (clock, entropy) = (Arc::new(SystemClock), Box::new(SystemEntropy::new()));
        let settings = start::settings(&config, false);
        let started = crate::broker::start(settings, disk, clock, entropy, &mut |_| {});
        let started = started.map_err(|error| start::failure(error, &data_dir))?;
        let broker =
            Broker::run(started, start::limits(&config)).map_err(|error| cannot(&error))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| cannot(&error))?;
        let address = listener.local_addr().map_err(|error| cannot(&error))?;
        let gate = Gate::new();
        gate.open(broker.handle().clone());
        let settings = server::Settings {
            tls: None,
            connections_max: usize::MAX,
            drain_max: Duration::ZERO,
            incoming_bytes_max: config.requests_bytes_max,
            test_clock: None,
        };
        tokio::spawn(server::serve(listener, gate, settings, std::future::pending()));
        Ok(Self { url: format!("http://{address}"), broker })
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
