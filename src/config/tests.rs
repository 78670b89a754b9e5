//! Precedence, defaults, and the text of every error.

use std::error::Error as _;

use clap::{Args as _, Command, FromArgMatches as _};
use expect_test::{Expect, expect};

use super::*;

/// Reads flags, an environment of `NAME=value` lines and a file.
fn load(flags: &[&str], env: &[(&str, &str)], file: Option<&str>) -> Result<Config, ConfigError> {
    let matches = Layer::augment_args(Command::new("serve").no_binary_name(true))
        .get_matches_from(flags.iter().copied());
    let flags = Layer::from_arg_matches(&matches).expect("clap agreed");
    let read = |name: &str| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("ledgerq.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).expect("a temporary file");
    }
    Config::load(flags, file.map(|_| path.as_path()), &read)
}

#[track_caller]
fn refuses(flags: &[&str], env: &[(&str, &str)], file: Option<&str>, expected: &Expect) {
    let error = load(flags, env, file).expect_err("a configuration that is refused");
    let text = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let start = text.find("/ledgerq.toml").unwrap_or(0);
    // One line for users; cut here to the width of this file.
    expected.assert_eq(
        &text[start..].trim_start_matches('/').replace("`: ", "`:\n").replace("; ", ";\n"),
    );
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    expect![[r#"
        Config {
            data_dir: "./ledgerq-data",
            data_bytes_max: None,
            grpc_listen: 127.0.0.1:7420,
            grpc_connections_max: 20000,
            sqs_listen: Some(
                127.0.0.1:9324,
            ),
            sqs_account: Account(
                "000000000000",
            ),
            sqs_credentials: [],
            sqs_connections_max: 20000,
            tls: None,
            segment_bytes: 134217728,
            checkpoint_bytes: 268435456,
            compaction_bytes_per_s: 67108864,
            scrub_bytes_per_s: 10485760,
            scrub_interval: Millis(
                604800000,
            ),
            reclaim_pool: 2,
            idle_sync_after: Millis(
                20,
            ),
            tail_cache_bytes: 67108864,
            requests_max: 10000,
            polls_max: 200000,
            requests_bytes_max: 268435456,
            in_flight_max: 120000,
            deduplication_ids_max: 10000000,
            deleted_names_held: false,
            drain_timeout: Millis(
                30000,
            ),
            log: "info",
            log_format: Text,
        }
    "#]]
    .assert_debug_eq(&load(&[], &[], None).expect("the defaults are a configuration"));
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let file = "segment_bytes = '64KiB'\nrequests_max = 3\npolls_max = '4'\nlog_format = 'json'";
    let env = [("LEDGERQ_SEGMENT_BYTES", "128KiB"), ("LEDGERQ_REQUESTS_MAX", "2")];
    let config = load(&["--segment-bytes", "1MiB"], &env, Some(file)).expect("all is in range");
    assert_eq!((config.segment_bytes, config.requests_max, config.polls_max), (1 << 20, 2, 4));
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn an_empty_variable_says_nothing() {
    let config = load(&[], &[("LEDGERQ_LOG", "")], Some("log = 'debug'")).expect("a configuration");
    assert_eq!(config.log, "debug");
}

#[test]
fn tls_needs_both_files_wherever_they_are_named() {
    let env = [("LEDGERQ_TLS_KEY", "key.pem")];
    let config = load(&["--tls-cert", "cert.pem"], &env, None).expect("both are named");
    assert_eq!(config.tls, Some(Tls { cert: "cert.pem".into(), key: "key.pem".into() }));
    refuses(
        &[],
        &env,
        None,
        &expect![[r#"
        tls_key is set, but tls_cert is not;
        TLS needs both"#]],
    );
}

#[test]
fn an_error_in_the_file_names_line_key_and_value() {
    let refuses = |file, expected| refuses(&[], &[], Some(file), expected);
    refuses(
        "# sizes\nsegment_bytes = '12 parsecs'",
        &expect![[r#"
        ledgerq.toml, line 2: `segment_bytes = '12 parsecs'`:
        "12 parsecs" is not a size;
        write it like 4096, 64KiB or 1.5GiB"#]],
    );
    refuses(
        "log_format = 'xml'",
        &expect![[r#"
        ledgerq.toml, line 1: `log_format = 'xml'`:
        unknown variant `xml`, expected `text` or `json`"#]],
    );
    refuses(
        "grpc_listen = 'localhost'",
        &expect![[r#"
        ledgerq.toml, line 1: `grpc_listen = 'localhost'`:
        "localhost" is not an address and a port;
        write it like 127.0.0.1:7420 or [::]:7420"#]],
    );
    refuses(
        "requests_max = -1",
        &expect![[r#"
        ledgerq.toml, line 1: `requests_max = -1`:
        "-1" is not a count;
        write it like 10000"#]],
    );
    refuses(
        "requests_max 5",
        &expect![[r#"
        ledgerq.toml, line 1: `requests_max 5`:
        key with no value, expected `=`"#]],
    );
    refuses(
        "segment_bytes = '32KiB'",
        &expect!["ledgerq.toml: segment_bytes is 32KiB, it must be 64KiB to 1GiB"],
    );
    refuses(
        "segment_bytes = 70000",
        &expect!["ledgerq.toml: segment_bytes is 70000B, it must be a multiple of 4096 bytes"],
    );
}

#[test]
fn a_bound_of_the_data_has_room_for_eight_segments() {
    let error = load(&[], &[], Some("data_bytes_max = '1023MiB'")).expect_err("too few");
    let said = "data_bytes_max is 1023MiB, with segment_bytes of 128MiB it must be 1GiB at least, or \
                0B for no limit";
    assert_eq!(error.to_string(), said);
    let bounded = |text| load(&[], &[], Some(text)).expect("it is fine").data_bytes_max;
    assert_eq!(bounded("data_bytes_max = '1GiB'"), Some(1 << 30));
    assert_eq!(bounded("data_bytes_max = '512KiB'\nsegment_bytes = '64KiB'"), Some(1 << 19));
    assert_eq!(bounded("data_bytes_max = 0"), None);
}

#[test]
fn a_key_that_is_none_is_refused_with_those_that_are() {
    let error = load(&[], &[], Some("segment_size = 1")).expect_err("no such key").to_string();
    let told = "`segment_size = 1`: unknown field `segment_size`, expected one of `data_dir`, ";
    assert!(error.contains(told), "{error}");
}

#[test]
fn an_error_in_the_environment_names_the_variable() {
    let refuses = |name, value, expected| refuses(&[], &[(name, value)], None, expected);
    refuses(
        "LEDGERQ_POLLS_MAX",
        "many",
        &expect![[r#"
        the environment's LEDGERQ_POLLS_MAX: "many" is not a count;
        write it like 10000"#]],
    );
    refuses(
        "LEDGERQ_POLLS_MAX",
        "0",
        &expect!["the environment's LEDGERQ_POLLS_MAX is 0, it must be 1 to 10000000"],
    );
    refuses(
        "LEDGERQ_GRPC_LISTEN",
        "7420",
        &expect![[r#"
        the environment's LEDGERQ_GRPC_LISTEN: "7420" is not an address and a port;
        write it like 127.0.0.1:7420 or [::]:7420"#]],
    );
}

#[test]
fn an_error_on_the_command_line_names_the_flag() {
    refuses(
        &["--requests-bytes-max", "1KiB"],
        &[],
        None,
        &expect!["--requests-bytes-max is 1KiB, it must be 4MiB to 1024GiB"],
    );
    refuses(
        &["--checkpoint-bytes", "1MiB", "--compaction-bytes-per-s", "17GiB"],
        &[],
        None,
        &expect!["--compaction-bytes-per-s is 17GiB, it must be 1MiB to 16GiB"],
    );
    refuses(
        &["--checkpoint-bytes", "65GiB"],
        &[],
        None,
        &expect!["--checkpoint-bytes is 65GiB, it must be 1MiB to 64GiB"],
    );
    refuses(
        &["--reclaim-pool", "65"],
        &[],
        None,
        &expect!["--reclaim-pool is 65, it must be 0 to 64"],
    );
    refuses(
        &["--deduplication-ids-max", "0"],
        &[],
        None,
        &expect!["--deduplication-ids-max is 0, it must be 1 to 1000000000"],
    );
    refuses(
        &["--drain-timeout", "2h"],
        &[],
        None,
        &expect!["--drain-timeout is 2h, it must be 0s to 1h"],
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let missing = Path::new("/nonexistent/ledgerq.toml");
    let error = Config::load(Layer::default(), Some(missing), &|_| None).expect_err("no file");
    let text = error.to_string();
    expect!["cannot read the configuration file /nonexistent/ledgerq.toml"].assert_eq(&text);
    assert_eq!(
        error.source().expect("the reason").to_string(),
        "No such file or directory (os error 2)"
    );
}

#[test]
fn every_setting_has_a_key_a_flag_and_a_line_in_the_handbook() {
    let error = Layer::from_toml("nonsense = 1", Path::new("x")).expect_err("no such key");
    let known = error.to_string().split_once("expected one of").expect("a list").1.to_owned();
    let listed: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(listed, KEYS);

    let command = Layer::augment_args(Command::new("serve"));
    let flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    assert_eq!(flags, KEYS.map(|key| key.replace('_', "-")));

    let handbook = include_str!("../../docs/OPERATING.md");
    for key in KEYS {
        let row = format!("| `{key}` | `{}` | `--{}` |", variable(key), key.replace('_', "-"));
        assert!(handbook.contains(&row), "docs/OPERATING.md lacks the row that begins with {row}");
    }
}
