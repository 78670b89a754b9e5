//! Purging.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_purge_takes_ready_delayed_and_leased_messages() {
    check(
        "create jobs visibility=10s
         send jobs a b
         send jobs c delay=5s
         receive jobs
         show jobs
         purge jobs
         show jobs
         delete jobs r1
         change jobs r1=5s
         advance 1h
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            jobs: ready=1 delayed=1 in_flight=1 oldest=0s
            purged jobs
            jobs: ready=0 delayed=0 in_flight=0
            already deleted
            refused: the message does not exist any more
            nothing
        "#]],
    );
}

#[test]
fn a_second_purge_within_60_seconds_is_refused() {
    check(
        "create jobs
         purge jobs
         purge jobs
         advance 59999ms
         purge jobs
         advance 1ms
         purge jobs
         purge jobs",
        expect![[r#"
            created jobs
            purged jobs
            refused: queue jobs was purged less than 1m ago; again in 1m
            refused: queue jobs was purged less than 1m ago; again in 1ms
            purged jobs
            refused: queue jobs was purged less than 1m ago; again in 1m
        "#]],
    );
}

#[test]
fn a_purge_does_not_reach_what_is_sent_later() {
    check(
        "create jobs
         send jobs before
         purge jobs
         send jobs after
         receive jobs max=10
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            purged jobs
            sent m2
            received m2 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn a_purge_is_for_one_queue_and_one_life_of_it() {
    check(
        "create jobs
         create mails
         purge jobs
         purge mails
         drop jobs
         create jobs
         purge jobs
         purge mails",
        expect![[r#"
            created jobs
            created mails
            purged jobs
            purged mails
            dropped jobs
            created jobs
            purged jobs
            refused: queue mails was purged less than 1m ago; again in 1m
        "#]],
    );
}
