//! Whether a connection has to look out for its client: while leases are on their way to it. What
//! they are worth to a client that has gone nobody can tell any more once they are handed over.
//!
//! The system tells a connection's end when the runtime next asks for events, which may be after
//! an answer was handed over. To ask for it before takes a call to the system each time, which
//! other answers do without.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::intake::again;

/// What a connection and the requests that come on it share. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Attention(Arc<AtomicUsize>);

/// The client is looked out for as long as it lives.
pub(super) struct Attended(Attention);

impl Attention {
    /// Whether there is reason to look out for the client.
    pub fn is_due(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// The client is looked out for from now on; it was there after this was called, since the
    /// connection looks before it lets a request go on.
    pub(super) async fn begin(&self) -> Attended {
        self.0.fetch_add(1, Ordering::Relaxed);
        let attended = Attended(self.clone());
        again().await;
        attended
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_is_looked_out_for_until_the_last_answer_that_needs_it_is_gone() {
        let attention = Attention::default();
        assert!(!attention.is_due());
        let (first, second) = (attention.begin().await, attention.clone().begin().await);
        drop(first);
        assert!(attention.is_due());
        drop(second);
        assert!(!attention.is_due());
    }
}
