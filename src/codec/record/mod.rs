//! Records as bytes.
//!
//! ```text
//! u8  type; a changed layout is a new type
//! u32 length of what follows
//! the fields of the record
//! ```
//!
//! In fields, ids and times are u64, sizes u32, digests u128; text is a u16 length and UTF-8; what
//! may be missing has a u8 before it, 1 if it is there; a list has a u16 count before it.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod settings;

pub use decode::decode_records;
pub use encode::encode_record;

const TICK: u8 = 1;
/// The five settings of the first version alone. Read, not written any more.
const QUEUE_CREATED_1: u8 = 2;
/// The five settings of the first version alone. Read, not written any more.
const QUEUE_UPDATED_1: u8 = 3;
const QUEUE_DELETED: u8 = 4;
const QUEUE_PURGED: u8 = 5;
/// A message without anything special about it.
const MESSAGE_SENT_PLAIN: u8 = 6;
const MESSAGE_LEASED: u8 = 7;
const VISIBILITY_CHANGED: u8 = 8;
const LEASE_RETURNED: u8 = 9;
const MESSAGE_DELETED: u8 = 10;
const RETENTION_HELD: u8 = 11;
const RETENTION_RELEASED: u8 = 12;
const QUEUE_CREATED: u8 = 13;
const QUEUE_UPDATED: u8 = 14;
const MESSAGE_SENT: u8 = 15;
const QUEUE_PAUSED: u8 = 16;
const MESSAGE_MOVED: u8 = 17;
const ATTEMPT_MADE: u8 = 18;
const ATTEMPT_REPEATED: u8 = 19;
const TRANSACTED: u8 = 20;
const MOVE_STARTED: u8 = 21;
const MESSAGE_REDRIVEN: u8 = 22;
const MOVE_CANCELLING: u8 = 23;
const MOVE_ENDED: u8 = 24;
const COMPACTED: u8 = 25;

/// Flags of what a message that is not plain has.
const HAS_EXPIRY: u8 = 1;
const HAS_GROUP: u8 = 2;
const HAS_DEDUPLICATION: u8 = 4;

/// How a move task ended.
const COMPLETED: u8 = 1;
const CANCELLED: u8 = 2;
const FAILED: u8 = 3;
