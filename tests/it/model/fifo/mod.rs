//! Random scripts for a FIFO queue and its dead-letter queue: which messages a receive brings, in
//! which order and with which counts, is the model's to say.

mod reference;
mod steps;
