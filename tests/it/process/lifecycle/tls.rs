use std::{fs, path::PathBuf, sync::Arc};

use rcgen::CertifiedKey;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::{Serve, block_on, program};
use crate::process::server::Server;

/// A broker on a directory of its own, which shows itself with a certificate for `localhost`.
struct Served {
    server: Server,
    directory: TempDir,
}

impl Served {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let file = |name: &str, text: String| {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("it can be written");
            path.to_str().expect("it is a text").to_owned()
        };
        let (cert, key) = (file("cert", cert.pem()), file("key", signing_key.serialize_pem()));
        let serve = Serve::on(&directory.path().join("data"));
        let server = serve.set("--tls-cert", &cert).set("--tls-key", &key).serving();
        Self { server, directory }
    }

    fn cert(&self) -> PathBuf {
        self.directory.path().join("cert")
    }

    fn url(&self) -> String {
        let port = self.server.address().rsplit(':').next().expect("a port");
        format!("https://localhost:{port}")
    }

    /// Runs a command against it, which trusts its certificate.
    fn run(&self, args: &[&str]) -> program::Run {
        let (url, cert) = (self.url(), self.cert());
        let trust = ["--server", &url, "--ca", cert.to_str().expect("it is a text")];
        program::run(trust.into_iter().chain(args.iter().copied()))
    }

    /// Answers one request to the SQS-compatible endpoint, over TLS.
    async fn sqs(&self, action: &str, request: Value) -> (String, Value) {
        let mut roots = RootCertStore::empty();
        let cert = CertificateDer::from_pem_file(self.cert()).expect("it was written");
        roots.add(cert).expect("a good certificate");
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("it has some")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = self.server.line("listening for SQS");
        let address = address["address"].as_str().expect("the line has it");
        let name = ServerName::try_from("localhost").expect("a good name");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.expect("it is trusted");
        let body = request.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost:9324\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it ends with the connection");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.lines().next().expect("a line").to_owned();
        (status, serde_json::from_str(body).expect("it is JSON"))
    }
}

#[test]
fn both_apis_speak_tls_and_are_one_broker() {
    let served = Served::new();
    served.run(&["queue", "create", "jobs"]).success();
    let (status, queue) = block_on(served.sqs("GetQueueUrl", json!({"QueueName": "jobs"})));
    assert_eq!(status, "HTTP/1.1 200 OK");
    let url = "https://localhost:9324/000000000000/jobs";
    assert_eq!(queue, json!({"QueueUrl": url}));
    let message = json!({"QueueUrl": url, "MessageBody": "over TLS"});
    let (status, sent) = block_on(served.sqs("SendMessage", message));
    assert_eq!(status, "HTTP/1.1 200 OK");
    let received = served.run(&["--json", "receive", "jobs"]).objects();
    assert_eq!(received[0]["message_id"], sent["MessageId"]);
    assert_eq!(received[0]["body"], "over TLS");
    assert_eq!(served.server.terminate().code, 0);
}

#[test]
fn who_does_not_speak_tls_or_does_not_trust_the_certificate_is_told_so() {
    let served = Served::new();
    let plain = served.server.run(["queue", "list"]);
    assert_ne!((plain.code, plain.stdout.as_str()), (0, ""));
    assert!(!plain.stderr.is_empty());
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let other = served.directory.path().join("other");
    let pem = stranger.expect("a certificate").cert.pem();
    fs::write(&other, pem).expect("it can be written");
    let other = other.to_str().expect("it is a text");
    let distrusting = program::run(["--server", &served.url(), "--ca", other, "queue", "list"]);
    assert_ne!(distrusting.code, 0);
    let told = distrusting.stderr.to_lowercase();
    assert!(told.contains("certificate"), "{told}");
    assert!(served.run(&["queue", "list"]).success().is_empty(), "it serves the others still");
}
