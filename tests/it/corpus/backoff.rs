//! Retry back-off: a message that comes back waits.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_fixed_wait_after_a_lease_that_ran_out() {
    check(
        "create jobs visibility=10s backoff=5s
         send jobs a
         receive jobs
         advance 10s
         receive jobs
         show jobs
         advance 4999ms
         receive jobs
         advance 1ms
         receive jobs
         advance 15s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            jobs: ready=0 delayed=1 in_flight=0 oldest=10s
            nothing
            received m1 r2 count=2
            received m1 r3 count=3
        "#]],
    );
}

#[test]
fn a_fixed_wait_after_visibility_zero() {
    check(
        "create jobs backoff=5s
         send jobs a
         receive jobs
         change jobs r1=0s
         receive jobs
         change jobs r1=0s
         advance 5s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            nothing
            refused: the message is not in flight: its lease has run out
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_receive_with_visibility_zero_waits_too() {
    check(
        "create jobs backoff=5s
         send jobs a
         receive jobs visibility=0s
         receive jobs
         advance 5s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_doubling_wait_grows_to_its_maximum() {
    check(
        "create jobs backoff=1s..3s
         send jobs a
         receive jobs
         change jobs r1=0s
         advance 999ms
         receive jobs
         advance 1ms
         receive jobs
         change jobs r2=0s
         advance 1999ms
         receive jobs
         advance 1ms
         receive jobs
         change jobs r3=0s
         advance 2999ms
         receive jobs
         advance 1ms
         receive jobs
         change jobs r4=0s
         advance 3s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            nothing
            received m1 r2 count=2
            changed
            nothing
            received m1 r3 count=3
            changed
            nothing
            received m1 r4 count=4
            changed
            received m1 r5 count=5
        "#]],
    );
}

#[test]
fn on_a_fifo_queue_the_group_waits() {
    check(
        "create jobs.fifo backoff=5s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo
         change jobs.fifo r1=0s
         receive jobs.fifo max=10
         show jobs.fifo
         advance 5s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            changed
            received m3 r2 count=1
            jobs.fifo: ready=1 delayed=1 in_flight=1 oldest=0s
            received m1 r3 count=2
            received m2 r4 count=1
        "#]],
    );
}

#[test]
fn a_reply_that_nobody_took_does_not_wait() {
    check(
        "create jobs backoff=5s
         send jobs a
         lose jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_message_that_waits_can_be_deleted_by_its_last_handle() {
    check(
        "create jobs backoff=5s
         send jobs a
         receive jobs
         change jobs r1=0s
         delete jobs r1
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            deleted
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_wait_has_its_limits() {
    check(
        "create jobs backoff=1ms
         create low backoff=0s
         create high backoff=12h
         create higher backoff=43200001ms
         create far backoff=1000000d
         create turned backoff=5s..4s
         create long backoff=1s..12h
         create longer backoff=1s..13h
         update jobs backoff=none
         settings jobs
         settings long",
        expect![[r#"
            created jobs
            refused: retry_backoff.first is 0s, it can be 1ms to 12h
            created high
            refused: retry_backoff.first is 43200001ms, it can be 1ms to 12h
            refused: retry_backoff.first is 1000000d, it can be 1ms to 12h
            refused: retry_backoff.max is 4s, it can be 5s to 12h
            created long
            refused: retry_backoff.max is 13h, it can be 1s to 12h
            updated jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
            long: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s backoff=1s..12h
        "#]],
    );
}

#[test]
fn another_wait_holds_from_the_next_return_on() {
    check(
        "create jobs backoff=5s
         send jobs a
         receive jobs
         change jobs r1=0s
         update jobs backoff=1h
         advance 5s
         receive jobs
         update jobs backoff=none
         change jobs r2=0s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            updated jobs
            received m1 r2 count=2
            updated jobs
            changed
            received m1 r3 count=3
        "#]],
    );
}
