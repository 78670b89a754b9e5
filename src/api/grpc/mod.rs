//! The native API: the services of `proto/ledgerq/v1` over a broker's handle.
//!
//! Read in this order: `parse` and `convert` are the way in and out of the proto's words;
//! `intake` bounds what requests take before they are decoded, `outgoing` what answers take until
//! they are sent; `refusal` gives each rejection its
//! code and reason, `status` its gRPC form; `batch` lets a bad entry fail alone; `queue`,
//! `message`, `redrive` and `admin` have one file for each request.

mod admin;
mod batch;
mod convert;
mod filter;
pub(crate) mod health;
mod intake;
mod message;
mod outgoing;
mod parse;
mod queue;
mod redrive;
mod refusal;
mod status;
mod test_clock;
mod token;

use std::sync::Arc;

use tonic::service::Routes;
use tonic_reflection::server::Builder;

use self::{intake::Intake, outgoing::Roomy};
use super::Gate;
use crate::{
    clock::TestClock,
    proto::{
        self,
        v1::{
            admin_service_server::{self, AdminServiceServer},
            message_service_server::{self, MessageServiceServer},
            queue_service_server::{self, QueueServiceServer},
            redrive_service_server::{self, RedriveServiceServer},
            test_clock_service_server::{self, TestClockServiceServer},
        },
    },
    types::limits,
};

/// The services that every server has, and those that it has for its clients' tools.
const SERVICES: [&str; 7] = [
    queue_service_server::SERVICE_NAME,
    message_service_server::SERVICE_NAME,
    redrive_service_server::SERVICE_NAME,
    admin_service_server::SERVICE_NAME,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// What a request or an answer has beside the bytes of messages, at most: lengths, ids, handles and
/// times of a thousand of them.
const ROOM_BYTES: usize = 1_048_576;
/// Bytes of one request or answer in its encoded form, at most.
#[expect(clippy::cast_possible_truncation, reason = "5 MiB fit any usize")]
const ENCODED_BYTES_MAX: usize = limits::REQUEST_BYTES_MAX as usize + ROOM_BYTES;
/// Bytes of a request of reflection or health, at most: each is the name of something.
pub(crate) const NAME_BYTES_MAX: usize = 4096;

/// The services of the API and reflection, for requests that `gate` lets through. Of requests that
/// are coming in at most `incoming_bytes_max` are kept, or one. With a test clock, clients can move
/// it.
///
/// # Panics
///
/// Never: the descriptors that reflection tells were made by the build.
pub fn routes(gate: &Gate, test_clock: Option<Arc<TestClock>>, incoming_bytes_max: u64) -> Routes {
    let intake = Intake::new(incoming_bytes_max);
    let gate = || gate.clone();
    let queues = QueueServiceServer::new(queue::Queues { gate: gate() })
        .max_decoding_message_size(ENCODED_BYTES_MAX)
        .max_encoding_message_size(ENCODED_BYTES_MAX);
    let messages = MessageServiceServer::new(message::Messages { gate: gate() })
        .max_decoding_message_size(ENCODED_BYTES_MAX)
        .max_encoding_message_size(ENCODED_BYTES_MAX);
    let redrive = RedriveServiceServer::new(redrive::Redrive { gate: gate() })
        .max_encoding_message_size(ENCODED_BYTES_MAX);
    let admin = AdminServiceServer::new(admin::Admin { gate: gate() });
    let has_test_clock = test_clock.is_some();
    let sound = "the build made the descriptors";
    let v1 = reflection(has_test_clock).build_v1().expect(sound);
    let v1alpha = reflection(has_test_clock).build_v1alpha().expect(sound);
    let mut routes = Routes::builder();
    routes
        .add_service(intake.before(queues))
        .add_service(intake.before(Roomy::new(messages)))
        .add_service(intake.before(redrive))
        .add_service(intake.before(admin))
        .add_service(v1.max_decoding_message_size(NAME_BYTES_MAX))
        .add_service(v1alpha.max_decoding_message_size(NAME_BYTES_MAX));
    if let Some(clock) = test_clock {
        let service = test_clock::Clock { gate: gate(), clock };
        routes.add_service(intake.before(TestClockServiceServer::new(service)));
    }
    routes.routes()
}

/// Tells of the services that there are, and of no other.
fn reflection(has_test_clock: bool) -> Builder<'static> {
    let builder = Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let test_clock = has_test_clock.then_some(test_clock_service_server::SERVICE_NAME);
    let services = SERVICES.into_iter().chain(test_clock);
    services.fold(builder, Builder::with_service_name)
}
