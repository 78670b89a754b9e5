//! AWS's published test vectors, as far as HTTP can carry them, and what is refused.

use http::{Request, request::Parts};

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
const HASH: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";

/// One of the suite's requests with the signature in a header.
struct Vector {
    line: &'static str,
    /// Beside the host and the date.
    headers: &'static [(&'static str, &'static str)],
    signed: &'static str,
    body: &'static str,
    signature: &'static str,
}

const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn plain(line: &'static str, signature: &'static str) -> Vector {
    Vector { line, headers: &[], signed: "host;x-amz-date", body: "", signature }
}

fn head(line: &str, headers: &[(&str, &str)]) -> Parts {
    let (method, uri) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(uri);
    request = request.header("Host", "example.amazonaws.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("it is a request").into_parts().0
}

fn vectors() -> Vec<Vector> {
    const VALUES: &[(&str, &str)] = &[
        ("My-Header1", "value4"),
        ("My-Header1", "value1"),
        ("My-Header1", "value3"),
        ("My-Header1", "value2"),
    ];
    const TWICE: &[(&str, &str)] =
        &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")];
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let with_header1 = |headers, signature| Vector {
        headers,
        signed: "host;my-header1;x-amz-date",
        ..plain("GET /", signature)
    };
    vec![
        plain("GET /", vanilla),
        plain("GET /./", vanilla),
        plain("GET /example1/example2/../..", vanilla),
        plain(
            "GET //example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        plain(
            "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        plain(
            "GET /?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        plain(
            "GET /?%E1%88%B4=bar",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        with_header1(VALUES, "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
        with_header1(TWICE, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        Vector {
            headers: &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            signed: "host;my-header1;my-header2;x-amz-date",
            ..plain("GET /", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736")
        },
        Vector {
            headers: &[("X-Amz-Security-Token", SESSION_TOKEN)],
            signed: "host;x-amz-date;x-amz-security-token",
            ..plain("GET /", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")
        },
        Vector {
            headers: &[
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", "13"),
                ("x-amz-content-sha256", HASH),
            ],
            signed: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            body: "Param1=value1",
            ..plain("POST /", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b")
        },
    ]
}

/// The request of a vector with its signature; its service is none of ours, so that its time and
/// scope are not looked at.
fn signed(vector: &Vector) -> Parts {
    let authorization = format!(
        "{ALGORITHM} Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={}, Signature={}",
        vector.signed, vector.signature
    );
    let mut headers = vec![("X-Amz-Date", "20150830T123600Z"), ("Authorization", &authorization)];
    headers.extend(vector.headers);
    head(vector.line, &headers)
}

#[test]
fn signatures_in_a_header_are_those_of_the_published_vectors() {
    for vector in vectors() {
        let head = signed(&vector);
        let claim = Claim::read(&head).expect("it is complete").expect("it is signed");
        let canonical = canonical::request(&head, &claim, vector.body.as_bytes());
        let canonical = canonical.expect("every header is there");
        let found = signature(&claim, &canonical, SECRET);
        assert_eq!(found, vector.signature, "{}: {canonical}", vector.line);
    }
    let line = format!("GET /?{UNRESERVED}={UNRESERVED}");
    let vector = plain("GET /", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
    let mut head = signed(&vector);
    head.uri = line.trim_start_matches("GET ").parse().expect("a URI");
    let claim = Claim::read(&head).expect("it is complete").expect("it is signed");
    let canonical = canonical::request(&head, &claim, b"").expect("every header is there");
    assert_eq!(signature(&claim, &canonical, SECRET), vector.signature);
}

#[test]
fn a_signature_in_a_url_is_that_of_the_published_vector() {
    let line = format!(
        "GET /?Param2=value2&Param1=value1&X-Amz-Algorithm={ALGORITHM}\
         &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request\
         &X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=3600\
         &X-Amz-Signature=86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"
    );
    let head = head(&line, &[]);
    let claim = Claim::read(&head).expect("it is complete").expect("it is signed");
    let canonical = canonical::request(&head, &claim, b"").expect("it is complete");
    assert_eq!(signature(&claim, &canonical, SECRET), claim.signature);
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
