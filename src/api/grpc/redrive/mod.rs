//! The service that moves messages from queue to queue: one file for each request.

mod cancel;
mod list;
mod start;

use tonic::{Request, Response, Status};

use crate::{api::Gate, proto::v1};

/// `ledgerq.v1.RedriveService` before the broker that the gate lets through to.
pub(super) struct Redrive {
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl v1::redrive_service_server::RedriveService for Redrive {
    async fn start_move(
        &self,
        request: Request<v1::StartMoveRequest>,
    ) -> Result<Response<v1::StartMoveResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(start::answer(&broker, request.into_inner()).await?))
    }

    async fn list_moves(
        &self,
        request: Request<v1::ListMovesRequest>,
    ) -> Result<Response<v1::ListMovesResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(list::answer(&broker, request.into_inner()).await?))
    }

    async fn cancel_move(
        &self,
        request: Request<v1::CancelMoveRequest>,
    ) -> Result<Response<v1::CancelMoveResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(cancel::answer(&broker, request.into_inner()).await?))
    }
}
