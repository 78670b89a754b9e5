//! Threads of its own for a server, as it has them in a process of its own.

use std::{io, net::Ipv4Addr};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// The threads. What runs on them ends when this goes.
pub struct Apart(Option<Runtime>);

impl Apart {
    /// As many as the server of `ledgerq serve` has.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_multi_thread().enable_all().build()?)))
    }

    /// A free port of loopback, for what runs on them.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let _here = self.0.as_ref().map(Runtime::enter);
        TcpListener::from_std(listener)
    }

    /// Lets this run on them.
    pub fn run(&self, server: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(server);
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Whoever drops it may be on a thread that must not wait.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
