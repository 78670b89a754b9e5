//! Times as signatures have them: `20260131T235959Z`.

use crate::types::Timestamp;

/// The instant; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
        return None;
    }
    let seconds = (days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    Some(Timestamp::from_millis(seconds * 1000))
}

/// Days from 1970-01-01, for years from 1970 (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms": years begin in March, so that the leap day is the last).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[test]
fn times_are_read() {
    let read = |text| read(text).map(Timestamp::as_millis);
    assert_eq!(read("19700101T000000Z"), Some(0));
    assert_eq!(read("20150830T123600Z"), Some(1_440_938_160_000));
    assert_eq!(read("20240229T235959Z"), Some(1_709_251_199_000));
    assert_eq!(read("20000301T000000Z"), Some(951_868_800_000));
    for bad in [
        "",
        "20150830",
        "20150830T123600",
        "2015-08-30T12:36Z",
        "20151330T123600Z",
        "19690101T000000Z",
        "20150830T243600Z",
        "2015083\u{e4}T12360Z",
        "+0150830T123600Z",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
