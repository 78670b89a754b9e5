//! What the SQS-compatible endpoint is told: where it listens, as which account, and who may sign.

use std::{fmt, marker::PhantomData, net::SocketAddr, str::FromStr};

use serde::de::{Deserialize, Deserializer};

use super::units::{NumberOrText, UnitError};

/// What turns a listener off.
const OFF: &str = "off";
const ACCOUNT_DIGITS: usize = 12;

/// An address and a port to listen on, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// An account number: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

/// Pairs of an access key and its secret: `ID:SECRET,ID:SECRET`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<(String, String)>);

impl Account {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Account {
    fn default() -> Self {
        Self("0".repeat(ACCOUNT_DIGITS))
    }
}

impl Credentials {
    /// Each pair: the id and the secret.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(id, secret)| (id.as_str(), secret.as_str()))
    }
}

/// The secrets are nobody's to read.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs().map(|(id, _)| id)).finish()
    }
}

impl FromStr for Listen {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        if text == OFF {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| UnitError::Listen(text.into()))
    }
}

impl FromStr for Account {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let is_number = text.len() == ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if is_number { Ok(Self(text.into())) } else { Err(UnitError::Account(text.into())) }
    }
}

impl FromStr for Credentials {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let pairs = text.split(',').enumerate().map(|(at, pair)| {
            let parts = pair.trim().split_once(':');
            let pair = parts.filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
            let pair = pair.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
            pair.ok_or(UnitError::Credentials(at + 1))
        });
        pairs.collect::<Result<_, _>>().map(Self)
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
deserialize!(Listen, Account, Credentials);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_has_an_address_or_is_off() {
        assert_eq!("off".parse(), Ok(Listen(None)));
        let address = "127.0.0.1:0".parse().expect("an address");
        assert_eq!("127.0.0.1:0".parse(), Ok(Listen(Some(address))));
        assert_eq!("none".parse::<Listen>(), Err(UnitError::Listen("none".into())));
    }

    #[test]
    fn an_account_has_twelve_digits() {
        assert_eq!("123456789012".parse().as_ref().map(Account::as_str), Ok("123456789012"));
        assert_eq!(Account::default().as_str(), "000000000000");
        for bad in ["", "1", "1234567890123", "12345678901a"] {
            assert_eq!(bad.parse::<Account>(), Err(UnitError::Account(bad.into())));
        }
    }

    #[test]
    fn credentials_are_pairs_and_their_secrets_are_not_shown() {
        let pairs: Credentials = "A:x/y+z=, B:w:v".parse().expect("two pairs");
        assert_eq!(pairs.pairs().collect::<Vec<_>>(), [("A", "x/y+z="), ("B", "w:v")]);
        assert_eq!(format!("{pairs:?}"), "[\"A\", \"B\"]");
        for (bad, number) in [("", 1), ("A", 1), ("A:x,B", 2), ("A:x,:y", 2), ("A:", 1)] {
            assert_eq!(bad.parse::<Credentials>(), Err(UnitError::Credentials(number)), "{bad}");
        }
    }
}
