//! A broker from its recovery to its end, behind a port that is open all the time.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tonic::transport::Identity;
use tracing::{error, info, warn};

use super::{Exit, Failure, log::Place, signals::Signals};
use crate::{
    api::Gate,
    broker::{
        Broker, Fate, Looker, StartError, Started,
        mailbox::{Caller, Limits},
        owner, scrub, start, upkeep,
    },
    clock::{Clock, Stopwatch, SystemClock, TestClock},
    config::{Config, Size},
    disk::{Disk, Limited, Medium, RealDisk},
    entropy::SystemEntropy,
    log::{RecoveryReport, SEGMENTS_DIR},
    server, state,
    store::{CHECKPOINTS_DIR, StoreError},
    telemetry,
};

/// How long streams may take to end before the broker takes no more requests. A client that reads
/// nothing does not hold up the others.
const STREAMS_DRAIN_MAX: Duration = Duration::from_secs(1);

/// What the broker does about time.
pub(super) struct Clocks {
    /// Whether it agrees with a wall clock that jumped ahead.
    pub(super) accept_jump: bool,
    /// The clock, if clients are to move it.
    pub(super) test: Option<Arc<TestClock>>,
}

/// What a start is for.
pub(super) enum Mode {
    /// To serve.
    Serves(Clocks),
    /// To show what is there, and to change nothing.
    Looks,
}

/// What clients come through.
pub(super) struct Doors {
    pub(super) grpc: TcpListener,
    /// What the gRPC API shows of itself, if it is to speak TLS.
    pub(super) tls: Option<Identity>,
    /// The SQS-compatible endpoint, if it is on.
    pub(super) sqs: Option<SqsDoor>,
}

/// The listener of the SQS-compatible endpoint and how it is served.
pub(super) struct SqsDoor {
    pub(super) listener: TcpListener,
    pub(super) settings: server::sqs::Settings,
}

impl SqsDoor {
    /// Serves until `ended` comes or is dropped.
    async fn serve(self, gate: Gate, ended: tokio::sync::oneshot::Receiver<()>) -> server::Drained {
        let ended = async { drop(ended.await) };
        server::sqs::serve(self.listener, gate, self.settings, ended).await
    }
}

/// Recovers the broker in `config.data_dir` and serves it behind the doors until a signal, or until
/// the disk fails.
pub(super) async fn serve(
    config: &Config,
    mode: Mode,
    doors: Doors,
    signals: Signals,
) -> Result<(), Failure> {
    let Doors { grpc: listener, tls, sqs } = doors;
    let gate = Gate::new();
    let (sqs_end, sqs_ended) = tokio::sync::oneshot::channel::<()>();
    let sqs_serving = sqs.map(|door| tokio::spawn(door.serve(gate.clone(), sqs_ended)));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let drain_max = millis(config.drain_timeout.get());
    let test_clock = match &mode {
        Mode::Serves(clocks) => clocks.test.clone(),
        Mode::Looks => None,
    };
    warn_of_test_clock(test_clock.is_some());
    let settings = server_settings(config, tls, test_clock);
    // Whoever drops `end` ends the server as well.
    let serving = server::serve(listener, gate.clone(), settings, async { drop(ended.await) });
    let serving = tokio::spawn(serving);
    let signal = signals.first();
    tokio::pin!(signal);

    let recovery = async {
        match mode {
            Mode::Serves(clocks) => recover(config, clocks, gate.clone()).await,
            Mode::Looks => look(config, gate.clone()).await,
        }
    };
    let broker = tokio::select! {
        recovered = recovery => recovered?,
        // Nothing was served yet: the process can end wherever the recovery is.
        () = &mut signal => return Ok(()),
    };
    gate.open(broker.handle().clone());
    info!("serving");
    let failed = until_failed(&broker);
    let outcome = tokio::select! {
        failure = failed => {
            gate.stop();
            Err(failure)
        }
        () = &mut signal => Ok(()),
    };
    // After a failure nobody is answered any more: there is nothing to wait for.
    outcome?;
    end_streams(&gate, drain_max).await;
    broker.drain();
    let (_, _) = (end.send(()), sqs_end.send(()));
    let mut drained = vec![match serving.await {
        Ok(drained) => drained.map_err(|error| Failure::start(Exit::CannotStart, &error))?,
        Err(error) => return Err(Failure::start(Exit::CannotStart, &error)),
    }];
    if let Some(serving) = sqs_serving {
        drained.extend(serving.await);
    }
    if drained.contains(&server::Drained::TimedOut) {
        warn!("some clients did not end within the time");
    }
    let drained = tokio::time::timeout(millis(config.drain_timeout.get()), until_drained(&broker));
    let Ok(drained) = drained.await else {
        let line = "the disk has no room for what was accepted last and is not confirmed; ended";
        return Err(Failure::new(Exit::CannotStart, line));
    };
    drained?;
    info!("everything that was accepted is on the disk; goodbye");
    Ok(())
}

/// Lets streams end before the broker drains: they give leases back and have acks under way.
async fn end_streams(gate: &Gate, drain_max: Duration) {
    gate.drain();
    let wait = STREAMS_DRAIN_MAX.min(drain_max);
    // Those that are left have clients that read nothing.
    let _ = tokio::time::timeout(wait, gate.streams_ended()).await;
}

/// Goes through a start without changing anything.
async fn look(config: &Config, gate: Gate) -> Result<Broker, Failure> {
    let place = Place { data_dir: config.data_dir.clone() };
    let settings = settings(config, false);
    let limits = limits(config);
    let opened = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let readable = place.open()?;
        let mut bar = telemetry::Progress::new("reading the log");
        let mut progress = |at| tell(&gate, &mut bar, at);
        let looker = Looker::open(&settings, &readable.disk, &mut progress);
        let looker = looker.map_err(|error| failure(error, &place.data_dir))?;
        bar.finish();
        warn!(last_lsn = %looker.last_lsn(), "READ-ONLY: nothing is changed, and time stands still");
        Ok((looker, readable.lock))
    });
    let opened = opened.await.map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    let (looker, lock) = opened?;
    let broker = Broker::look(looker, limits, Box::new(lock));
    broker.map_err(|error| Failure::start(Exit::CannotStart, &error))
}

/// How the gRPC API is served.
fn server_settings(
    config: &Config,
    tls: Option<Identity>,
    test_clock: Option<Arc<TestClock>>,
) -> server::Settings {
    server::Settings {
        tls,
        connections_max: usize::try_from(config.grpc_connections_max).unwrap_or(usize::MAX),
        drain_max: millis(config.drain_timeout.get()),
        incoming_bytes_max: config.requests_bytes_max,
        test_clock,
    }
}

/// How much may be under way.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        requests_max: config.requests_max,
        polls_max: config.polls_max,
        bytes_max: config.requests_bytes_max,
    }
}

/// How far a start is, for whoever waits and whoever watches.
fn tell(gate: &Gate, bar: &mut telemetry::Progress, at: start::Progress) {
    let start::Progress { step, done, total } = at;
    gate.recovering(format!("{step}: {done} of {total} files"));
    bar.step_to(step);
    bar.report(done as u64, total as u64);
}

async fn recover(config: &Config, clocks: Clocks, gate: Gate) -> Result<Broker, Failure> {
    let disk = RealDisk::new(&config.data_dir)
        .map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    warn_of_medium(&disk);
    let disk = limited(Arc::new(disk), config.data_bytes_max)
        .map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    let settings = settings(config, clocks.accept_jump);
    let limits = limits(config);
    let data_dir = config.data_dir.clone();
    let recovered = tokio::task::spawn_blocking(move || {
        let watch = Stopwatch::start();
        let mut bar = telemetry::Progress::new("reading the log");
        let mut progress = |at| tell(&gate, &mut bar, at);
        let clock: Arc<dyn Clock> = match clocks.test {
            Some(clock) => clock,
            None => Arc::new(SystemClock),
        };
        let entropy = Box::new(SystemEntropy::new());
        let started: Started<Caller> = start::start(settings, disk, clock, entropy, &mut progress)?;
        bar.finish();
        report(&started, watch.elapsed());
        Ok(started)
    });
    let started = recovered
        .await
        .map_err(|error| Failure::start(Exit::CannotStart, &error))?
        .map_err(|error| failure(error, &data_dir))?;
    Broker::run(started, limits).map_err(|error| Failure::start(Exit::CannotStart, &error))
}

/// The data directory, which takes no more than it may.
pub(super) fn limited(
    disk: Arc<dyn Disk>,
    bytes_max: Option<u64>,
) -> std::io::Result<Arc<dyn Disk>> {
    let Some(bytes_max) = bytes_max else { return Ok(disk) };
    let limited = Limited::new(disk, bytes_max, &["", SEGMENTS_DIR, CHECKPOINTS_DIR])?;
    let (used, max) = (Size(limited.used_bytes()), Size(bytes_max));
    info!(%used, %max, "the data may not take all of the file system");
    Ok(Arc::new(limited))
}

/// What a broker is set to.
pub(super) fn settings(config: &Config, accept_clock: bool) -> start::Settings {
    start::Settings {
        segment_bytes: config.segment_bytes,
        tail_cache_bytes: config.tail_cache_bytes,
        state: state::Settings {
            in_flight_max: config.in_flight_max,
            deduplication_ids_max: config.deduplication_ids_max,
            deleted_names_held: config.deleted_names_held,
        },
        pool_count_max: usize::try_from(config.reclaim_pool).unwrap_or(usize::MAX),
        owner: owner::Settings {
            idle_sync_after: config.idle_sync_after,
            upkeep: upkeep::Settings {
                checkpoint_bytes: config.checkpoint_bytes,
                compaction_bytes_per_s: config.compaction_bytes_per_s,
            },
            scrub: scrub::Settings {
                bytes_per_s: config.scrub_bytes_per_s,
                interval: config.scrub_interval,
            },
        },
        accept_clock,
    }
}

/// A start that failed, with the exit code that tells why.
pub(super) fn failure(error: StartError, data_dir: &std::path::Path) -> Failure {
    match error {
        StartError::Store(StoreError::Locked) => Failure::locked(data_dir),
        StartError::Store(StoreError::Log(error)) | StartError::Log(error) => error.into(),
        StartError::Store(
            StoreError::IdentityDamaged { .. }
            | StoreError::MessagesMissing { .. }
            | StoreError::FooterUndecodable { .. }
            | StoreError::CheckpointRefused { .. },
        ) => Failure::start(Exit::Corrupt, &error),
        StartError::Store(_) | StartError::NoSpace { .. } => {
            Failure::start(Exit::CannotStart, &error)
        }
    }
}

fn warn_of_test_clock(is_on: bool) {
    if is_on {
        warn!(
            "THE CLOCK IS A TEST CLOCK: every client can let time pass, and what was logged with \
             a later time keeps it; not for data that anybody needs"
        );
    }
}

fn warn_of_medium(disk: &RealDisk) {
    match disk.medium() {
        Ok(Medium::Memory) => warn!(
            "THE DATA DIRECTORY IS ON A MEMORY FILE SYSTEM: a restart of the machine loses \
             everything, acknowledged or not"
        ),
        Ok(Medium::Network) => warn!(
            "THE DATA DIRECTORY IS ON A NETWORK FILE SYSTEM: what is acknowledged is as safe as the \
             other side makes it, and locks may not hold"
        ),
        Ok(Medium::Local | Medium::Unknown) => {}
        Err(error) => warn!(%error, "cannot tell what file system the data directory is on"),
    }
}

fn report(started: &Started<Caller>, took: Duration) {
    let RecoveryReport {
        segments_count,
        frames_count,
        records_count,
        frames_bytes,
        damaged_bodies,
        torn_tails,
        blemished,
        unknown_files,
        next_lsn,
        ..
    } = &started.report;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    info!(
        new = started.directory.is_new(),
        segments_count,
        frames_count,
        records_count,
        frames_bytes,
        damaged_bodies_count = damaged_bodies.len(),
        torn_tails_count = torn_tails.len(),
        next_lsn = next_lsn.get(),
        took_ms,
        "recovered"
    );
    for torn in torn_tails {
        info!(segment = %torn.segment, offset = torn.offset, bytes = torn.bytes,
            "an unfinished last write, which was never acknowledged, stays where it is");
    }
    for body in damaged_bodies {
        error!(segment = %body.segment, offset = body.offset, lsn = %body.first_lsn,
            "a message's bytes are damaged; it will not be served");
    }
    for segment in blemished {
        warn!(%segment, "a spare part of a segment is damaged; nothing is lost, the disk is suspect");
    }
    for file in unknown_files {
        warn!(file, "a file that is not the log's was left alone");
    }
    if started.retention_held {
        warn!(
            "the wall clock is more than {} past the last logged time: no message expires until \
             `serve --accept-clock` confirms that the clock is right",
            start::CLOCK_JUMP_MAX
        );
    }
}

/// Ends when the log has failed, and only then.
fn until_failed(broker: &Broker) -> impl Future<Output = Failure> + use<> {
    let mut fate = broker.fate();
    async move {
        let is_failed = |fate: &Fate| matches!(fate, Fate::Failed(_));
        let failed = fate.wait_for(is_failed).await.map(|fate| fate.clone());
        match failed {
            Ok(Fate::Failed(error)) => Failure::start(Exit::SyncFailed, &*error),
            // The owner's thread ended without a word: a panic, which it has told itself.
            Ok(_) | Err(_) => Failure::new(
                Exit::SyncFailed,
                "the broker's thread ended; nothing more is answered",
            ),
        }
    }
}

async fn until_drained(broker: &Broker) -> Result<(), Failure> {
    let mut fate = broker.fate();
    let is_over = |fate: &Fate| !matches!(fate, Fate::Serving);
    match fate.wait_for(is_over).await.map(|fate| fate.clone()) {
        Ok(Fate::Failed(error)) => Err(Failure::start(Exit::SyncFailed, &*error)),
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::new(Exit::SyncFailed, "the broker's thread ended")),
    }
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
