//! What queues do, theme by theme: every sentence of the semantics has its script.

/// Attempt ids of FIFO receives.
mod attempts;
/// Retry back-off.
mod backoff;
/// Looking at messages without any effect.
mod browsing;
/// Dead letters.
mod dead_letters;
/// Deleting, fenced and lenient.
mod deletes;
/// Deduplication ids: how long they count and what for.
mod duplicates;
/// A message that comes back for ever starves nobody, and nobody starves it.
mod fairness;
/// The delay of a FIFO queue.
mod fifo_delay;
/// Message groups of FIFO queues.
mod groups;
/// Returns, polls, handles and purges in message groups.
mod groups_and_leases;
/// What a queue tells of its messages, and what a restart leaves of leases: all of it.
mod lasting;
/// Visibility timeouts: their start, their change, their end.
mod leases;
/// A time to live of a message of its own.
mod lifetimes;
/// The limit of messages in flight.
mod limits;
/// Move tasks.
mod moves;
/// What becomes of the queues and messages of move tasks.
mod moves_and_queues;
/// Pausing sends and receives.
mod pauses;
/// Long polls.
mod polls;
/// Priorities of standard queues.
mod priorities;
/// Purging.
mod purge;
/// Names, creation, settings, listing, deletion.
mod queues;
/// What a redrive policy may say, and what goes with dead letters.
mod redrive_policies;
/// How long messages are kept.
mod retention;
/// Receives whose reply never reaches the client: the message returns as it was.
mod returned;
/// Delivery at a time, and its cancellation.
mod schedules;
/// Sizes, attributes, delays, batches.
mod sending;
/// Settings that are stored, and those of FIFO queues.
mod settings;
/// Fair queues: quiet tenants and noisy ones.
mod tenants;
/// Transact: all of the steps, or none.
mod transacts;
