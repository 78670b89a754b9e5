//! Names, creation, settings, listing, deletion.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn a_queue_has_the_defaults_of_sqs() {
    check(
        "create jobs
         settings jobs
         show jobs",
        expect![[r#"
            created jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn creation_is_idempotent_when_every_given_setting_is_equal() {
    check(
        "create jobs visibility=40s retention=1h
         create jobs
         create jobs visibility=40s
         create jobs visibility=40s retention=1h delay=0s max_bytes=1048576 wait=0s
         settings jobs",
        expect![[r#"
            created jobs
            created jobs
            created jobs
            created jobs
            jobs: delay=0s max_bytes=1048576 retention=1h wait=0s visibility=40s
        "#]],
    );
}

#[test]
fn creation_with_another_setting_is_refused_and_changes_nothing() {
    check(
        "create jobs visibility=40s
         create jobs visibility=41s
         create jobs delay=1s
         create jobs max_bytes=2000
         create jobs retention=1h
         create jobs wait=1s
         settings jobs",
        expect![[r#"
            created jobs
            refused: queue jobs already exists with another visibility_timeout
            refused: queue jobs already exists with another delay
            refused: queue jobs already exists with another max_message_bytes
            refused: queue jobs already exists with another retention
            refused: queue jobs already exists with another receive_wait
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=40s
        "#]],
    );
}

#[test]
fn a_name_has_1_to_80_of_its_characters() {
    check(
        "create aZ09_-
         create abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij
         create abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijk
         create a.b
         create a/b
         list",
        expect![[r#"
            created aZ09_-
            created abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij
            refused: queue: a queue name has at most 80 characters, this one has 81; given: "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"
            refused: queue: a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not '.'; given: "a.b"
            refused: queue: a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not '/'; given: "a/b"
            queues: aZ09_- abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij
        "#]],
    );
}

#[test]
fn a_queue_is_a_fifo_queue_by_the_end_of_its_name() {
    check(
        "create jobs.fifo
         create abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde.fifo
         create abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdef.fifo
         create .fifo
         create jobs.FIFO
         send jobs.fifo a
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            created abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde.fifo
            refused: queue: a queue name has at most 80 characters, this one has 81; given: "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"
            refused: queue: a queue name is needed; it has 1 to 80 characters; given: ".fifo"
            refused: queue: a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not '.'; given: "jobs.FIFO"
            refused: group_id is missing: a message of a FIFO queue has a group
            sent m1
        "#]],
    );
}

#[test]
fn settings_at_their_limits_are_taken() {
    check(
        "create low delay=0s max_bytes=1024 retention=60s wait=0s visibility=0s
         create high max_bytes=1048576 retention=14d wait=20s visibility=12h
         create late delay=14d retention=14d
         settings low
         settings high
         settings late",
        expect![[r#"
            created low
            created high
            created late
            low: delay=0s max_bytes=1024 retention=1m wait=0s visibility=0s
            high: delay=0s max_bytes=1048576 retention=14d wait=20s visibility=12h
            late: delay=14d max_bytes=1048576 retention=14d wait=0s visibility=30s
        "#]],
    );
}

#[test]
fn settings_beyond_their_limits_are_refused() {
    check(
        "create a max_bytes=1023
         create a max_bytes=1048577
         create a retention=59999ms
         create a retention=1209600001ms
         create a wait=20001ms
         create a visibility=43200001ms
         create a delay=61s retention=60s
         list",
        expect![[r#"
            refused: max_message_bytes is 1023 bytes, it can be 1024 bytes to 1048576 bytes
            refused: max_message_bytes is 1048577 bytes, it can be 1024 bytes to 1048576 bytes
            refused: retention is 59999ms, it can be 1m to 14d
            refused: retention is 1209600001ms, it can be 1m to 14d
            refused: receive_wait is 20001ms, it can be 0s to 20s
            refused: visibility_timeout is 43200001ms, it can be 0s to 12h
            refused: delay is 61s, it can be 0s to 1m
            no queues
        "#]],
    );
}

#[test]
fn an_update_changes_what_it_names_and_keeps_the_rest() {
    check(
        "create jobs visibility=40s wait=3s
         update jobs visibility=50s
         settings jobs
         update jobs retention=59s
         update jobs retention=1h delay=2h
         settings jobs
         update nowhere visibility=1s",
        expect![[r#"
            created jobs
            updated jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=3s visibility=50s
            refused: retention is 59s, it can be 1m to 14d
            refused: delay is 2h, it can be 0s to 1h
            jobs: delay=0s max_bytes=1048576 retention=4d wait=3s visibility=50s
            refused: queue nowhere does not exist
        "#]],
    );
}

#[test]
fn queues_are_listed_by_name_prefix_and_page() {
    check(
        "list
         create b1
         create a2
         create a1
         create b2
         list
         list prefix=a
         list prefix=c
         list max=3
         list max=4
         list after=a2
         list prefix=b after=a2 max=1
         list prefix=b after=b1",
        expect![[r#"
            no queues
            created b1
            created a2
            created a1
            created b2
            queues: a1 a2 b1 b2
            queues: a1 a2
            no queues
            queues: a1 a2 b1 and more
            queues: a1 a2 b1 b2
            queues: b1 b2
            queues: b1 and more
            queues: b2
        "#]],
    );
}

#[test]
fn a_deleted_queue_is_gone_with_its_messages_and_can_be_made_again() {
    check(
        "create jobs visibility=10s
         send jobs one two
         receive jobs
         drop jobs
         drop jobs
         show jobs
         send jobs three
         receive jobs
         list
         create jobs
         settings jobs
         show jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            dropped jobs
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            no queues
            created jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn handles_of_a_queue_that_was_deleted_are_refused_by_its_successor() {
    check(
        "create jobs
         send jobs old
         receive jobs
         drop jobs
         delete jobs r1
         create jobs
         send jobs new
         receive jobs
         delete jobs r1
         delete jobs r1 lenient
         change jobs r1=10s
         delete jobs r2",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            dropped jobs
            refused: queue jobs does not exist
            created jobs
            sent m2
            received m2 r2 count=1
            refused: the receipt handle is not of queue jobs as it is now
            refused: the receipt handle is not of queue jobs as it is now
            refused: the receipt handle is not of queue jobs as it is now
            deleted
        "#]],
    );
}

#[test]
fn a_handle_of_another_queue_is_refused() {
    check(
        "create jobs
         create mails
         send jobs one
         receive jobs
         delete mails r1
         change mails r1=0s
         show jobs",
        expect![[r#"
            created jobs
            created mails
            sent m1
            received m1 r1 count=1
            refused: the receipt handle is not of queue mails as it is now
            refused: the receipt handle is not of queue mails as it is now
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn whatever_asks_for_a_queue_that_is_not_there_is_refused() {
    check(
        "create other
         send other hello
         receive other
         show jobs
         settings jobs
         purge jobs
         drop jobs
         send jobs hello
         receive jobs
         receive jobs wait=5s
         delete jobs r1
         change jobs r1=5s",
        expect![[r#"
            created other
            sent m1
            received m1 r1 count=1
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
            refused: queue jobs does not exist
        "#]],
    );
}

#[test]
fn queues_have_nothing_to_do_with_each_other() {
    check(
        "create jobs
         create mails
         send jobs one
         send mails two
         receive mails
         receive mails
         receive jobs
         show jobs
         show mails
         purge jobs
         show mails",
        expect![[r#"
            created jobs
            created mails
            sent m1
            sent m2
            received m2 r1 count=1
            nothing
            received m1 r2 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            mails: ready=0 delayed=0 in_flight=1 oldest=0s
            purged jobs
            mails: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn the_name_of_a_deleted_queue_can_be_used_at_once() {
    check(
        "create jobs
         drop jobs
         create jobs
         show jobs",
        expect![[r#"
            created jobs
            dropped jobs
            created jobs
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn the_name_of_a_deleted_queue_is_held_for_60_seconds_if_the_broker_is_set_so() {
    check_with(
        Setup { deleted_names_held: true, ..Setup::default() },
        "create jobs
         create jobs
         drop jobs
         create jobs
         create other
         advance 59999ms
         create jobs
         advance 1ms
         create jobs
         drop jobs
         create jobs",
        expect![[r#"
            created jobs
            created jobs
            dropped jobs
            refused: a queue jobs was deleted less than 1m ago, and deleted_names_held is set; again in 1m
            created other
            refused: a queue jobs was deleted less than 1m ago, and deleted_names_held is set; again in 1ms
            created jobs
            dropped jobs
            refused: a queue jobs was deleted less than 1m ago, and deleted_names_held is set; again in 1m
        "#]],
    );
}
