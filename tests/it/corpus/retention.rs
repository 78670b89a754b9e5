//! How long messages are kept.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_goes_when_its_retention_is_over() {
    check(
        "create jobs retention=60s
         send jobs hello
         advance 59999ms
         show jobs
         advance 1ms
         show jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=1 delayed=0 in_flight=0 oldest=59999ms
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn retention_counts_from_the_send_whatever_happens_in_between() {
    check(
        "create jobs retention=60s visibility=50s
         send jobs hello
         advance 30s
         receive jobs
         advance 29s
         show jobs
         advance 1s
         show jobs
         delete jobs r1
         advance 1h
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=59s
            jobs: ready=0 delayed=0 in_flight=0
            already deleted
            nothing
        "#]],
    );
}

#[test]
fn a_lease_does_not_keep_a_message() {
    check(
        "create jobs retention=60s visibility=1h
         send jobs hello
         receive jobs
         advance 60s
         show jobs
         change jobs r1=10s
         delete jobs r1",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=0
            refused: the message does not exist any more
            already deleted
        "#]],
    );
}

#[test]
fn a_delay_does_not_keep_a_message() {
    check(
        "create jobs retention=60s
         send jobs hello delay=60s
         advance 59s
         show jobs
         advance 1s
         receive jobs
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=0 delayed=1 in_flight=0 oldest=59s
            nothing
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_shortened_retention_is_for_messages_that_are_there() {
    check(
        "create jobs retention=1h
         send jobs old
         advance 2m
         send jobs new
         update jobs retention=60s
         receive jobs max=10
         show jobs
         advance 60s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            updated jobs
            received m2 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_lengthened_retention_is_for_messages_that_are_there() {
    check(
        "create jobs retention=60s
         send jobs hello
         advance 50s
         update jobs retention=2m
         advance 69s
         show jobs
         advance 1s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            updated jobs
            jobs: ready=1 delayed=0 in_flight=0 oldest=119s
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn messages_go_one_after_the_other() {
    check(
        "create jobs retention=60s
         send jobs a
         advance 10s
         send jobs b
         advance 10s
         send jobs c delay=5s
         receive jobs
         advance 40s
         show jobs
         advance 10s
         show jobs
         advance 10s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            jobs: ready=2 delayed=0 in_flight=0 oldest=50s
            jobs: ready=1 delayed=0 in_flight=0 oldest=50s
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn an_expired_message_is_not_received_after_a_restart() {
    check(
        "create jobs retention=60s
         send jobs hello
         restart
         advance 60s
         restart
         receive jobs
         send jobs again
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            nothing
            sent m2
            received m2 r1 count=1
        "#]],
    );
}
