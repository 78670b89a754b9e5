//! Every limit of the endpoint that is not one of the broker's: what Amazon SQS allows, and what
//! one request may take here.

use std::time::Duration;

use crate::types::limits;

/// Entries of one batch.
pub(super) const BATCH_MAX: usize = 10;
/// Bytes of all messages of one batch.
pub(super) const BATCH_BYTES_MAX: u64 = 1_048_576;
/// Characters of the id of a batch's entry.
pub(super) const BATCH_ID_CHARS_MAX: usize = 80;
/// Messages that one receive may ask for.
pub(super) const RECEIVE_MAX: i64 = 10;
/// Seconds that a receive may wait.
pub(super) const WAIT_S_MAX: i64 = 20;
/// Seconds of a visibility timeout.
pub(super) const VISIBILITY_S_MAX: i64 = 43_200;
/// Seconds of a delay.
pub(super) const DELAY_S_MAX: i64 = 900;
/// Move tasks that one list may have.
pub(super) const MOVES_LISTED_MAX: i64 = 10;
/// Queues on one page of a list.
pub(super) const PAGE_MAX: i64 = 1000;
/// Actions of one permission.
pub(super) const PERMISSION_ACTIONS_MAX: usize = 7;

/// Characters that a text quotes of what a client sent. The service quotes all of it.
pub(super) const QUOTED_CHARS_MAX: usize = 2000;

/// Bytes of a request's body: as many messages as a batch may have, each byte of them written as
/// an escape of six, and room for all else.
#[expect(clippy::cast_possible_truncation, reason = "7 MiB fit any usize")]
pub(super) const BODY_BYTES_MAX: usize =
    (6 * BATCH_BYTES_MAX + limits::MESSAGE_BYTES_MAX_MAX) as usize;
/// How long a client may take to send a body.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of a request's line and headers.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 100;
/// Parameters of one request in the query protocol: a full batch with every attribute has fewer.
pub(super) const PARAMETERS_MAX: usize = 2000;
