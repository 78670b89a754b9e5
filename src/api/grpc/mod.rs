//! The native API: the services of `proto/ledgerq/v1` over a broker's handle.
//!
//! Read in this order: `parse` and `convert` are the way in and out of the proto's words;
//! `refusal` gives each rejection its code and reason, `status` its gRPC form; `batch` lets a
//! bad entry fail alone; `queue` and `message` have one file for each request.

mod batch;
mod convert;
pub(crate) mod health;
mod message;
mod parse;
mod queue;
mod refusal;
mod status;

use tonic::service::Routes;

use super::Gate;
use crate::{
    proto::{
        self,
        v1::{
            message_service_server::MessageServiceServer, queue_service_server::QueueServiceServer,
        },
    },
    types::limits,
};

/// What a request or an answer has beside the bytes of messages, at most: lengths, ids, handles and
/// times of a thousand of them.
const ROOM_BYTES: usize = 1_048_576;
/// Bytes of one request or answer in its encoded form, at most.
#[expect(clippy::cast_possible_truncation, reason = "5 MiB fit any usize")]
const ENCODED_BYTES_MAX: usize = limits::REQUEST_BYTES_MAX as usize + ROOM_BYTES;

/// The services of the API and reflection, for requests that `gate` lets through.
///
/// # Panics
///
/// Never: the descriptors that reflection tells were made by the build.
pub fn routes(gate: &Gate) -> Routes {
    let queues = QueueServiceServer::new(queue::Queues { gate: gate.clone() })
        .max_decoding_message_size(ENCODED_BYTES_MAX)
        .max_encoding_message_size(ENCODED_BYTES_MAX);
    let messages = MessageServiceServer::new(message::Messages { gate: gate.clone() })
        .max_decoding_message_size(ENCODED_BYTES_MAX)
        .max_encoding_message_size(ENCODED_BYTES_MAX);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let sound = "the build made the descriptors";
    let mut routes = Routes::builder();
    routes
        .add_service(queues)
        .add_service(messages)
        .add_service(reflection().build_v1().expect(sound))
        .add_service(reflection().build_v1alpha().expect(sound));
    routes.routes()
}
