//! The command line as scripts and people meet it: what it prints, where, and how it ends.

/// Many lines at once.
mod lines;
/// The log of a broker that runs, and of one that does not.
mod log;
/// Messages one by one.
mod messages;
/// Queues.
mod queues;
/// Readers that go away, and Ctrl-C.
mod streams;

use super::{
    directory,
    server::{Serve, Server},
};

/// Segments that take a message of the largest size: a request is at most a quarter of one.
const SEGMENT_BYTES: &str = "8MiB";

/// A broker of its own, and the directory that it is on.
fn broker() -> (tempfile::TempDir, Server) {
    let data = directory();
    let server = Serve::on(data.path()).set("--segment-bytes", SEGMENT_BYTES).serving();
    (data, server)
}
