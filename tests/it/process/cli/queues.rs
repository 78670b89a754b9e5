//! `ledgerq queue`.

use expect_test::expect;

use ledgerq::{
    client::Client,
    types::{QueueName, SettingsPatch},
};

use super::broker;
use crate::process::transcript::{Shell, check};

#[test]
fn a_queue_is_made_shown_changed_emptied_and_deleted() {
    let (_data, server) = broker();
    check(
        &server,
        "queue list
         queue create jobs --visibility-timeout 1m
         queue create jobs --visibility-timeout 1m
         queue list
         queue show jobs
         queue update jobs --delay 5s --max-message-size 64KiB
         queue purge jobs
         queue delete jobs
         queue list",
        &expect![[r#"
            $ queue list
            $ queue create jobs --visibility-timeout 1m
            created jobs
            $ queue create jobs --visibility-timeout 1m
            created jobs
            $ queue list
            QUEUE  READY  DELAYED  IN FLIGHT  OLDEST
            jobs   0      0        0          -
            $ queue show jobs
            queue               jobs
            kind                standard
            ready               0
            delayed             0
            in flight           0
            oldest              -
            paused              -
            visibility timeout  1m
            delay               0s
            retention           4d
            max message size    1MiB
            receive wait        0s
            dead-letter queue   -
            retry backoff       -
            created             TIME
            modified            TIME
            $ queue update jobs --delay 5s --max-message-size 64KiB
            updated jobs
            $ queue purge jobs
            purged jobs
            $ queue delete jobs
            deleted jobs
            $ queue list
        "#]],
    );
}

#[test]
fn programs_get_objects() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs --json
         send jobs hello --json
         queue list --json
         queue update jobs --retention 1h --json
         queue show jobs --json
         queue purge jobs --json
         queue delete jobs --json
         queue list --json",
        &expect![[r#"
            $ queue create jobs --json
            {"queue":"jobs","ready":0,"delayed":0,"in_flight":0,"oldest_age_ms":null,
                "visibility_timeout_ms":30000,"delay_ms":0,"retention_ms":345600000,
                "receive_wait_ms":0,"max_message_bytes":1048576,"created_at":"TIME",
                "modified_at":"TIME","fifo":false,"sends_paused":false,"receives_paused":false,
                "dead_letter_queue":null,"max_receives":null,"allow_dead_letters_of":"all",
                "content_deduplication":false,"deduplication_scope":"queue",
                "throughput_limit":"per_queue","retry_backoff":null,"tags":{},"stored":{}}
            $ send jobs hello --json
            {"message_id":"m1","sequence_number":1,"duplicate":false}
            $ queue list --json
            {"queue":"jobs","ready":1,"delayed":0,"in_flight":0,"oldest_age_ms":N,
                "visibility_timeout_ms":30000,"delay_ms":0,"retention_ms":345600000,
                "receive_wait_ms":0,"max_message_bytes":1048576,"created_at":"TIME",
                "modified_at":"TIME","fifo":false,"sends_paused":false,"receives_paused":false,
                "dead_letter_queue":null,"max_receives":null,"allow_dead_letters_of":"all",
                "content_deduplication":false,"deduplication_scope":"queue",
                "throughput_limit":"per_queue","retry_backoff":null,"tags":{},"stored":{}}
            $ queue update jobs --retention 1h --json
            {"queue":"jobs","ready":1,"delayed":0,"in_flight":0,"oldest_age_ms":N,
                "visibility_timeout_ms":30000,"delay_ms":0,"retention_ms":3600000,
                "receive_wait_ms":0,"max_message_bytes":1048576,"created_at":"TIME",
                "modified_at":"TIME","fifo":false,"sends_paused":false,"receives_paused":false,
                "dead_letter_queue":null,"max_receives":null,"allow_dead_letters_of":"all",
                "content_deduplication":false,"deduplication_scope":"queue",
                "throughput_limit":"per_queue","retry_backoff":null,"tags":{},"stored":{}}
            $ queue show jobs --json
            {"queue":"jobs","ready":1,"delayed":0,"in_flight":0,"oldest_age_ms":N,
                "visibility_timeout_ms":30000,"delay_ms":0,"retention_ms":3600000,
                "receive_wait_ms":0,"max_message_bytes":1048576,"created_at":"TIME",
                "modified_at":"TIME","fifo":false,"sends_paused":false,"receives_paused":false,
                "dead_letter_queue":null,"max_receives":null,"allow_dead_letters_of":"all",
                "content_deduplication":false,"deduplication_scope":"queue",
                "throughput_limit":"per_queue","retry_backoff":null,"tags":{},"stored":{}}
            $ queue purge jobs --json
            {"queue":"jobs","outcome":"purged"}
            $ queue delete jobs --json
            {"queue":"jobs","outcome":"deleted"}
            $ queue list --json
        "#]],
    );
}

#[test]
fn what_cannot_be_done_is_one_line_and_a_code() {
    let (_data, server) = broker();
    check(
        &server,
        "queue show nope
         queue delete nope --json
         queue purge nope
         queue update nope --delay 1s
         queue create jobs
         queue create jobs --visibility-timeout 1m
         queue create other --retention 59s
         queue create other --retention 1m --delay 2m
         queue purge jobs
         queue purge jobs",
        &expect![[r#"
            $ queue show nope
            ! ledgerq: queue nope does not exist
            = 1
            $ queue delete nope --json
            ! ledgerq: queue nope does not exist
            = 1
            $ queue purge nope
            ! ledgerq: queue nope does not exist
            = 1
            $ queue update nope --delay 1s
            ! ledgerq: queue nope does not exist
            = 1
            $ queue create jobs
            created jobs
            $ queue create jobs --visibility-timeout 1m
            ! ledgerq: queue jobs already exists with another visibility_timeout
            = 1
            $ queue create other --retention 59s
            ! ledgerq: settings.retention is 59s, it can be 1m to 14d
            = 1
            $ queue create other --retention 1m --delay 2m
            ! ledgerq: settings.delay is 2m, it can be 0s to 1m
            = 1
            $ queue purge jobs
            purged jobs
            $ queue purge jobs
            ! ledgerq: queue jobs was purged less than 1m ago; again in Nms; try again in Nms
            = 1
        "#]],
    );
}

#[test]
fn a_wrong_command_line_ends_with_2_before_anything_is_asked() {
    // Nothing listens there: a command line is judged before a server is looked for.
    let mut shell = Shell::new("http://127.0.0.1:1".into());
    shell.check(
        "queue create 'no name'
         queue create jobs.fifo --delay soon
         queue create jobs --delay soon
         queue create jobs --max-message-size 1XB
         queue make jobs
         queue update jobs",
        &expect![[r#"
            $ queue create 'no name'
            ! error: invalid value 'no name' for '<NAME>': a queue name has letters, digits,
                '-' and '_' (and '.fifo' at the end of a FIFO queue's), not ' '
            !
            ! For more information, try '--help'.
            = 2
            $ queue create jobs.fifo --delay soon
            ! error: invalid value 'soon' for '--delay <DURATION>': "soon" is not a duration;
                write it like 20ms, 30s, 1h 30m or 4d
            !
            ! For more information, try '--help'.
            = 2
            $ queue create jobs --delay soon
            ! error: invalid value 'soon' for '--delay <DURATION>': "soon" is not a duration;
                write it like 20ms, 30s, 1h 30m or 4d
            !
            ! For more information, try '--help'.
            = 2
            $ queue create jobs --max-message-size 1XB
            ! error: invalid value '1XB' for '--max-message-size <SIZE>': "1XB" is not a size;
                write it like 4096, 64KiB or 1.5GiB
            !
            ! For more information, try '--help'.
            = 2
            $ queue make jobs
            ! error: unrecognized subcommand 'make'
            !
            ! Usage: ledgerq queue [OPTIONS] <COMMAND>
            !
            ! For more information, try '--help'.
            = 2
            $ queue update jobs
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
        "#]],
    );
}

#[test]
fn no_server_ends_with_7() {
    let mut shell = Shell::new("http://127.0.0.1:1".into());
    shell.check(
        "queue list
         queue list --json
         send jobs hello
         receive jobs
         delete jobs handle",
        &expect![[r#"
            $ queue list
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
            $ queue list --json
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
            $ send jobs hello
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
            $ receive jobs
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
            $ delete jobs handle
            ! ledgerq: cannot reach SERVER: connection refused; is `ledgerq serve` running?
            = 7
        "#]],
    );
}

#[test]
fn a_server_that_is_none_ends_with_2() {
    let mut shell = Shell::new("127.0.0.1:7420".into());
    shell.check(
        "queue list",
        &expect![[r#"
        $ queue list
        ! ledgerq: "SERVER" is not a server's address: it begins with neither http:// nor
            https://; write it like http://SERVER
        = 2
    "#]],
    );
    let mut shell = Shell::new("https://127.0.0.1:7420".into());
    shell.check(
        "queue list",
        &expect![[r#"
            $ queue list
            ! ledgerq: SERVER needs the certificate of an authority to trust: --ca FILE, or
                LEDGERQ_CA
            = 2
        "#]],
    );
}

#[test]
fn a_list_goes_over_its_pages() {
    let (_data, server) = broker();
    let names: Vec<String> = (0..230).map(|number| format!("queue-{number:03}")).collect();
    let client = async {
        let client = Client::connect(&server.url()).await.expect("it serves");
        for name in &names {
            let name = QueueName::parse(name).expect("it is a name");
            client.create_queue(&name, &SettingsPatch::default()).await.expect("it is new");
        }
    };
    tokio::runtime::Runtime::new().expect("a runtime can be made").block_on(client);
    let listed = server.run(["queue", "list", "--json"]).objects();
    let listed: Vec<&str> = listed.iter().filter_map(|queue| queue["queue"].as_str()).collect();
    assert_eq!(listed, names);
    let table = server.run(["queue", "list"]).success();
    assert_eq!(table.lines().count(), 1 + names.len());
    let listed = server.run(["queue", "list", "--json", "--prefix", "queue-1"]).objects();
    assert_eq!(listed.len(), 100);
    assert_eq!(server.run(["queue", "list", "--json", "--prefix", "x"]).success(), "");
}
