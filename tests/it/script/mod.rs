//! The little language that the corpus is written in. One line is one command:
//!
//! ```text
//! create QUEUE key=value...       settings: delay= max_bytes= retention= wait= visibility=
//!                                 dlq=NAME:RECEIVES allow=all|none|NAME,... content-dedup=true
//!                                 scope=queue|group throughput=queue|group backoff=FIRST[..MAX]
//!                                 tags=KEY:VALUE,... stored=NAME:VALUE,...
//! update QUEUE key=value...
//! show QUEUE                      its counts
//! settings QUEUE                  its settings
//! list [prefix=] [after=] [max=]
//! sources QUEUE [after=] [max=]   the queues whose dead letters go there
//! purge QUEUE
//! drop QUEUE                      delete it
//! pause QUEUE [sends] [receives]  resume QUEUE [sends] [receives]
//! send QUEUE BODY... [delay=] [at=] [ttl=] [priority=] [group=] [dedup=] [attr=NAME:TYPE:VALUE]
//!                                 several bodies are one batch, and have all else in common;
//!                                 BODY*N is BODY, N times; at= counts from the script's beginning
//! receive QUEUE [max=] [visibility=] [wait=] [attempt=]
//! lose QUEUE [max=]               a receive whose client is gone before the reply reaches it
//! delete QUEUE RECEIPT... [lenient]
//! change QUEUE RECEIPT=DURATION...
//! cancel QUEUE MESSAGE...
//! transact STEP; STEP...          a step is a send, a delete or a change of one message
//! browse QUEUE [state=ready,delayed,in_flight] [group=] [age=] [after=MESSAGE] [max=]
//! redrive QUEUE [to=] [rate=] [group=] [age=] [attr=] [dry-run]
//! tasks [QUEUE] [max=]            stop TASK
//! poll LABEL QUEUE [max=] [visibility=] [wait=]
//!                                 a receive in the background; its answer is printed when it comes
//! hang-up LABEL                   whoever polls is gone
//! advance DURATION                time passes
//! restart                         the broker is killed and started again
//! ```
//!
//! Messages are called `m1`, `m2`, ..., receipt handles `r1`, `r2`, ... and move tasks `t1`, `t2`,
//! ... in the order in which they appear; what a task made of `m1` is `m7(m1)`. Bodies, attributes
//! and ids are not printed: each message that is received is compared with what was sent. A line
//! may end in a comment after `#`.

mod broker;
mod driver;
mod edge;
mod fold;
mod grpc;
mod moving;
mod parse;
mod run;
mod server;
mod show;
mod sqs;
mod state;

use expect_test::Expect;
use ledgerq::types::limits;

use self::{
    broker::BrokerDriver,
    driver::Driver,
    grpc::GrpcDriver,
    parse::Line,
    run::{Story, run},
    sqs::SqsDriver,
    state::StateDriver,
};

/// What a broker is set to for a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Most messages in flight on one queue.
    pub(crate) in_flight_max: u64,
    /// Most deduplication ids of one queue at one time.
    pub(crate) deduplication_ids_max: u64,
    /// Whether names of deleted queues are held.
    pub(crate) deleted_names_held: bool,
    /// Size of segments; it limits the size of a request.
    pub(crate) segment_bytes: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            in_flight_max: limits::IN_FLIGHT_MAX_DEFAULT,
            deduplication_ids_max: limits::DEDUPLICATION_IDS_MAX_DEFAULT,
            deleted_names_held: false,
            segment_bytes: ledgerq::log::SEGMENT_BYTES_MIN,
        }
    }
}

impl Setup {
    fn state(self) -> ledgerq::state::Settings {
        let Self { in_flight_max, deduplication_ids_max, deleted_names_held, .. } = self;
        ledgerq::state::Settings { in_flight_max, deduplication_ids_max, deleted_names_held }
    }
}

/// Tells the script to every driver and holds all of them to the one expectation.
#[track_caller]
pub(crate) fn check(script: &str, expect: Expect) {
    check_with(Setup::default(), script, expect);
}

/// [`check`] with another setup.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "as expect-test is used everywhere")]
pub(crate) fn check_with(setup: Setup, script: &str, expect: Expect) {
    let lines = parse::script(script);
    let Story { transcript, beside } = run(&mut StateDriver::new(setup), &lines, &[]);
    expect.assert_eq(&fold::fold(&transcript));
    let tell = |name: &str, mut driver: Box<dyn Driver>, lines: &[Line]| {
        let story = run(&mut *driver, lines, &beside);
        assert_eq!(story.transcript, transcript, "{name} tells another story");
    };
    tell("Broker", Box::new(BrokerDriver::new(setup)), &lines);
    if !lines.iter().any(|line| line.is_of_the_inside() || !grpc::is_in_the_api(line)) {
        tell_server(setup, &lines, &transcript);
    }
    if !lines.iter().any(Line::shows_restarts) {
        let restarted = with_restarts(&lines);
        tell("State, always restarted", Box::new(StateDriver::new(setup)), &restarted);
        tell("Broker, always restarted", Box::new(BrokerDriver::new(setup)), &restarted);
    }
}

/// Tells the script to a real server. Its clock leaps, so that a task with a rate would fall behind
/// if time did not pass in the steps of the task.
fn tell_server(setup: Setup, lines: &[Line], transcript: &str) {
    let in_steps: Vec<Line> = if lines.iter().any(Line::shows_rates) {
        lines.iter().flat_map(Line::in_steps).collect()
    } else {
        lines.to_vec()
    };
    let first = run(&mut StateDriver::new(setup), &in_steps, &[]);
    assert_eq!(first.transcript, transcript, "State tells another story in small steps");
    let story = run(&mut GrpcDriver::new(setup), &in_steps, &first.beside);
    assert_eq!(story.transcript, transcript, "the server tells another story");
    assert_eq!(story.beside, first.beside, "the server does something else beside its story");
    let story = run(&mut SqsDriver::new(setup), &in_steps, &first.beside);
    assert_eq!(story.transcript, transcript, "the SQS endpoint tells another story");
    assert_eq!(story.beside, first.beside, "it does something else beside its story");
}

/// The script with a restart after every line. It is for scripts whose story has no restart in it:
/// everything is as it was.
fn with_restarts(lines: &[Line]) -> Vec<Line> {
    lines.iter().flat_map(|line| [line.clone(), Line::Restart]).collect()
}
