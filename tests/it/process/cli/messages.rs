//! `ledgerq send`, `receive` and `delete`, a message at a time.

use std::fs;

use expect_test::expect;

use super::broker;
use crate::process::{
    program,
    transcript::{Shell, check},
};

#[test]
fn a_message_is_sent_received_and_deleted() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs
         send jobs hello
         receive jobs
         receive jobs
         delete jobs $h1
         delete jobs $h1",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ send jobs hello
            m1
            $ receive jobs
            m1  sent TIME, received 1 time
            handle h1
            hello

            $ receive jobs
            $ delete jobs $h1
            RECEIPT HANDLE                                           OUTCOME
            h1  deleted
            $ delete jobs $h1
            RECEIPT HANDLE                                           OUTCOME
            h1  already deleted
        "#]],
    );
}

#[test]
fn programs_get_objects() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs
         send jobs hello --json --attribute color=red --attribute size:Number=5
         receive jobs --json
         delete jobs $h1 --json
         receive jobs --json
         send jobs bye
         receive jobs --delete --json
         receive jobs --json
         delete jobs $h1 $h2 --json",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ send jobs hello --json --attribute color=red --attribute size:Number=5
            {"message_id":"m1","sequence_number":1,"duplicate":false}
            $ receive jobs --json
            {"message_id":"m1","receipt_handle":"h1","queue":"jobs","body":"hello",
                "attributes":{"color":{"data_type":"String","value":"red"},
                "size":{"data_type":"Number","value":"5"}},"receive_count":1,"sent_at":"TIME",
                "first_received_at":"TIME","lease_expires_at":"TIME","sequence_number":1,
                "priority":4,"group":null,"deduplication_id":null,"trace_header":null,
                "dead_letter_source":null}
            $ delete jobs $h1 --json
            {"receipt_handle":"h1","outcome":"deleted"}
            $ receive jobs --json
            $ send jobs bye
            m2
            $ receive jobs --delete --json
            {"message_id":"m2","receipt_handle":"h2","queue":"jobs","body":"bye",
                "attributes":{},"receive_count":1,"sent_at":"TIME","first_received_at":"TIME",
                "lease_expires_at":"TIME","sequence_number":2,"priority":4,"group":null,
                "deduplication_id":null,"trace_header":null,"dead_letter_source":null}
            $ receive jobs --json
            $ delete jobs $h1 $h2 --json
            {"receipt_handle":"h1","outcome":"already_deleted"}
            {"receipt_handle":"h2","outcome":"already_deleted"}
        "#]],
    );
}

#[test]
fn a_message_has_its_delay_and_its_attributes() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs
         send jobs 'two words' --attribute color=red --attribute 'raw:Binary=/wA='
         receive jobs --delete
         send jobs later --delay 1h
         receive jobs
         send jobs hello --attribute color
         send jobs hello --attribute size:Numeric=5
         send jobs hello --attribute raw:Binary=?",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ send jobs 'two words' --attribute color=red --attribute 'raw:Binary=/wA='
            m1
            $ receive jobs --delete
            m1  sent TIME, received 1 time
            color (String) = red
            raw (Binary) = (2B)
            two words

            $ send jobs later --delay 1h
            m2
            $ receive jobs
            $ send jobs hello --attribute color
            ! error: invalid value 'color' for '--attribute <NAME=VALUE>': write it like
                name=value or name:Number=5
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs hello --attribute size:Numeric=5
            ! error: invalid value 'size:Numeric=5' for '--attribute <NAME=VALUE>': "Numeric"
                is no type; there are String, Number, Binary, and each with a .label
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs hello --attribute raw:Binary=?
            ! error: invalid value 'raw:Binary=?' for '--attribute <NAME=VALUE>': the value of
                a Binary attribute is written in base64, which this is not: Invalid symbol 63,
                offset 0.
            !
            ! For more information, try '--help'.
            = 2
        "#]],
    );
}

#[test]
fn what_is_refused_is_one_line_and_a_code() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs
         send nope hello
         send nope hello --json
         receive nope
         receive nope --json
         delete nope garbage
         delete jobs garbage
         delete jobs garbage --json
         receive jobs --max 0
         receive jobs --wait 21s
         receive jobs --visibility-timeout 13h
         send jobs hello --delay 5d
         send jobs hello --attribute AWS.x=1
         send jobs hello --attribute n:Number=five
         send jobs ''",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ send nope hello
            ! ledgerq: queue nope does not exist
            = 1
            $ send nope hello --json
            ! ledgerq: queue nope does not exist
            = 1
            $ receive nope
            ! ledgerq: queue nope does not exist
            = 1
            $ receive nope --json
            ! ledgerq: queue nope does not exist
            = 1
            $ delete nope garbage
            RECEIPT HANDLE  OUTCOME
            garbage         refused: the receipt handle "garbage" is not one of this broker's
            = 1
            $ delete jobs garbage
            RECEIPT HANDLE  OUTCOME
            garbage         refused: the receipt handle "garbage" is not one of this broker's
            = 1
            $ delete jobs garbage --json
            {"receipt_handle":"garbage","outcome":"refused","error":"the receipt handle
                \"garbage\" is not one of this broker's"}
            = 1
            $ receive jobs --max 0
            ! ledgerq: max_messages is 0, it can be 1 to 1000
            = 1
            $ receive jobs --wait 21s
            ! ledgerq: wait_time is 21s, it can be 0s to 20s
            = 1
            $ receive jobs --visibility-timeout 13h
            ! ledgerq: visibility_timeout is 13h, it can be 0s to 12h
            = 1
            $ send jobs hello --delay 5d
            ! ledgerq: entries[0].delay is 5d, it can be 0s to 4d
            = 1
            $ send jobs hello --attribute AWS.x=1
            ! ledgerq: entries[0].attributes is "AWS.x": names that begin with AWS. or Amazon.
                are reserved
            = 1
            $ send jobs hello --attribute n:Number=five
            m1
            $ send jobs ''
            ! ledgerq: entries[0].body is 0 bytes, it can be 1 bytes to 1048576 bytes
            = 1
        "#]],
    );
}

#[test]
fn a_handle_that_is_not_the_latest_or_not_of_the_queue_touches_nothing() {
    let (_data, server) = broker();
    check(
        &server,
        "queue create jobs
         queue create other
         send jobs hello
         receive jobs --visibility-timeout 0s
         receive jobs --visibility-timeout 1h
         delete jobs $h1
         delete jobs $h1 --json
         delete other $h2
         delete nope $h2
         delete jobs $h2 garbage
         queue delete other
         queue create other
         delete other $h2",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ queue create other
            created other
            $ send jobs hello
            m1
            $ receive jobs --visibility-timeout 0s
            m1  sent TIME, received 1 time
            handle h1
            hello

            $ receive jobs --visibility-timeout 1h
            m1  sent TIME, received 2 times
            handle h2
            hello

            $ delete jobs $h1
            RECEIPT HANDLE                                           OUTCOME
            h1  stale lease
            = 1
            $ delete jobs $h1 --json
            {"receipt_handle":"h1","outcome":"stale_lease"}
            = 1
            $ delete other $h2
            RECEIPT HANDLE                                           OUTCOME
            h2  refused: the receipt handle is not of queue other as it is now
            = 1
            $ delete nope $h2
            ! ledgerq: queue nope does not exist
            = 1
            $ delete jobs $h2 garbage
            RECEIPT HANDLE                                           OUTCOME
            h2  deleted
            garbage                                                  refused: the receipt
                handle "garbage" is not one of this broker's
            = 1
            $ queue delete other
            deleted other
            $ queue create other
            created other
            $ delete other $h2
            RECEIPT HANDLE                                           OUTCOME
            h2  refused: the receipt handle is not of queue other as it is now
            = 1
        "#]],
    );
}

#[test]
fn a_handle_that_was_changed_is_not_one_of_the_brokers() {
    let (_data, server) = broker();
    assert_eq!(server.run(["queue", "create", "jobs"]).success(), "created jobs\n");
    server.run(["send", "jobs", "hello"]).success();
    let received = server.run(["receive", "jobs", "--json"]).objects();
    let handle = received[0]["receipt_handle"].as_str().expect("it has one").to_owned();
    for at in [0, 10, 30, handle.len() - 1] {
        let mut forged = handle.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("it is ASCII");
        let deleted = server.run(["delete", "jobs", &forged, "--json"]);
        assert_eq!(deleted.code, 1, "{at}: {}", deleted.stdout);
        let object: serde_json::Value = serde_json::from_str(&deleted.stdout).expect("an object");
        assert_eq!(object["outcome"], "refused", "{object}");
    }
    let deleted = server.run(["delete", "jobs", &handle, "--json"]).objects();
    assert_eq!(deleted[0]["outcome"], "deleted");
}

#[test]
fn contradicting_flags_end_with_2() {
    let mut shell = Shell::new("http://127.0.0.1:1".into());
    shell.check(
        "send jobs
         send jobs hello --lines x
         send jobs --file x --lines x
         send jobs hello --skip-empty-lines
         send jobs --lines x --in-flight 65
         receive jobs --max many
         delete jobs",
        &expect![[r#"
            $ send jobs
            ! error: the following required arguments were not provided:
            !   <BODY|--file <FILE>|--lines <FILE>>
            !
            ! Usage: ledgerq send [OPTIONS] <QUEUE> <BODY|--file <FILE>|--lines <FILE>>
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs hello --lines x
            ! error: the argument '[BODY]' cannot be used with '--lines <FILE>'
            !
            ! Usage: ledgerq send [OPTIONS] <QUEUE> <BODY|--file <FILE>|--lines <FILE>>
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs --file x --lines x
            ! error: the argument '--file <FILE>' cannot be used with '--lines <FILE>'
            !
            ! Usage: ledgerq send [OPTIONS] <QUEUE> <BODY|--file <FILE>|--lines <FILE>>
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs hello --skip-empty-lines
            ! error: the argument '[BODY]' cannot be used with '--skip-empty-lines'
            !
            ! Usage: ledgerq send [OPTIONS] <QUEUE> <BODY|--file <FILE>|--lines <FILE>>
            !
            ! For more information, try '--help'.
            = 2
            $ send jobs --lines x --in-flight 65
            ! error: invalid value '65' for '--in-flight <COUNT>': 65 is not in 1..=64
            !
            ! For more information, try '--help'.
            = 2
            $ receive jobs --max many
            ! error: invalid value 'many' for '--max <COUNT>': invalid digit found in string
            !
            ! For more information, try '--help'.
            = 2
            $ delete jobs
            ! error: the following required arguments were not provided:
            !   <HANDLE>...
            !
            ! Usage: ledgerq delete <QUEUE> <HANDLE>...
            !
            ! For more information, try '--help'.
            = 2
        "#]],
    );
}

#[test]
fn a_body_comes_from_a_file_or_standard_input_and_is_any_bytes() {
    let (data, server) = broker();
    server.run(["queue", "create", "jobs"]).success();
    let file = data.path().join("picture");
    let path = file.to_str().expect("it is text");
    fs::write(&file, b"\xff\x00\n").expect("it can be written");
    server.run(["send", "jobs", "--file", path]).success();
    let url = server.url();
    let args = ["--server", &url, "send", "jobs", "--file", "-"];
    program::run_with(args, b"two\nlines\n".to_vec()).success();
    let received = server.run(["receive", "jobs", "--json"]).objects();
    assert_eq!((received[0].get("body"), &received[0]["body_base64"]), (None, &"/wAK".into()));
    assert_eq!(received[1]["body"], "two\nlines\n");
    assert_eq!(received[1].get("body_base64"), None);
}

#[test]
fn a_body_has_at_least_a_byte_and_at_most_what_the_queue_takes() {
    let (data, server) = broker();
    let mut shell = Shell::new(server.url());
    let largest = data.path().join("largest");
    let file = |name: &str, length: usize| {
        let path = data.path().join(name);
        fs::write(&path, "x".repeat(length)).expect("it can be written");
        path.to_str().expect("it is text").to_owned()
    };
    shell.name("LARGEST", &file("largest", 1 << 20));
    shell.name("LARGER", &file("larger", (1 << 20) + 1));
    shell.name("EMPTY", &file("empty", 0));
    shell.name("MISSING", &(file("missing", 0) + ".txt"));
    assert!(largest.exists());
    shell.check(
        "queue create jobs
         queue create small --max-message-size 1KiB
         send jobs --file $LARGEST
         send jobs --file $LARGEST --attribute a=b
         send jobs --file $LARGER
         send small --file $LARGEST
         send jobs --file $EMPTY
         send jobs --file $MISSING",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ queue create small --max-message-size 1KiB
            created small
            $ send jobs --file $LARGEST
            m1
            $ send jobs --file $LARGEST --attribute a=b
            ! ledgerq: a message has 1048584 bytes, queue jobs takes at most 1048576
            = 1
            $ send jobs --file $LARGER
            ! ledgerq: LARGER has more than 1048576 bytes, which no message can have
            = 1
            $ send small --file $LARGEST
            ! ledgerq: a message has 1048576 bytes, queue small takes at most 1024
            = 1
            $ send jobs --file $EMPTY
            ! ledgerq: EMPTY is empty; a message's body has at least 1 byte
            = 1
            $ send jobs --file $MISSING
            ! ledgerq: cannot read MISSING: No such file or directory (os error 2)
            = 1
        "#]],
    );
}
