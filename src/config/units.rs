//! Sizes, durations and counts as people write them: `128MiB`, `1h 30m`, `10000`.
//!
//! One reader for the configuration file, the environment and the command line, so that a value
//! means the same wherever it is written, and a wrong one is refused in the same words.

use std::{fmt, marker::PhantomData, net::SocketAddr, str::FromStr};

use bytesize::ByteSize;
use serde::de::{self, Deserialize, Deserializer};

use crate::types::Millis;

/// A number of bytes: `4096`, `64KiB`, `1.5 GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A duration of whole milliseconds: `20ms`, `30s`, `1h 30m`, `4d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Millis);

/// A number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

/// What is done or not: `on`, `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

/// An address and a port to listen on: `127.0.0.1:7420`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

/// Why a text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number of bytes.
    #[error("{0:?} is not a size; write it like 4096, 64KiB or 1.5GiB")]
    Size(String),
    /// Not a duration.
    #[error("{0:?} is not a duration; write it like 20ms, 30s, 1h 30m or 4d")]
    Span(String),
    /// A duration that has a fraction of a millisecond.
    #[error("{0:?} is not a whole number of milliseconds")]
    Fraction(String),
    /// Not a count.
    #[error("{0:?} is not a count; write it like 10000")]
    Count(String),
    /// Neither on nor off.
    #[error("{0:?} is neither on nor off")]
    Switch(String),
    /// Not an address and a port.
    #[error("{0:?} is not an address and a port; write it like 127.0.0.1:7420 or [::]:7420")]
    Address(String),
    /// Neither an address and a port nor the word that there is none.
    #[error("{0:?} is not an address and a port, nor off; write it like 127.0.0.1:9324")]
    Listen(String),
    /// Not an account number.
    #[error("{0:?} is not an account number; it has 12 digits, like 000000000000")]
    Account(String),
    /// Not pairs of keys. They are secrets, so they are not quoted.
    #[error("the pair of keys number {0} is none; write them like ID:SECRET,ID:SECRET")]
    Credentials(usize),
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let parsed: Result<ByteSize, _> = text.trim().parse();
        parsed.map(|size| Self(size.as_u64())).map_err(|_| UnitError::Size(text.to_owned()))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::Span(text.to_owned());
        let duration = humantime::parse_duration(text.trim()).map_err(|_| bad())?;
        if duration.subsec_nanos() % 1_000_000 != 0 {
            return Err(UnitError::Fraction(text.to_owned()));
        }
        u64::try_from(duration.as_millis()).map(|ms| Self(Millis::new(ms))).map_err(|_| bad())
    }
}

impl FromStr for Count {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.trim().parse().map(Self).map_err(|_| UnitError::Count(text.to_owned()))
    }
}

impl FromStr for Switch {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text.trim() {
            "on" | "true" => Ok(Self(true)),
            "off" | "false" => Ok(Self(false)),
            _ => Err(UnitError::Switch(text.to_owned())),
        }
    }
}

impl FromStr for Address {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.trim().parse().map(Self).map_err(|_| UnitError::Address(text.to_owned()))
    }
}

/// In the largest binary unit that divides it, so that nothing is rounded: `128MiB`, `70000B`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (bytes, unit) in UNITS {
            if self.0 > 0 && self.0.is_multiple_of(bytes) {
                return write!(f, "{}{unit}", self.0 / bytes);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads a TOML number, boolean or string; a number or a boolean means what the same characters
/// mean in a string.
pub(super) struct NumberOrText<T>(pub(super) PhantomData<T>);

impl<T: FromStr<Err = UnitError>> de::Visitor<'_> for NumberOrText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a string")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        value.parse().map_err(E::custom)
    }
}

macro_rules! deserialize {
    ($($unit:ident),*) => {$(
        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(NumberOrText(PhantomData))
            }
        }
    )*};
}
deserialize!(Size, Span, Count, Switch, Address);

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn sizes_are_read_in_binary_and_decimal_units() {
        let read = |text: &str| text.parse().map(|Size(bytes)| bytes);
        assert_eq!(read("4096"), Ok(4096));
        assert_eq!(read("1MiB"), Ok(1 << 20));
        assert_eq!(read("1.5 GiB"), Ok(3 << 29));
        assert_eq!(read("2MB"), Ok(2_000_000));
        assert_eq!(read(" 0 "), Ok(0));
    }

    #[test]
    fn durations_are_read_in_parts() {
        let read = |text: &str| text.parse().map(|Span(millis)| millis.get());
        assert_eq!(read("20ms"), Ok(20));
        assert_eq!(read("1h 30m"), Ok(5_400_000));
        assert_eq!(read("4d"), Ok(345_600_000));
        assert_eq!(read("0s"), Ok(0));
    }

    #[test]
    fn what_is_no_value_is_quoted_with_an_example() {
        let errors = [
            "12 parsecs".parse::<Size>().map(|_| ()),
            "-1".parse::<Size>().map(|_| ()),
            "soon".parse::<Span>().map(|_| ()),
            "30".parse::<Span>().map(|_| ()),
            "1500us".parse::<Span>().map(|_| ()),
            "many".parse::<Count>().map(|_| ()),
            "yes".parse::<Switch>().map(|_| ()),
            "localhost".parse::<Address>().map(|_| ()),
        ];
        let lines: Vec<String> =
            errors.map(|error| error.map_or_else(|e| e.to_string(), |()| "taken".into())).into();
        expect![[r#"
            "12 parsecs" is not a size; write it like 4096, 64KiB or 1.5GiB
            "-1" is not a size; write it like 4096, 64KiB or 1.5GiB
            "soon" is not a duration; write it like 20ms, 30s, 1h 30m or 4d
            "30" is not a duration; write it like 20ms, 30s, 1h 30m or 4d
            "1500us" is not a whole number of milliseconds
            "many" is not a count; write it like 10000
            "yes" is neither on nor off
            "localhost" is not an address and a port; write it like 127.0.0.1:7420 or [::]:7420"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn sizes_print_without_rounding() {
        let shown = [0, 1023, 1024, 70_000, 128 << 20, 1 << 30].map(|b| Size(b).to_string());
        assert_eq!(shown, ["0B", "1023B", "1KiB", "70000B", "128MiB", "1GiB"]);
    }
}
