//! The fields that many requests have, from the proto's words to the broker's.
//!
//! Each function takes anything that protobuf can hold and gives a value within its limits or says
//! what is wrong; none panics.

use super::refusal::Refusal;
use crate::types::{
    GroupId, Millis, QueueName, Rejection, Timestamp, Unit, in_range, limits, quoted,
};

/// The queue that a request names in its field `queue`.
pub(super) fn queue(raw: &str) -> Result<QueueName, Refusal> {
    queue_in("queue", raw).map_err(Refusal::of_request)
}

/// The queue that a field names.
pub(super) fn queue_in(field: &'static str, raw: &str) -> Result<QueueName, Rejection> {
    QueueName::parse(raw).map_err(|source| Rejection::QueueName {
        field,
        value: quoted(raw),
        source,
    })
}

/// The group that a field names; none if it is empty.
pub(super) fn group_if_set(field: &'static str, raw: &str) -> Result<Option<GroupId>, Rejection> {
    if raw.is_empty() { Ok(None) } else { GroupId::parse(field, raw).map(Some) }
}

/// The 128 bits of a message's id: a UUID (RFC 9562) in its usual form, of letters in any case.
pub(super) fn message_id(field: &'static str, raw: &str) -> Result<u128, Rejection> {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, u8)| {
        if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    let is_uuid = raw.len() == UUID_BYTES && raw.bytes().enumerate().all(fits);
    let id = u128::from_str_radix(&raw.replace('-', ""), 16).ok().filter(|_| is_uuid);
    id.ok_or_else(|| {
        let problem = "a message id is a UUID, like 00000000-0000-8000-8000-000000000000";
        Rejection::malformed(field, raw, problem)
    })
}

/// Characters of a UUID in its usual form.
const UUID_BYTES: usize = 36;

/// How many items a page or list has, if so many are asked for; 0 asks for the usual number.
pub(super) fn page_size(field: &'static str, given: u32) -> Result<usize, Rejection> {
    in_range(field, given.into(), 0, limits::PAGE_MAX as u64, Unit::Count)?;
    Ok(if given == 0 { limits::PAGE_DEFAULT } else { given as usize })
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

/// How long from now a lease is to last, which is needed: 0 to 12 hours.
pub(super) fn lease_timeout(given: Option<prost_types::Duration>) -> Result<Millis, Rejection> {
    let field = "visibility_timeout";
    let timeout = duration_up_to(field, given, limits::VISIBILITY_MAX)?;
    let needed = "how long from now the lease is to last; 0 ends it at once";
    timeout.ok_or(Rejection::Missing { field, needed })
}

/// An instant, in whole milliseconds, rounded up; one before 1970 is as good as 1970.
///
/// google/protobuf/timestamp.proto has the form: from year 1 to year 9999, the nanoseconds count
/// forward and are less than a second.
pub(super) fn timestamp(
    field: &'static str,
    given: prost_types::Timestamp,
) -> Result<Timestamp, Rejection> {
    let prost_types::Timestamp { seconds, nanos } = given;
    let nanos = u64::try_from(nanos).ok().filter(|nanos| *nanos <= NANOS_MAX);
    let (Some(nanos), true) = (nanos, TIMESTAMP_SECONDS.contains(&seconds)) else {
        let value = format!("{seconds} s and {} ns", given.nanos);
        let problem = "a time is of the years 1 to 9999, with nanos of 0 to 999,999,999";
        return Err(Rejection::malformed(field, &value, problem));
    };
    let Ok(seconds) = u64::try_from(seconds) else { return Ok(Timestamp::ZERO) };
    let rest = Millis::new(nanos.div_ceil(NANOS_PER_MILLI));
    Ok(Timestamp::ZERO.after(Millis::from_secs(seconds)).after(rest))
}

/// The seconds from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
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
    fn times_are_rounded_up_to_milliseconds_and_none_is_before_1970() {
        let cases = [
            (0, 0, 0),
            (0, 1, 1),
            (1, 999_999_999, 2000),
            (-1, 999_999_999, 0),
            (-62_135_596_800, 0, 0),
            (253_402_300_799, 999_000_000, 253_402_300_799_999),
        ];
        for (seconds, nanos, millis) in cases {
            let parsed = timestamp("deliver_at", prost_types::Timestamp { seconds, nanos });
            assert_eq!(parsed, Ok(Timestamp::from_millis(millis)), "{seconds} s {nanos} ns");
        }
    }

    #[test]
    fn times_that_are_none_are_refused() {
        let cases = [
            (0, -1),
            (0, 1_000_000_000),
            (-62_135_596_801, 0),
            (253_402_300_800, 0),
            (i64::MIN, i32::MIN),
            (i64::MAX, i32::MAX),
        ];
        for (seconds, nanos) in cases {
            let parsed = timestamp("deliver_at", prost_types::Timestamp { seconds, nanos });
            assert!(matches!(parsed, Err(Rejection::Malformed { field: "deliver_at", .. })));
        }
    }

    #[test]
    fn a_message_id_is_a_uuid_in_its_usual_form() {
        let id = "0123ABCD-0123-8abc-8000-00000000000f";
        assert_eq!(message_id("message_id", id), Ok(0x0123_abcd_0123_8abc_8000_0000_0000_000f));
        let no_hyphens = "0123abcd01238abc800000000000000f";
        let shifted = "0123abcd0-123-8abc-8000-00000000000f";
        let signed = "+123abcd-0123-8abc-8000-00000000000f";
        let long = "0".repeat(1 << 20);
        for raw in ["", "garbage", no_hyphens, shifted, signed, "\u{1f980}", &long] {
            assert!(message_id("message_id", raw).is_err(), "{raw:.40}");
        }
    }

    #[test]
    fn a_page_has_a_hundred_items_unless_asked_otherwise() {
        let sizes = [0, 1, 1000].map(|given| page_size("page_size", given));
        assert_eq!(sizes, [Ok(100), Ok(1), Ok(1000)]);
        for given in [1001, u32::MAX] {
            assert!(page_size("page_size", given).is_err(), "{given}");
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
        fn any_time_and_any_id_are_parsed_or_refused(seconds: i64, nanos: i32, id: String) {
            let _ = timestamp("deliver_at", prost_types::Timestamp { seconds, nanos });
            let _ = (message_id("message_id", &id), group_if_set("group_id", &id));
        }

        #[test]
        fn any_duration_is_parsed_or_refused(seconds: i64, nanos: i32) {
            let _ = duration_up_to("delay", Some(Duration { seconds, nanos }), Millis::new(5));
        }
    }
}
