//! The fields that many requests have, from the proto's words to the broker's.
//!
//! Each function takes anything that protobuf can hold and gives a value within its limits or says
//! what is wrong; none panics.

use super::refusal::Refusal;
use crate::types::{Millis, QueueName, Rejection, Unit, in_range, limits, quoted};

/// The queue that a request names in its field `queue`.
pub(super) fn queue(raw: &str) -> Result<QueueName, Refusal> {
    QueueName::parse(raw).map_err(|source| {
        let value = quoted(raw);
        Refusal::of_request(Rejection::QueueName { field: "queue", value, source })
    })
}

/// Refuses a request of no entries, or of more than a request has.
pub(super) fn entry_count(field: &'static str, count: usize) -> Result<(), Refusal> {
    in_range(field, count as u64, 1, limits::ENTRIES_MAX as u64, Unit::Count)
        .map_err(Refusal::of_request)
}

/// A duration, in whole milliseconds, rounded up.
///
/// google/protobuf/duration.proto has the form: both parts have one sign, and the nanoseconds are
/// less than a second. No duration of the API is negative.
pub(super) fn duration(
    field: &'static str,
    given: prost_types::Duration,
) -> Result<Millis, Rejection> {
    let prost_types::Duration { seconds, nanos } = given;
    let refused = |problem: &str| {
        let value = format!("{seconds} s and {nanos} ns");
        Err(Rejection::malformed(field, &value, problem))
    };
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u64::try_from(nanos)) else {
        return refused("it cannot be negative");
    };
    if nanos > NANOS_MAX {
        return refused("nanos can be 0 to 999,999,999");
    }
    let rest = nanos.div_ceil(NANOS_PER_MILLI);
    Ok(Millis::new(Millis::from_secs(seconds).get().saturating_add(rest)))
}

const NANOS_MAX: u64 = 999_999_999;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A duration that may be left out.
pub(super) fn duration_if_set(
    field: &'static str,
    given: Option<prost_types::Duration>,
) -> Result<Option<Millis>, Rejection> {
    given.map(|given| duration(field, given)).transpose()
}

/// A duration of at most `max` that may be left out.
pub(super) fn duration_up_to(
    field: &'static str,
    given: Option<prost_types::Duration>,
    max: Millis,
) -> Result<Option<Millis>, Rejection> {
    let parsed = duration_if_set(field, given)?;
    if let Some(millis) = parsed {
        in_range(field, millis.get(), 0, max.get(), Unit::Millis)?;
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_types::Duration;

    use super::*;

    #[test]
    fn durations_are_rounded_up_to_milliseconds() {
        let cases = [
            (0, 0, 0),
            (0, 1, 1),
            (0, 1_000_000, 1),
            (0, 1_000_001, 2),
            (1, 999_000_000, 1999),
            (1, 999_999_999, 2000),
            (i64::MAX, 999_999_999, u64::MAX),
        ];
        for (seconds, nanos, millis) in cases {
            let parsed = duration("delay", Duration { seconds, nanos });
            assert_eq!(parsed, Ok(Millis::new(millis)), "{seconds} s {nanos} ns");
        }
    }

    #[test]
    fn durations_that_are_none_are_refused() {
        let cases =
            [(-1, 0), (0, -1), (-1, -1), (i64::MIN, i32::MIN), (0, 1_000_000_000), (1, i32::MAX)];
        for (seconds, nanos) in cases {
            let parsed = duration("delay", Duration { seconds, nanos });
            let Err(Rejection::Malformed { field: "delay", value, .. }) = parsed else {
                panic!("{seconds} s {nanos} ns: {parsed:?}");
            };
            assert_eq!(value, format!("{seconds} s and {nanos} ns"));
        }
    }

    #[test]
    fn durations_are_held_to_their_limit() {
        let max = Millis::from_secs(20);
        let parse =
            |seconds, nanos| duration_up_to("wait_time", Some(Duration { seconds, nanos }), max);
        assert_eq!(parse(20, 0), Ok(Some(max)));
        assert_eq!(duration_up_to("wait_time", None, max), Ok(None));
        for (seconds, nanos, value) in [(20, 1, 20_001), (21, 0, 21_000), (i64::MAX, 0, u64::MAX)] {
            let (field, unit) = ("wait_time", Unit::Millis);
            let refused = Rejection::OutOfRange { field, value, min: 0, max: 20_000, unit };
            assert_eq!(parse(seconds, nanos), Err(refused));
        }
    }

    #[test]
    fn a_request_has_one_to_a_thousand_entries() {
        for count in [1, 1000] {
            assert_eq!(entry_count("entries", count), Ok(()));
        }
        for count in [0, 1001, usize::MAX] {
            let refused = entry_count("entries", count).expect_err("it is beyond the limit");
            let sentence = format!("entries is {count}, it can be 1 to 1000");
            assert_eq!(refused.message(), sentence);
        }
    }

    #[test]
    fn a_wrong_queue_name_is_quoted_in_part() {
        let refused = queue(&"x".repeat(1 << 20)).expect_err("it is too long");
        assert!(refused.message().len() < 300, "{}", refused.message());
        assert_eq!(refused.field().as_deref(), Some("queue"));
    }

    proptest! {
        #[test]
        fn any_duration_is_parsed_or_refused(seconds: i64, nanos: i32) {
            let _ = duration_up_to("delay", Some(Duration { seconds, nanos }), Millis::new(5));
        }
    }
}
