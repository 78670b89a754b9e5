//! The service that manages queues: one file for each request.

mod create;
mod delete;
mod get;
mod list;
mod page;
mod pause;
mod purge;
mod settings;
mod sources;
mod update;
mod view;

use tonic::{Request, Response, Status};

use crate::{api::Gate, proto::v1};

/// `ledgerq.v1.QueueService` before the broker that the gate lets through to.
pub(super) struct Queues {
    pub(super) gate: Gate,
}

#[tonic::async_trait]
impl v1::queue_service_server::QueueService for Queues {
    async fn create_queue(
        &self,
        request: Request<v1::CreateQueueRequest>,
    ) -> Result<Response<v1::CreateQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(create::answer(&broker, request.into_inner()).await?))
    }

    async fn get_queue(
        &self,
        request: Request<v1::GetQueueRequest>,
    ) -> Result<Response<v1::GetQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(get::answer(&broker, request.into_inner()).await?))
    }

    async fn list_queues(
        &self,
        request: Request<v1::ListQueuesRequest>,
    ) -> Result<Response<v1::ListQueuesResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(list::answer(&broker, request.into_inner()).await?))
    }

    async fn update_queue(
        &self,
        request: Request<v1::UpdateQueueRequest>,
    ) -> Result<Response<v1::UpdateQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(update::answer(&broker, request.into_inner()).await?))
    }

    async fn delete_queue(
        &self,
        request: Request<v1::DeleteQueueRequest>,
    ) -> Result<Response<v1::DeleteQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(delete::answer(&broker, request.into_inner()).await?))
    }

    async fn purge_queue(
        &self,
        request: Request<v1::PurgeQueueRequest>,
    ) -> Result<Response<v1::PurgeQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(purge::answer(&broker, request.into_inner()).await?))
    }

    async fn pause_queue(
        &self,
        request: Request<v1::PauseQueueRequest>,
    ) -> Result<Response<v1::PauseQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(pause::pause(&broker, request.into_inner()).await?))
    }

    async fn resume_queue(
        &self,
        request: Request<v1::ResumeQueueRequest>,
    ) -> Result<Response<v1::ResumeQueueResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(pause::resume(&broker, request.into_inner()).await?))
    }

    async fn list_dead_letter_sources(
        &self,
        request: Request<v1::ListDeadLetterSourcesRequest>,
    ) -> Result<Response<v1::ListDeadLetterSourcesResponse>, Status> {
        let broker = self.gate.broker()?;
        Ok(Response::new(sources::answer(&broker, request.into_inner()).await?))
    }
}
