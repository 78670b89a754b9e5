//! The vocabulary: what every room says the same way.
//!
//! Here are names, identities, times, settings, limits, and the four sentences of the broker: a
//! [`Command`] is asked, a [`Record`] is a logged fact, a [`Reply`] answers, a [`Rejection`]
//! refuses. Nothing here does I/O, reads a clock or draws a random number, and nothing here uses
//! another room.

mod attribute;
mod backup;
mod browse;
mod command;
mod group;
mod ids;
mod image;
pub mod limits;
mod moves;
mod name;
mod record;
mod rejection;
mod reply;
mod settings;
mod status;
mod time;

pub use attribute::{Attribute, AttributeValue, Envelope, Payload, check_attribute_count};
pub use backup::{BackupId, BackupPlan};
pub use browse::{Browse, Browsed, MessageState, StateFilter};
pub use command::{Command, Delay, DeleteMode, LeaseRef, ReceiveOptions, SendEntry, Step};
pub use group::{Deduplication, Digest, GroupId, check_id};
pub use ids::{
    Lineage, Lsn, MessageId, Nonce, OutputId, QueueId, Seq, TaskId, push_hex, uuid_text,
};
pub use image::{
    AttemptImage, BaseImage, DeduplicationBucket, ImageEntry, MoveImage, NameImage, PhaseImage,
    QueueImage, Summary, TouchedImage, summary_of,
};
pub use moves::{MoveFilter, MoveOutcome, MoveSpec, MoveTaskView};
pub use name::{NameError, QueueName};
pub use record::{Record, Sending};
pub use rejection::{Rejection, Unit, in_range, quoted};
pub use reply::{
    CancelOutcome, DeleteOutcome, Leased, QueueCounts, QueueView, Reply, Sent, StepOutcome,
};
pub use settings::{
    Backoff, DeduplicationScope, QueueSettings, RedriveAllow, RedrivePolicy, SettingsEdit,
    SettingsPatch, ThroughputLimit, check_tags,
};
pub use status::{
    CheckpointStatus, CompactionStatus, FilesStatus, RecoveryStatus, ScrubStatus, Status,
    WrittenStatus,
};
pub use time::{Millis, Timestamp};
