//! What queues do, theme by theme: every sentence of the semantics has its script.

/// Deleting, fenced and lenient.
mod deletes;
/// A message that comes back for ever starves nobody, and nobody starves it.
mod fairness;
/// What a queue tells of its messages, and what a restart leaves of leases: all of it.
mod lasting;
/// Visibility timeouts: their start, their change, their end.
mod leases;
/// The limit of messages in flight.
mod limits;
/// Long polls.
mod polls;
/// Purging.
mod purge;
/// Names, creation, settings, listing, deletion.
mod queues;
/// How long messages are kept.
mod retention;
/// Receives whose reply never reaches the client: the message returns as it was.
mod returned;
/// Sizes, attributes, delays, batches.
mod sending;
