//! What the command line takes and what it refuses.

use clap::CommandFactory as _;
use expect_test::{Expect, expect};

use super::super::*;

pub(in crate::cli) fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("ledgerq").chain(line.split(' ')))
}

#[track_caller]
fn refuses(line: &str, expected: &Expect) {
    let error = parse(line).expect_err("a line that is refused");
    assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()));
    let text = error.to_string();
    let told = text.split("\n\nUsage:").next().unwrap_or_default();
    let told = told.split("\n\nFor more").next().unwrap_or_default();
    // Cut to the width of this file.
    expected.assert_eq(&told.trim_end().replace(": ", ":\n"));
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_form_of_the_contract_is_taken() {
    for line in [
        "serve",
        "serve --data-dir d --grpc-listen 127.0.0.1:0 --config f.toml --segment-bytes 64KiB",
        "queue create jobs --visibility-timeout 30s --delay 0s --retention 4d",
        "queue create jobs --max-message-size 1MiB --receive-wait 0s",
        "queue list",
        "queue show jobs",
        "queue update jobs --delay 1s",
        "queue create jobs.fifo --fifo --content-deduplication --throughput-limit per-queue",
        "queue update jobs --no-dead-letter-queue --retry-backoff 5s --untag k --tag a=b",
        "queue pause jobs --sends",
        "queue resume jobs",
        "queue sources dead",
        "queue purge jobs",
        "queue delete jobs",
        "send jobs hello --delay 5s --attribute k=v --attribute n:Number=5",
        "send jobs hello --group g1 --deduplication-id d1 --priority 9 --ttl 1h",
        "send jobs hello --at 2030-01-01T00:00:00Z",
        "send jobs --file f",
        "send jobs --lines - --skip-empty-lines --in-flight 1",
        "receive jobs --max 10 --wait 20s --visibility-timeout 30s --delete --follow",
        "receive jobs.fifo --attempt-id a1",
        "delete jobs AQ -- -x",
        "peek jobs --state ready,delayed,in-flight --group g --min-age 1h --attribute k=v --max 20",
        "peek jobs --all --no-bodies",
        "message cancel jobs id-1 id-2",
        "message show 00000000-0000-8000-a4c2-9d0c6f1b7e55 --data-dir d",
        "redrive start dead --to jobs --rate 500 --group g --min-age 1h --attribute k=v --wait",
        "redrive start dead --dry-run",
        "redrive list",
        "redrive list dead",
        "redrive cancel 3",
        "transact --file -",
        "status",
        "status --json",
        "checkpoint",
        "compact",
        "clock advance 5m",
        "serve --test-clock --deduplication-ids-max 5",
        "log inspect --data-dir d --from-lsn 17 --limit 5",
        "log verify --data-dir d",
        "bench --shape send-stream --callers 4 --connections 2 --size 1KiB --batch 100 --seconds 3",
        "bench --shape receive --backlog 5 --data-dir d --null --disk",
        "bench --shape mixed --target http://a:1 --json",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn global_flags_are_taken_anywhere() {
    for line in [
        "--json --server http://a:1 queue list",
        "queue list --json --server http://a:1",
        "queue --server http://a:1 list --json",
        "send jobs hello --json --server http://a:1",
        "delete jobs AQ --json --server http://a:1",
    ] {
        let cli = parse(line).expect("a line that is taken");
        assert_eq!((cli.global.json, cli.global.server.as_str()), (true, "http://a:1"));
    }
}

#[test]
fn a_send_of_nothing_names_the_three_ways() {
    refuses(
        "send jobs",
        &expect![[r#"
            error:
            the following required arguments were not provided:
              <BODY|--file <FILE>|--lines <FILE>>"#]],
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    refuses(
        "send jobs hello --file f",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--file <FILE>'"#]],
    );
    refuses(
        "send jobs hello --lines f",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--lines <FILE>'"#]],
    );
    refuses(
        "send jobs hello --skip-empty-lines",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--skip-empty-lines'"#]],
    );
}

#[test]
fn values_that_are_none_are_refused_with_what_would_be() {
    refuses(
        "queue show ",
        &expect![[r#"
            error:
            invalid value '' for '<NAME>':
            a queue name is needed; it has 1 to 80 characters"#]],
    );
    refuses(
        "queue create jobs --delay soon",
        &expect![[r#"
            error:
            invalid value 'soon' for '--delay <DURATION>':
            "soon" is not a duration; write it like 20ms, 30s, 1h 30m or 4d"#]],
    );
    refuses(
        "queue create jobs --max-message-size big",
        &expect![[r#"
            error:
            invalid value 'big' for '--max-message-size <SIZE>':
            "big" is not a size; write it like 4096, 64KiB or 1.5GiB"#]],
    );
    refuses(
        "send jobs hello --attribute color",
        &expect![[r#"
            error:
            invalid value 'color' for '--attribute <NAME=VALUE>':
            write it like name=value or name:Number=5"#]],
    );
    refuses(
        "serve --grpc-listen 7420",
        &expect![[r#"
            error:
            invalid value '7420' for '--grpc-listen <ADDRESS>':
            "7420" is not an address and a port; write it like 127.0.0.1:7420 or [::]:7420"#]],
    );
    refuses(
        "delete jobs",
        &expect![[r#"
            error:
            the following required arguments were not provided:
              <HANDLE>..."#]],
    );
}

#[test]
fn settings_and_times_that_contradict_each_other_are_refused() {
    refuses(
        "send jobs hello --delay 5s --at 2030-01-01T00:00:00Z",
        &expect![[r#"
        error:
        the argument '--delay <DURATION>' cannot be used with '--at <TIME>'"#]],
    );
    refuses(
        "send jobs --lines f --deduplication-id d1",
        &expect![[r#"
        error:
        the argument '--lines <FILE>' cannot be used with '--deduplication-id <ID>'"#]],
    );
    refuses(
        "receive jobs.fifo --follow --attempt-id a1",
        &expect![[r#"
        error:
        the argument '--follow' cannot be used with '--attempt-id <ID>'"#]],
    );
    refuses(
        "peek jobs --all --max 5",
        &expect![[r#"
        error:
        the argument '--all' cannot be used with '--max <COUNT>'"#]],
    );
    refuses(
        "redrive start dead --dry-run --wait",
        &expect![[r#"
        error:
        the argument '--dry-run' cannot be used with '--wait'"#]],
    );
    refuses(
        "queue create jobs --max-receives 3",
        &expect![[r#"
        error:
        the following required arguments were not provided:
          --dead-letter-queue <QUEUE>"#]],
    );
    refuses(
        "queue update jobs --no-retry-backoff --retry-backoff 5s",
        &expect![[r#"
        error:
        the argument '--no-retry-backoff' cannot be used with '--retry-backoff <BACKOFF>'"#]],
    );
}

#[test]
fn values_of_queues_and_messages_are_refused_with_what_would_be() {
    refuses(
        "send jobs hello --at tomorrow",
        &expect![[r#"
        error:
        invalid value 'tomorrow' for '--at <TIME>':
        "tomorrow" is not an instant; write it like 2030-01-31T08:00:00Z"#]],
    );
    refuses(
        "send jobs hello --priority 10",
        &expect![[r#"
        error:
        invalid value '10' for '--priority <NUMBER>':
        10 is not in 0..=9"#]],
    );
    refuses(
        "send jobs hello --group ",
        &expect![[r#"
        error:
        invalid value '' for '--group <ID>':
        it has 1 to 128 characters, this one has 0"#]],
    );
    refuses(
        "queue create jobs --retry-backoff linear:1s",
        &expect![[r#"
        error:
        invalid value 'linear:1s' for '--retry-backoff <BACKOFF>':
        "linear:1s" is not a backoff; write it like fixed:5s, or exponential:1s..5m for a wait that doubles from 1s to at most 5m"#]],
    );
    refuses(
        "queue create jobs --tag team",
        &expect![[r#"
        error:
        invalid value 'team' for '--tag <KEY=VALUE>':
        write it like key=value"#]],
    );
    refuses(
        "queue create jobs --allow-dead-letters-of a,b.c",
        &expect![[r#"
        error:
        invalid value 'a,b.c' for '--allow-dead-letters-of <QUEUES>':
        a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not '.'"#]],
    );
}

#[test]
fn values_of_peeks_and_moves_are_refused_with_what_would_be() {
    refuses(
        "peek jobs --state read",
        &expect![[r#"
        error:
        invalid value 'read' for '--state <STATES>'
          [possible values:
        ready, delayed, in-flight]

          tip:
        a similar value exists:
        'ready'"#]],
    );
    refuses(
        "peek jobs --max 0",
        &expect![[r#"
        error:
        invalid value '0' for '--max <COUNT>':
        0 is not in 1..=4294967295"#]],
    );
    refuses(
        "redrive start dead --rate 501",
        &expect![[r#"
        error:
        invalid value '501' for '--rate <COUNT>':
        501 is not in 1..=500"#]],
    );
    refuses(
        "message show 17",
        &expect![[r#"
        error:
        invalid value '17' for '<ID>':
        it is not a message's id; write it as `send` prints it"#]],
    );
}
