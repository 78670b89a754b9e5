//! AWS Signature Version 4: whether a request was made by somebody who has one of the keys, and has
//! come unchanged and in time. Signatures come in a header or in the URL's query.
//!
//! The steps and their names are those of the AWS documentation ("Create a signed AWS API
//! request"): a canonical form of the request is hashed, the hash with the time and the scope is
//! the string to sign, and a key that is made of the secret and the scope signs it.

mod canonical;
mod claim;
mod time;

#[cfg(test)]
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::claim::Claim;
use super::{
    error::{Fault, Kind},
    md5::hex,
};
use crate::types::{Millis, Timestamp, quoted};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATION: &str = "aws4_request";
const SERVICE: &str = "sqs";
/// How far the time of a request may be from the broker's.
const SKEW_MAX: Millis = Millis::from_secs(15 * 60);

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// What a request names.
    pub id: String,
    /// What signs it.
    pub secret: String,
}

/// The secret is nobody's to read.
impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys that may sign.
pub(super) struct Keys(Vec<KeyPair>);

/// The region that a request names, signed or not.
pub(super) fn region(head: &Parts) -> Option<String> {
    let claim = Claim::read(head).ok()??;
    let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits = (1..=32).contains(&claim.region.len()) && claim.region.chars().all(is_region);
    fits.then_some(claim.region)
}

impl Keys {
    pub(super) fn new(pairs: Vec<KeyPair>) -> Self {
        Self(pairs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of the key that signed the request.
    pub(super) fn verify(
        &self,
        head: &Parts,
        body: &[u8],
        now: Timestamp,
    ) -> Result<String, Fault> {
        let claim = Claim::read(head)?.ok_or_else(|| {
            Fault::new(Kind::MissingAuthentication, "Missing Authentication Token")
        })?;
        let pair = self.0.iter().find(|pair| pair.id == claim.key_id).ok_or_else(|| {
            let message = "The security token included in the request is invalid.";
            Fault::new(Kind::InvalidClientTokenId, message)
        })?;
        if claim.service != SERVICE {
            let message = format!("Credential should be scoped to correct service: '{SERVICE}'. ");
            return Err(Fault::new(Kind::SignatureDoesNotMatch, message));
        }
        in_time(&claim, now)?;
        let canonical = canonical::request(head, &claim, body)?;
        let expected = signature(&claim, &canonical, &pair.secret);
        if bool::from(expected.as_bytes().ct_eq(claim.signature.as_bytes())) {
            return Ok(claim.key_id);
        }
        let message = "The request signature we calculated does not match the signature you \
                       provided. Check your AWS Secret Access Key and signing method. Consult the \
                       service documentation for details.";
        Err(Fault::new(Kind::SignatureDoesNotMatch, message))
    }
}

/// Refuses a request that is too old, or of a clock that goes ahead.
fn in_time(claim: &Claim, now: Timestamp) -> Result<(), Fault> {
    let refused = |message: String| Err(Fault::new(Kind::SignatureDoesNotMatch, message));
    let Some(at) = time::read(&claim.date) else {
        let message = "Date must be in ISO-8601 'basic format'.";
        return Err(Fault::new(Kind::IncompleteSignature, message));
    };
    let date = quoted(&claim.date);
    if at > now.after(SKEW_MAX) {
        return refused(format!("Signature not yet current: {date} is still later than the time"));
    }
    let until = at.after(claim.expires.unwrap_or(SKEW_MAX));
    if until < now {
        return refused(format!("Signature expired: {date} is now earlier than the time"));
    }
    Ok(())
}

/// The string to sign.
fn string_to_sign(claim: &Claim, canonical: &str) -> String {
    let Claim { date, scope_date, region, service, .. } = claim;
    let hashed = hex(Sha256::digest(canonical.as_bytes()).as_slice());
    format!("{ALGORITHM}\n{date}\n{scope_date}/{region}/{service}/{TERMINATION}\n{hashed}")
}

fn signature(claim: &Claim, canonical: &str, secret: &str) -> String {
    let secret = format!("AWS4{secret}");
    let parts = [&claim.scope_date, &claim.region, &claim.service, TERMINATION];
    let key = parts.iter().fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    hex(&mac(&key, string_to_sign(claim, canonical).as_bytes()))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    keyed.update(text);
    keyed.finalize().into_bytes().to_vec()
}
