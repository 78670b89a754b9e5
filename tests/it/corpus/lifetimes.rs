//! A time to live of a message of its own.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_is_gone_when_its_time_is_over() {
    check(
        "create jobs
         send jobs a ttl=10s
         send jobs b
         advance 9999ms
         show jobs
         advance 1ms
         show jobs
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            jobs: ready=2 delayed=0 in_flight=0 oldest=9999ms
            jobs: ready=1 delayed=0 in_flight=0 oldest=10s
            received m2 r1 count=1
        "#]],
    );
}

#[test]
fn it_is_gone_in_flight_too() {
    check(
        "create jobs
         send jobs a ttl=10s
         receive jobs
         advance 10s
         show jobs
         delete jobs r1
         change jobs r1=5s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=0
            already deleted
            refused: the message does not exist any more
        "#]],
    );
}

#[test]
fn it_is_gone_before_its_delay_is_over() {
    check(
        "create jobs
         send jobs a ttl=10s delay=20s
         advance 10s
         show jobs
         advance 10s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn a_time_to_live_counts_from_the_send() {
    check(
        "create jobs
         send jobs a ttl=10s delay=9s
         advance 9s
         receive jobs visibility=0s
         advance 999ms
         receive jobs visibility=0s
         advance 1ms
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            nothing
        "#]],
    );
}

#[test]
fn on_a_fifo_queue_its_end_frees_the_group() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1 ttl=10s
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         poll p jobs.fifo wait=20s
         advance 10s",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn on_a_fifo_queue_in_the_middle_of_a_group() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2 ttl=10s
         send jobs.fifo c group=g dedup=3
         advance 10s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m3 r2 count=1
        "#]],
    );
}

#[test]
fn on_a_fifo_queue_with_a_delay() {
    check(
        "create jobs.fifo delay=20s
         send jobs.fifo a group=g dedup=1 ttl=10s
         send jobs.fifo b group=g dedup=2 ttl=30s
         advance 10s
         show jobs.fifo
         advance 10s
         receive jobs.fifo max=10
         advance 10s
         show jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            jobs.fifo: ready=0 delayed=1 in_flight=0 oldest=10s
            received m2 r1 count=1
            jobs.fifo: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn retention_may_end_it_earlier() {
    check(
        "create jobs retention=60s
         send jobs a ttl=60s
         update jobs retention=2m
         send jobs b ttl=2m
         update jobs retention=60s
         advance 60s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            updated jobs
            sent m2
            updated jobs
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_time_to_live_has_its_limits() {
    check(
        "create jobs retention=60s
         send jobs a ttl=1ms
         send jobs b ttl=0s
         send jobs c ttl=60s
         send jobs d ttl=60001ms
         send jobs e ttl=1000000d",
        expect![[r#"
            created jobs
            sent m1
            refused: time_to_live is 0s, it can be 1ms to 1m
            sent m2
            refused: time_to_live is 60001ms, it can be 1ms to 1m
            refused: time_to_live is 1000000d, it can be 1ms to 1m
        "#]],
    );
}

#[test]
fn a_dead_letter_keeps_its_time_to_live() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a ttl=10s
         receive jobs visibility=0s
         receive jobs
         show dead
         advance 10s
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}
