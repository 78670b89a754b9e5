//! The service that moves messages: one file for each request.

mod cancel;
mod change_visibility;
mod content;
mod delete;
mod entry;
mod get;
mod looked;
mod peek;
mod receive;
mod receive_stream;
mod send;
mod send_stream;
mod transact;

use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::outgoing::Rooms;
use crate::{api::Gate, proto::v1};

/// `ledgerq.v1.MessageService` before the broker that the gate lets through to.
pub(super) struct Messages {
    pub(super) gate: Gate,
}

/// The answers of a stream.
type Answers<A> = BoxStream<'static, Result<A, Status>>;

#[tonic::async_trait]
impl v1::message_service_server::MessageService for Messages {
    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(send::answer(&broker, request.into_inner()).await?))
    }

    type SendStreamStream = Answers<v1::SendStreamResponse>;

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        let (broker, open) = self.gate.stream()?;
        Ok(Response::new(send_stream::open(broker, open, request.into_inner()).await?))
    }

    async fn receive(
        &self,
        request: Request<v1::ReceiveRequest>,
    ) -> Result<Response<v1::ReceiveResponse>, Status> {
        let broker = self.gate.broker()?;
        let (answer, room) = receive::answer(&broker, request.into_inner()).await?;
        Ok(Rooms::response(answer, room))
    }

    type ReceiveStreamStream = Answers<v1::ReceiveStreamResponse>;

    async fn receive_stream(
        &self,
        request: Request<Streaming<v1::ReceiveStreamRequest>>,
    ) -> Result<Response<Self::ReceiveStreamStream>, Status> {
        let (broker, open) = self.gate.stream()?;
        receive_stream::open(broker, open, request.into_inner()).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(delete::answer(&broker, request.into_inner()).await?))
    }

    async fn change_visibility(
        &self,
        request: Request<v1::ChangeVisibilityRequest>,
    ) -> Result<Response<v1::ChangeVisibilityResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(change_visibility::answer(&broker, request.into_inner()).await?))
    }

    async fn cancel_scheduled(
        &self,
        request: Request<v1::CancelScheduledRequest>,
    ) -> Result<Response<v1::CancelScheduledResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(cancel::answer(&broker, request.into_inner()).await?))
    }

    async fn transact(
        &self,
        request: Request<v1::TransactRequest>,
    ) -> Result<Response<v1::TransactResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(transact::answer(&broker, request.into_inner()).await?))
    }

    async fn peek(
        &self,
        request: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        let broker = self.gate.broker()?;
        let (answer, room) = peek::answer(&broker, request.into_inner()).await?;
        Ok(Rooms::response(answer, room))
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        let broker = self.gate.broker()?;
        let (answer, room) = get::answer(&broker, request.into_inner()).await?;
        Ok(Rooms::response(answer, room))
    }
}
