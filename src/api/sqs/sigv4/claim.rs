//! What a request says of its signature: in the header `Authorization` or in the URL's query.

use std::collections::BTreeMap;

use http::{HeaderMap, header, request::Parts};

use super::{ALGORITHM, TERMINATION};
use crate::{
    api::sqs::error::{Fault, Kind},
    types::Millis,
};

/// Longest life of a signature in a URL: seven days.
const EXPIRES_S_MAX: u64 = 604_800;

/// A signature that was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) key_id: String,
    /// The day in the scope, as `20260131`.
    pub(super) scope_date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// The time of the request, as `20260131T235959Z`.
    pub(super) date: String,
    /// How long it holds, if it says so.
    pub(super) expires: Option<Millis>,
    /// The names of the headers that are signed, in lower case.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
}

impl Claim {
    /// The claim of a request; `None` if it has none.
    pub(super) fn read(head: &Parts) -> Result<Option<Self>, Fault> {
        if let Some(given) = head.headers.get(header::AUTHORIZATION) {
            let given = given.to_str().map_err(|_| incomplete("Authorization"))?;
            return Self::from_header(given, &head.headers).map(Some);
        }
        let query = head.uri.query().unwrap_or_default();
        if !query.contains("X-Amz-Signature=") {
            return Ok(None);
        }
        let parameters: BTreeMap<_, _> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self::from_query(&parameters).map(Some)
    }

    fn from_header(given: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let rest = given.strip_prefix(ALGORITHM).ok_or_else(|| incomplete("Algorithm"))?;
        let parts: BTreeMap<&str, &str> =
            rest.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let part = |name: &str| parts.get(name).copied().ok_or_else(|| incomplete(name));
        let date = headers.get("x-amz-date").and_then(|date| date.to_str().ok());
        let date = date.ok_or_else(|| incomplete("X-Amz-Date"))?.trim();
        let (credential, signed) = (part("Credential")?, part("SignedHeaders")?);
        Self::of(credential, date, signed, part("Signature")?)
    }

    fn from_query(parameters: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let part =
            |name: &str| parameters.get(name).map(String::as_str).ok_or_else(|| incomplete(name));
        if part("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete("X-Amz-Algorithm"));
        }
        let expires = parameters.get("X-Amz-Expires").map(|text| {
            let seconds = text.parse().ok().filter(|seconds| *seconds <= EXPIRES_S_MAX);
            seconds.map(Millis::from_secs).ok_or_else(|| incomplete("X-Amz-Expires"))
        });
        let (credential, signed) = (part("X-Amz-Credential")?, part("X-Amz-SignedHeaders")?);
        let claim = Self::of(credential, part("X-Amz-Date")?, signed, part("X-Amz-Signature")?)?;
        Ok(Self { expires: expires.transpose()?, ..claim })
    }

    fn of(credential: &str, date: &str, signed: &str, signature: &str) -> Result<Self, Fault> {
        let scope: Vec<&str> = credential.rsplitn(5, '/').collect();
        let [termination, service, region, scope_date, key_id] = scope[..] else {
            return Err(incomplete("Credential"));
        };
        if termination != TERMINATION || !date.starts_with(scope_date) || scope_date.len() != 8 {
            return Err(incomplete("Credential"));
        }
        Ok(Self {
            key_id: key_id.to_owned(),
            scope_date: scope_date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date: date.to_owned(),
            expires: None,
            signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
        })
    }
}

fn incomplete(part: &str) -> Fault {
    let message = format!("The signature's {part} is missing or is none.");
    Fault::new(Kind::IncompleteSignature, message)
}
