//! The service that looks after the broker: one file for each request.

mod backup;
mod checkpoint;
mod compact;
mod scrub;
mod status;
mod view;

use tonic::{Request, Response, Status};

use crate::{api::Gate, proto::v1};

/// `ledgerq.v1.AdminService` before the broker that the gate lets through to.
pub(super) struct Admin {
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl v1::admin_service_server::AdminService for Admin {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(status::answer(&broker).await?))
    }

    async fn checkpoint(
        &self,
        _: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(checkpoint::answer(&broker).await?))
    }

    async fn compact(
        &self,
        _: Request<v1::CompactRequest>,
    ) -> Result<Response<v1::CompactResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(compact::answer(&broker).await?))
    }

    async fn scrub(
        &self,
        _: Request<v1::ScrubRequest>,
    ) -> Result<Response<v1::ScrubResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(scrub::answer(&broker).await?))
    }

    async fn begin_backup(
        &self,
        request: Request<v1::BeginBackupRequest>,
    ) -> Result<Response<v1::BeginBackupResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(backup::begin(&broker, request.into_inner()).await?))
    }

    async fn end_backup(
        &self,
        request: Request<v1::EndBackupRequest>,
    ) -> Result<Response<v1::EndBackupResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(backup::end(&broker, request.into_inner()).await?))
    }
}
