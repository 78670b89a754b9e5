//! The SQS-compatible endpoint on the wire: each recorded behaviour of the real service, asked in
//! both protocols.

/// Attributes of queues, and what is stored of them.
mod attributes;
/// A client that speaks both protocols over a plain connection.
pub(crate) mod client;
/// What a client sees of an error besides its text, and which members answers have.
mod codes;
/// Clients that wait, go away, or are many.
mod connections;
/// What a message may have.
mod contents;
/// Settings that are changed from two sides at once.
mod edits;
/// FIFO queues, as they are told here.
mod fifo;
/// Requests that are no requests.
mod malformed;
/// Messages: sent, received, deleted, given another end.
mod messages;
/// Move tasks.
mod moves;
/// Queues, tags, permissions.
mod queues;
/// A broker with this endpoint alone.
pub(crate) mod served;
/// Signatures that are verified.
mod signed;
/// Clients that are slow.
mod slow;
