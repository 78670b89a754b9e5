//! AWS's published test vectors, as far as they are for this service, and what is refused.

use http::{Request, request::Parts};

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Beside what each vector is called, the request as it is sent.
const VECTORS: &str = include_str!("vectors.txt");

fn head(line: &str, headers: &[(&str, &str)]) -> Parts {
    let (method, uri) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(uri);
    request = request.header("Host", "example.amazonaws.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("it is a request").into_parts().0
}

/// The bytes of a text in which some are written `\xNN`.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// A request of the suite and its body.
fn sent(request: &str) -> (Parts, &[u8]) {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let line = lines.next().and_then(|line| line.strip_suffix(" HTTP/1.1"));
    let (method, uri) = line.and_then(|line| line.split_once(' ')).expect("a request's line");
    let mut request = Request::builder().method(method).uri(bytes(uri));
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header");
        request = request.header(name, value);
    }
    (request.body(()).expect("it is a request").into_parts().0, body.trim_end().as_bytes())
}

#[test]
fn signatures_are_those_of_the_published_vectors() {
    let mut vectors = VECTORS.split("\n== ");
    assert!(vectors.next().is_some_and(|notice| notice.contains("Apache-2.0")));
    let mut count = 0;
    for vector in vectors {
        let (name, request) = vector.split_once('\n').expect("a name and a request");
        let (head, body) = sent(request);
        // The service is none of ours, so time and scope are not looked at.
        let claim = Claim::read(&head).expect(name).expect(name);
        assert_eq!(claim.expires.is_some(), name.ends_with(" query"), "{name}");
        let canonical = canonical::request(&head, &claim, body).expect(name);
        assert_eq!(signature(&claim, &canonical, SECRET), claim.signature, "{name}: {canonical}");
        count += 1;
    }
    assert_eq!(count, 58);
}

/// A request to this service with a signature that is right.
fn ours(key: &str, secret: &str, date: &str, body: &[u8]) -> Parts {
    let authorization = |signature: &str| {
        format!(
            "{ALGORITHM} Credential={key}/{}/eu-west-1/sqs/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}",
            &date[..8]
        )
    };
    let with = |signature: &str| {
        let authorization = authorization(signature);
        head("POST /", &[("X-Amz-Date", date), ("Authorization", &authorization)])
    };
    let unsigned = with("0");
    let claim = Claim::read(&unsigned).expect("it is complete").expect("it is signed");
    let canonical = canonical::request(&unsigned, &claim, body).expect("it is complete");
    with(&signature(&claim, &canonical, secret))
}

fn keys() -> Keys {
    let pair = |id: &str, secret: &str| KeyPair { id: id.into(), secret: secret.into() };
    Keys::new(vec![pair("ONE", "first"), pair("TWO", "second")])
}

const DATE: &str = "20260131T120000Z";

fn now() -> Timestamp {
    time::read(DATE).expect("a time")
}

#[test]
fn each_pair_of_keys_may_sign() {
    for (id, secret) in [("ONE", "first"), ("TWO", "second")] {
        let head = ours(id, secret, DATE, b"body");
        assert_eq!(keys().verify(&head, b"body", now()), Ok(id.to_owned()));
        assert_eq!(region(&head).as_deref(), Some("eu-west-1"));
    }
}

#[test]
fn what_was_not_signed_so_is_refused() {
    let refused = |head: &Parts, body: &[u8]| keys().verify(head, body, now()).map_err(|f| f.kind);
    let good = || ours("ONE", "first", DATE, b"body");
    let mismatch = Err(Kind::SignatureDoesNotMatch);
    assert_eq!(refused(&ours("ONE", "second", DATE, b"body"), b"body"), mismatch);
    assert_eq!(refused(&good(), b"other"), mismatch);
    assert_eq!(refused(&ours("THREE", "x", DATE, b""), b""), Err(Kind::InvalidClientTokenId));
    assert_eq!(refused(&head("GET /", &[]), b""), Err(Kind::MissingAuthentication));
    let mut moved = good();
    moved.uri = "/other".parse().expect("a URI");
    assert_eq!(refused(&moved, b"body"), mismatch);
    let mut hosted = good();
    hosted.headers.insert("host", "elsewhere".parse().expect("a value"));
    assert_eq!(refused(&hosted, b"body"), mismatch);
    for given in ["", "Basic eA==", "AWS4-HMAC-SHA256 Credential=a/b", "AWS4-HMAC-SHA256 ,,=,"] {
        let head = head("GET /", &[("X-Amz-Date", DATE), ("Authorization", given)]);
        assert_eq!(refused(&head, b""), Err(Kind::IncompleteSignature), "{given}");
    }
}

#[test]
fn a_signature_holds_for_a_quarter_of_an_hour() {
    let head = ours("ONE", "first", DATE, b"");
    let at = |now| keys().verify(&head, b"", now).map_err(|fault| fault.kind);
    let quarter = Millis::from_secs(15 * 60);
    let before = |by: u64| Timestamp::from_millis(now().as_millis() - by);
    assert!(at(now().after(quarter)).is_ok() && at(before(quarter.get())).is_ok());
    let late = now().after(Millis::new(quarter.get() + 1));
    assert_eq!(at(late), Err(Kind::SignatureDoesNotMatch));
    assert_eq!(at(before(quarter.get() + 1)), Err(Kind::SignatureDoesNotMatch));
}

#[test]
fn a_signature_in_a_url_holds_for_as_long_as_it_says() {
    let with = |signature: &str| {
        let line = format!(
            "GET /0/jobs?Action=ReceiveMessage&X-Amz-Algorithm={ALGORITHM}\
             &X-Amz-Credential=ONE%2F20260131%2Feu-west-1%2Fsqs%2Faws4_request\
             &X-Amz-Date={DATE}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host\
             &X-Amz-Signature={signature}"
        );
        head(&line, &[])
    };
    let unsigned = with("0");
    let claim = Claim::read(&unsigned).expect("it is complete").expect("it is signed");
    let canonical = canonical::request(&unsigned, &claim, b"").expect("it is complete");
    let head = with(&signature(&claim, &canonical, "first"));
    let at = |now| keys().verify(&head, b"", now).map_err(|fault| fault.kind);
    assert_eq!(at(now().after(Millis::from_secs(3600))), Ok("ONE".into()));
    assert_eq!(at(now().after(Millis::from_secs(3601))), Err(Kind::SignatureDoesNotMatch));
}
