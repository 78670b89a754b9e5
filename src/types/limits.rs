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
/// Bytes of message bodies and attributes of one send stream that are under way; when they are
/// reached, no further batch is read.
pub const SEND_WINDOW_BYTES: u64 = 16 * 1_048_576;
/// Batches of one send stream that are under way.
pub const SEND_WINDOW_BATCHES: u32 = 64;
/// Messages that a receive stream can have and be asked for, together.
pub const CREDITS_MAX: u32 = 100_000;
/// Shortest lease that a receive stream extends by itself.
pub const EXTENDED_LEASE_MIN: Millis = Millis::from_secs(1);
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
/// Time for which the name of a deleted queue is held, if the broker is set to hold names.
pub const DELETED_NAME_HELD: Millis = Millis::from_secs(60);
/// Names of deleted queues that are held at once; of more, the oldest are not.
pub const DELETED_NAMES_MAX: usize = 10_000;
/// Backups under way at once.
pub const BACKUPS_MAX: usize = 4;
/// Shortest time that a backup keeps its files.
pub const BACKUP_HOLD_MIN: Millis = Millis::from_secs(1);
/// Longest time that a backup keeps its files: a day.
pub const BACKUP_HOLD_MAX: Millis = Millis::from_secs(86_400);
/// How long a backup keeps its files unless asked otherwise.
pub const BACKUP_HOLD_DEFAULT: Millis = Millis::from_secs(3600);
/// Queues listed on one page, at most.
pub const PAGE_MAX: usize = 1000;
/// Queues listed on one page, unless asked otherwise.
pub const PAGE_DEFAULT: usize = 100;
/// Longest wait of a message that came back.
pub const BACKOFF_MAX: Millis = Millis::from_secs(43_200);
/// Most receives that a redrive policy can name.
pub const RECEIVES_MAX_MAX: u32 = 1000;
/// Queues that a redrive allow policy can name.
pub const REDRIVE_SOURCES_MAX: usize = 10;
/// Tags of one queue.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Settings of the SQS endpoint that one queue stores.
pub const STORED_MAX: usize = 16;
/// Characters of the name of a stored setting.
pub const STORED_NAME_CHARS_MAX: usize = 80;
/// Bytes of the value of a stored setting.
pub const STORED_VALUE_BYTES_MAX: usize = 16_384;
/// Characters of a group id, a deduplication id, an attempt id.
pub const ID_CHARS_MAX: usize = 128;
/// Characters of a trace header.
pub const TRACE_HEADER_CHARS_MAX: usize = 256;
/// Bytes of the value of an attribute by which messages are chosen.
pub const FILTER_VALUE_BYTES_MAX: usize = 1024;
/// How long a deduplication id counts, from the first acceptance.
pub const DEDUPLICATION_WINDOW: Millis = Millis::from_secs(300);
/// How long the same attempt id gives the same messages.
pub const ATTEMPT_WINDOW: Millis = Millis::from_secs(300);
/// Deduplication ids that count at one time in one queue, unless set otherwise.
pub const DEDUPLICATION_IDS_MAX_DEFAULT: u64 = 10_000_000;
/// The highest priority of a message; 0 is the lowest.
pub const PRIORITY_MAX: u8 = 9;
/// The priority of a message that names none.
pub const PRIORITY_DEFAULT: u8 = 4;
/// Messages that one receive moves to a dead-letter queue.
pub const DEAD_LETTERS_MAX: usize = 1000;
/// Steps of one transact.
pub const TRANSACT_STEPS_MAX: usize = 1000;
/// Messages a second that a move task can be held to.
pub const MOVE_RATE_MAX: u32 = 500;
/// Move tasks that have ended and are still listed, of one source queue.
pub const MOVE_TASKS_LISTED: usize = 10;
/// In-flight messages above which a tenant of a standard queue can be noisy.
pub const NOISY_IN_FLIGHT_MIN: u64 = 30;
/// The share of the in-flight messages above which a tenant is noisy: one in so many.
pub const NOISY_SHARE: u64 = 10;
/// Characters of what a client sent that a refusal quotes, at most.
pub const QUOTED_CHARS_MAX: usize = 64;
