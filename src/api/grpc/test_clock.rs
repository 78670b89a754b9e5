//! The service that lets time pass, on a server that was started for tests.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{convert, parse, refusal::Refusal};
use crate::{
    api::Gate,
    clock::TestClock,
    proto::v1,
    types::{Millis, Rejection, Unit, in_range},
};

/// How much time one call lets pass, at most.
const ADVANCE_MAX: Millis = Millis::from_secs(366 * 86_400);

/// `ledgerq.v1.TestClockService` for the clock of the broker behind the gate.
pub(super) struct Clock {
    pub(super) gate: Gate,
    pub(super) clock: Arc<TestClock>,
}

#[tonic::async_trait]
impl v1::test_clock_service_server::TestClockService for Clock {
    async fn advance(
        &self,
        request: Request<v1::AdvanceRequest>,
    ) -> Result<Response<v1::AdvanceResponse>, Status> {
        let broker = self.gate.broker()?;
        let by = parse(request.into_inner()).map_err(Refusal::of_request)?;
        let advanced = self.clock.advance(by);
        broker.wake();
        // What is asked now is answered once the owner has ended the batch that may have had the
        // time before; whatever comes later is of a later batch. That a broker is too busy to be
        // asked changes nothing about the time.
        let _ = broker.list_queues(String::new(), None, 1).await;
        let advanced = Some(convert::duration(advanced));
        Ok(Response::new(v1::AdvanceResponse { advanced }))
    }
}

fn parse(request: v1::AdvanceRequest) -> Result<Millis, Rejection> {
    let (field, needed) = ("duration", "how much time is to pass");
    let given = request.duration.ok_or(Rejection::Missing { field, needed })?;
    let by = parse::duration(field, given)?;
    in_range(field, by.get(), 0, ADVANCE_MAX.get(), Unit::Millis)?;
    Ok(by)
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;

    use super::*;

    #[test]
    fn one_call_lets_at_most_a_year_pass() {
        let with = |seconds| {
            let duration = Some(Duration { seconds, nanos: 0 });
            parse(v1::AdvanceRequest { duration }).is_ok()
        };
        assert_eq!([0, 366 * 86_400].map(with), [true, true]);
        assert_eq!([-1, 366 * 86_400 + 1, i64::MAX].map(with), [false, false, false]);
        assert!(parse(v1::AdvanceRequest { duration: None }).is_err());
    }
}
