//! SIGINT and SIGTERM: the first asks to end, the second ends.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The code with which a process ends that a signal ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// The signals that end a broker, caught from when this is made.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches the signals; needs a runtime with I/O.
    pub(super) fn catch() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns at the first signal. From then on, one more of either kind ends the process at once,
    /// which is safe at any instant: nothing that was answered is lost.
    pub(super) async fn first(mut self) {
        self.next().await;
        tracing::info!("draining: no new requests; one more signal ends at once");
        tokio::spawn(async move {
            let code = self.next().await;
            tracing::warn!("ended at once by a second signal");
            std::process::exit(code);
        });
    }

    /// Waits for a signal; gives the code with which it ends a process.
    pub(super) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}
