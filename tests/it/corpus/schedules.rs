//! Delivery at a time, and its cancellation.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_is_delivered_at_its_time() {
    check(
        "create jobs
         send jobs a at=1h
         advance 3599999ms
         receive jobs
         advance 1ms
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            nothing
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_time_that_has_passed_is_now() {
    check(
        "create jobs
         advance 10s
         send jobs a at=5s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_message_can_wait_as_long_as_it_is_kept() {
    check(
        "create jobs retention=60s
         send jobs a at=60s
         send jobs b at=60001ms
         send jobs c delay=60s
         send jobs d delay=61s
         send jobs e at=1000000d",
        expect![[r#"
            created jobs
            sent m1
            refused: deliver_at is 60001ms, it can be 0s to 1m
            sent m2
            refused: delay is 61s, it can be 0s to 1m
            refused: deliver_at is 1000000d, it can be 0s to 1m
        "#]],
    );
}

#[test]
fn a_message_that_waits_is_cancelled() {
    check(
        "create jobs
         send jobs a at=1h
         send jobs b delay=1h
         cancel jobs m1 m2 m1
         show jobs
         advance 1h
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            cancelled
            cancelled
            not found
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn what_can_be_received_is_cancelled_too_late() {
    check(
        "create jobs
         send jobs a delay=5s
         send jobs b
         receive jobs
         cancel jobs m2            # in flight
         advance 5s
         cancel jobs m1            # ready
         receive jobs
         delete jobs r2
         cancel jobs m1            # gone",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m2 r1 count=1
            too late
            too late
            received m1 r2 count=1
            deleted
            not found
        "#]],
    );
}

#[test]
fn what_waits_after_a_return_is_cancelled_too_late() {
    check(
        "create jobs backoff=1h
         send jobs a
         receive jobs
         change jobs r1=0s
         cancel jobs m1",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            too late
        "#]],
    );
}

#[test]
fn a_message_of_a_fifo_queue_with_a_delay_is_cancelled() {
    check(
        "create jobs.fifo delay=10s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         cancel jobs.fifo m1
         show jobs.fifo
         send jobs.fifo a group=g dedup=1   # its id counts on
         advance 10s
         cancel jobs.fifo m2
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            cancelled
            jobs.fifo: ready=0 delayed=1 in_flight=0 oldest=0s
            duplicate of m1
            too late
            received m2 r1 count=1
        "#]],
    );
}

#[test]
fn a_message_of_another_queue_is_not_found() {
    check(
        "create jobs
         create other
         send jobs a delay=1h
         cancel other m1
         cancel nowhere m1
         show jobs",
        expect![[r#"
            created jobs
            created other
            sent m1
            not found
            refused: queue nowhere does not exist
            jobs: ready=0 delayed=1 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_poll_wakes_at_the_time() {
    check(
        "create jobs
         send jobs a at=15s
         poll p jobs wait=20s
         advance 14999ms
         advance 1ms",
        expect![[r#"
            created jobs
            sent m1
            p: received m1 r1 count=1
        "#]],
    );
}
