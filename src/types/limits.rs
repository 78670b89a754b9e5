//! Every limit of a request, by name. What a refusal quotes comes from here.

use super::Millis;

/// Characters of a queue name, a `.fifo` suffix counted.
pub const QUEUE_NAME_CHARS_MAX: usize = 80;
/// Smallest value of a queue's maximum message size, in bytes.
pub const MESSAGE_BYTES_MAX_MIN: u64 = 1024;
/// Largest value, and the default, of a queue's maximum message size, in bytes.
pub const MESSAGE_BYTES_MAX_MAX: u64 = 1_048_576;
/// Shortest retention of a queue.
pub const RETENTION_MIN: Millis = Millis::from_secs(60);
/// Longest retention of a queue: 14 days.
pub const RETENTION_MAX: Millis = Millis::from_secs(1_209_600);
/// Retention of a queue unless set: 4 days.
pub const RETENTION_DEFAULT: Millis = Millis::from_secs(345_600);
/// Longest wait of a receive.
pub const WAIT_MAX: Millis = Millis::from_secs(20);
/// Longest visibility timeout: 12 hours, counted from the receive.
pub const VISIBILITY_MAX: Millis = Millis::from_secs(43_200);
/// Visibility timeout of a queue unless set.
pub const VISIBILITY_DEFAULT: Millis = Millis::from_secs(30);
/// Messages, handles or visibility changes in one request.
pub const ENTRIES_MAX: usize = 1000;
/// Messages that one receive may ask for.
pub const RECEIVE_MAX: usize = 1000;
/// Bytes of message bodies and attributes in one send.
pub const REQUEST_BYTES_MAX: u64 = 4 * 1_048_576;
/// Bytes of message bodies and attributes in one receive's reply; with what goes with them it must
/// stay below the 4 MiB that gRPC clients accept unless told otherwise.
pub const RECEIVE_BYTES_MAX: u64 = 3 * 1_048_576;
/// Attributes of one message.
pub const ATTRIBUTES_MAX: usize = 10;
/// Characters of an attribute's name, and of its data type.
pub const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// In-flight messages of one standard queue, unless set otherwise.
pub const IN_FLIGHT_MAX_DEFAULT: u64 = 120_000;
/// Time after a purge in which another is refused.
pub const PURGE_INTERVAL: Millis = Millis::from_secs(60);
/// Queues listed on one page, at most.
pub const PAGE_MAX: usize = 1000;
/// Queues listed on one page, unless asked otherwise.
pub const PAGE_DEFAULT: usize = 100;
/// Characters of what a client sent that a refusal quotes, at most.
pub const QUOTED_CHARS_MAX: usize = 64;
