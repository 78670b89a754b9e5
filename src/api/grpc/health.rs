//! `grpc.health.v1.Health`: serving exactly while the gate lets requests through.

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use crate::api::{Gate, Phase};

/// The services that health is told of; the empty name is the server as a whole.
const SERVICES: [&str; 5] = [
    "",
    "ledgerq.v1.QueueService",
    "ledgerq.v1.MessageService",
    "ledgerq.v1.RedriveService",
    "ledgerq.v1.AdminService",
];

/// Tells the health service what the gate says.
pub(crate) struct Reporter {
    reporter: HealthReporter,
}

impl Reporter {
    /// A reporter that says that nothing serves yet, and the service that it reports to.
    pub(crate) async fn new() -> (Self, HealthServer<impl Health>) {
        let (reporter, service) = tonic_health::server::health_reporter();
        let reporter = Self { reporter };
        reporter.set(ServingStatus::NotServing).await;
        (reporter, service)
    }

    /// Follows the gate until it drains.
    ///
    /// At the end those who watch are told that nothing serves, and their streams end: a watch that
    /// stayed open would hold up the drain.
    pub(crate) async fn follow(mut self, gate: &Gate) {
        let mut phases = gate.watch();
        while phases.changed().await.is_ok() {
            let status = match &*phases.borrow_and_update() {
                Phase::Serving(_) => ServingStatus::Serving,
                Phase::Recovering(_) | Phase::Stopped => ServingStatus::NotServing,
                Phase::Draining => break,
            };
            self.set(status).await;
        }
        self.set(ServingStatus::NotServing).await;
        for service in SERVICES {
            self.reporter.clear_service_status(service).await;
        }
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}
