//! The service that moves messages: one file for each request.

mod change_visibility;
mod delete;
mod receive;
mod send;

use tonic::{Request, Response, Status};

use crate::{api::Gate, proto::v1};

/// `ledgerq.v1.MessageService` before the broker that the gate lets through to.
pub(super) struct Messages {
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl v1::message_service_server::MessageService for Messages {
    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(send::answer(&broker, request.into_inner()).await?))
    }

    async fn receive(
        &self,
        request: Request<v1::ReceiveRequest>,
    ) -> Result<Response<v1::ReceiveResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(receive::answer(&broker, request.into_inner()).await?))
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
}
