//! A wrong setting ends the start with 3 and a line that names its place, value and limit.

use std::fs;

use expect_test::{Expect, expect};

use super::text;
use crate::process::{directory, server::Serve, transcript::wrap};

/// A start with these arguments, environment and file ends with 3, this line, and nothing done.
#[track_caller]
fn check(args: &[&str], env: &[(&str, &str)], file: Option<&str>, expected: &Expect) {
    let dir = directory();
    let (data, config) = (dir.path().join("data"), dir.path().join("ledgerq.toml"));
    let mut serve = Serve::plain(&data).args(args.iter().copied());
    for (name, value) in env {
        serve = serve.env(name, value);
    }
    if let Some(file) = file {
        fs::write(&config, file).expect("it can be written");
        serve = serve.args(["--config", text(&config)]);
    }
    let ended = serve.refused();
    assert_eq!(ended.code, 3, "{:?}", ended.lines);
    assert!(!data.exists(), "nothing was touched");
    expected.assert_eq(&wrap(&ended.lines.join("\n").replace(text(dir.path()), "DIR")));
}

#[test]
fn a_flag_beyond_its_limits() {
    check(
        &["--segment-bytes", "1KiB"],
        &[],
        None,
        &expect![[r#"
        ledgerq: --segment-bytes is 1KiB, it must be 64KiB to 1GiB
    "#]],
    );
    check(
        &["--drain-timeout", "2h"],
        &[],
        None,
        &expect![[r#"
        ledgerq: --drain-timeout is 2h, it must be 0s to 1h
    "#]],
    );
    check(
        &["--log", "ledgerq=loud"],
        &[],
        None,
        &expect![[r#"
            ledgerq: log is "ledgerq=loud": error parsing level filter: expected one of "off",
                "error", "warn", "info", "debug", "trace", or a number 0-5; write it like info,
                or info,ledgerq::log=debug
        "#]],
    );
    check(
        &["--tls-cert", "cert.pem"],
        &[],
        None,
        &expect![[r#"
        ledgerq: tls_cert is set, but tls_key is not; TLS needs both
    "#]],
    );
}

#[test]
fn a_variable_that_is_wrong() {
    check(
        &[],
        &[("LEDGERQ_SEGMENT_BYTES", "70000")],
        None,
        &expect![[r#"
            ledgerq: the environment's LEDGERQ_SEGMENT_BYTES is 70000B, it must be a multiple
                of 4096 bytes
        "#]],
    );
    check(
        &[],
        &[("LEDGERQ_REQUESTS_MAX", "many")],
        None,
        &expect![[r#"
            ledgerq: the environment's LEDGERQ_REQUESTS_MAX: "many" is not a count; write it
                like 10000
        "#]],
    );
    check(
        &[],
        &[("LEDGERQ_GRPC_LISTEN", "localhost")],
        None,
        &expect![[r#"
            ledgerq: the environment's LEDGERQ_GRPC_LISTEN: "localhost" is not an address and a
                port; write it like 127.0.0.1:7420 or [::]:7420
        "#]],
    );
}

#[test]
fn a_file_that_is_wrong() {
    check(
        &[],
        &[],
        Some("segment_bytes = \"2GiB\"\n"),
        &expect![[r#"
        ledgerq: DIR/ledgerq.toml: segment_bytes is 2GiB, it must be 64KiB to 1GiB
    "#]],
    );
    check(
        &[],
        &[],
        Some("\nsegment_byte = \"1MiB\"\n"),
        &expect![[r#"
            ledgerq: DIR/ledgerq.toml, line 2: `segment_byte = "1MiB"`: unknown field
                `segment_byte`, expected one of `data_dir`, `data_bytes_max`, `grpc_listen`,
                `grpc_connections_max`, `sqs_listen`, `sqs_account`, `sqs_credentials`,
                `sqs_connections_max`, `tls_cert`, `tls_key`, `segment_bytes`,
                `checkpoint_bytes`, `compaction_bytes_per_s`, `scrub_bytes_per_s`,
                `scrub_interval`, `reclaim_pool`, `idle_sync_after`, `tail_cache_bytes`,
                `requests_max`, `polls_max`, `requests_bytes_max`, `in_flight_max`,
                `deduplication_ids_max`, `deleted_names_held`, `drain_timeout`, `log`,
                `log_format`
        "#]],
    );
    check(
        &[],
        &[],
        Some("polls_max = \"1\n"),
        &expect![[r#"
            ledgerq: DIR/ledgerq.toml, line 1: `polls_max = "1`: invalid basic string, expected
                `"`
        "#]],
    );
    let stronger = ["--segment-bytes", "64KiB"];
    check(
        &stronger,
        &[],
        Some("segment_bytes = \"1KiB\"\n"),
        &expect![[r#"
        ledgerq: DIR/ledgerq.toml: segment_bytes is 1KiB, it must be 64KiB to 1GiB
    "#]],
    );
}

#[test]
fn a_file_that_is_not_there() {
    check(
        &["--config", "/nonexistent/ledgerq.toml"],
        &[],
        None,
        &expect![[r#"
            ledgerq: cannot read the configuration file /nonexistent/ledgerq.toml: No such file
                or directory (os error 2)
        "#]],
    );
    let missing = [("LEDGERQ_CONFIG", "/nonexistent/ledgerq.toml")];
    check(
        &[],
        &missing,
        None,
        &expect![[r#"
            ledgerq: cannot read the configuration file /nonexistent/ledgerq.toml: No such file
                or directory (os error 2)
        "#]],
    );
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let dir = directory();
    let config = dir.path().join("ledgerq.toml");
    let (data, in_file) = (dir.path().join("flag"), dir.path().join("file"));
    let lines = [
        format!("data_dir = \"{}\"", text(&in_file)),
        "grpc_listen = \"127.0.0.1:1\"".to_owned(),
        "log_format = \"json\"".to_owned(),
        "segment_bytes = \"64KiB\"".to_owned(),
    ];
    fs::write(&config, lines.join("\n")).expect("it can be written");
    let serve = Serve::plain(&data).env("LEDGERQ_CONFIG", text(&config));
    let serve = serve.env("LEDGERQ_GRPC_LISTEN", "127.0.0.1:0").env("LEDGERQ_DRAIN_TIMEOUT", "");
    let server = serve.serving();
    assert_ne!(server.address(), "127.0.0.1:1");
    assert_eq!(server.terminate().code, 0);
    assert!(data.join("IDENTITY").exists() && !in_file.exists());
}
