//! The canonical form of a request, which is the same however it was written and sent.

use std::fmt::Write;

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::claim::Claim;
use crate::api::sqs::{
    error::{Fault, Kind},
    md5::hex,
};

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path.
const PATH_ENCODED: &AsciiSet = &ENCODED.remove(b'/');
/// The parameter of a query that is not signed: the signature.
const UNSIGNED: &str = "X-Amz-Signature";

/// The whole of it. Refuses one that does not sign the host, or signs a header that is not there.
pub(super) fn request(head: &Parts, claim: &Claim, body: &[u8]) -> Result<String, Fault> {
    let mut headers = String::new();
    for name in &claim.signed_headers {
        let values = head.headers.get_all(name.as_str());
        let mut values: Vec<String> = values
            .iter()
            .map(|value| trimmed(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        if values.is_empty() && name == "host" {
            values.extend(head.uri.authority().map(ToString::to_string));
        }
        if values.is_empty() {
            return Err(unsigned(&format!("the header {name} is signed and not there")));
        }
        let _ = writeln!(headers, "{name}:{}", values.join(","));
    }
    if !claim.signed_headers.iter().any(|name| name == "host") {
        return Err(unsigned("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let method = &head.method;
    let (path, query) = (path(head.uri.path()), query(head.uri.query().unwrap_or_default()));
    let signed = claim.signed_headers.join(";");
    let hashed = hex(Sha256::digest(body).as_slice());
    Ok(format!("{method}\n{path}\n{query}\n{headers}\n{signed}\n{hashed}"))
}

/// Without empty and dot segments, each character of the rest encoded once more.
fn path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let is_dir = !segments.is_empty() && path.ends_with('/');
    let path = format!("/{}{}", segments.join("/"), if is_dir { "/" } else { "" });
    utf8_percent_encode(&path, PATH_ENCODED).to_string()
}

/// The parameters by name and value, as they are encoded.
fn query(query: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let parameters = query.split('&').filter(|part| !part.is_empty());
    // A plus is a plus here and no space.
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut parameters: Vec<(String, String)> = parameters
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
        .filter(|(name, _)| name != UNSIGNED)
        .collect();
    parameters.sort();
    let parts: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join("&")
}

/// Without spaces at the ends, and with one for each run of them.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn unsigned(message: &str) -> Fault {
    Fault::new(Kind::SignatureDoesNotMatch, message)
}
