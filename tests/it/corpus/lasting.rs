//! What a queue tells of its messages, and what a restart leaves of leases: all of it.

use expect_test::expect;

use crate::script::check;

#[test]
fn handles_outlive_a_restart() {
    check(
        "create jobs visibility=30s
         send jobs one two
         receive jobs max=2
         restart
         receive jobs
         change jobs r1=60s
         delete jobs r2
         advance 30s
         restart
         receive jobs
         delete jobs r1
         restart
         advance 30s
         receive jobs
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            nothing
            changed
            deleted
            nothing
            deleted
            nothing
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_lease_goes_on_over_a_restart() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 20s
         restart
         receive jobs
         advance 9999ms
         receive jobs
         advance 1ms
         restart
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn counts_tell_ready_delayed_and_in_flight_apart() {
    check(
        "create jobs visibility=30s
         send jobs a b c
         send jobs d delay=1m
         show jobs
         receive jobs max=2
         advance 10s
         show jobs
         delete jobs r1
         advance 20s
         show jobs
         advance 30s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            jobs: ready=3 delayed=1 in_flight=0 oldest=0s
            received m1 r1 count=1
            received m2 r2 count=1
            jobs: ready=1 delayed=1 in_flight=2 oldest=10s
            deleted
            jobs: ready=2 delayed=1 in_flight=0 oldest=30s
            jobs: ready=3 delayed=0 in_flight=0 oldest=1m
        "#]],
    );
}

#[test]
fn the_oldest_age_is_that_of_the_oldest_message_left() {
    check(
        "create jobs visibility=30s
         send jobs one
         advance 10s
         send jobs two
         advance 5s
         show jobs
         receive jobs
         show jobs
         delete jobs r1
         show jobs
         receive jobs
         delete jobs r2
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            jobs: ready=2 delayed=0 in_flight=0 oldest=15s
            received m1 r1 count=1
            jobs: ready=1 delayed=0 in_flight=1 oldest=15s
            deleted
            jobs: ready=1 delayed=0 in_flight=0 oldest=5s
            received m2 r2 count=1
            deleted
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}
