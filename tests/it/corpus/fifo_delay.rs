//! The delay of a FIFO queue, which is one for all of its messages.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_delay_of_its_own_is_refused_and_none_is_taken() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1 delay=2s
         send jobs.fifo b group=g dedup=2 at=2s
         send jobs.fifo c group=g dedup=3 delay=0s
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            refused: delay is not for queue jobs.fifo: a FIFO queue has one delay for all its messages: the queue's
            refused: deliver_at is not for queue jobs.fifo: a FIFO queue has one delay for all its messages: the queue's
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn messages_wait_for_the_queues_delay() {
    check(
        "create jobs.fifo delay=10s
         send jobs.fifo a group=g dedup=1
         show jobs.fifo
         advance 9999ms
         receive jobs.fifo
         advance 1ms
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            jobs.fifo: ready=0 delayed=1 in_flight=0 oldest=0s
            nothing
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_delayed_message_does_not_block_earlier_ones() {
    check(
        "create jobs.fifo delay=10s
         send jobs.fifo a group=g dedup=1
         advance 5s
         send jobs.fifo b group=g dedup=2
         advance 5s
         receive jobs.fifo max=10
         change jobs.fifo r1=0s
         receive jobs.fifo max=10
         show jobs.fifo
         advance 5s
         delete jobs.fifo r2
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            changed
            received m1 r2 count=2
            jobs.fifo: ready=0 delayed=1 in_flight=1 oldest=10s
            deleted
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn a_shorter_delay_holds_for_what_waits_already() {
    check(
        "create jobs.fifo delay=60s
         send jobs.fifo a group=g dedup=1
         advance 5s
         send jobs.fifo b group=g dedup=2
         update jobs.fifo delay=10s
         receive jobs.fifo
         advance 5s
         receive jobs.fifo max=10
         delete jobs.fifo r1
         advance 5s
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            updated jobs.fifo
            nothing
            received m1 r1 count=1
            deleted
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn no_delay_any_more_lets_everything_arrive_at_once() {
    check(
        "create jobs.fifo delay=60s
         send jobs.fifo a b c group=g dedup=1
         send jobs.fifo d group=h dedup=2
         poll p jobs.fifo max=10 wait=20s
         update jobs.fifo delay=0s",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            duplicate of m1
            sent m2
            updated jobs.fifo
            p: received m1 r1 count=1
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_longer_delay_holds_for_what_was_never_received() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo            # m1 stays received
         update jobs.fifo delay=10s
         show jobs.fifo
         delete jobs.fifo r1
         receive jobs.fifo max=10
         advance 10s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            updated jobs.fifo
            jobs.fifo: ready=0 delayed=2 in_flight=1 oldest=0s
            deleted
            nothing
            received m2 r2 count=1
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn a_longer_delay_counts_from_the_send() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         advance 20s
         send jobs.fifo b group=g dedup=2
         update jobs.fifo delay=20s
         receive jobs.fifo max=10
         delete jobs.fifo r1
         advance 19999ms
         receive jobs.fifo
         advance 1ms
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            updated jobs.fifo
            received m1 r1 count=1
            deleted
            nothing
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_change_of_the_delay_is_not_retroactive_on_a_standard_queue() {
    check(
        "create jobs delay=60s
         send jobs a
         update jobs delay=0s
         receive jobs
         send jobs b
         update jobs delay=1h
         receive jobs
         advance 60s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            updated jobs
            nothing
            sent m2
            updated jobs
            received m2 r1 count=1
            received m2 r2 count=2
        "#]],
    );
}

#[test]
fn retention_counts_for_what_waits() {
    check(
        "create jobs.fifo delay=60s retention=60s
         send jobs.fifo a group=g dedup=1
         advance 59s
         show jobs.fifo
         advance 1s
         show jobs.fifo
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            jobs.fifo: ready=0 delayed=1 in_flight=0 oldest=59s
            jobs.fifo: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn a_purge_takes_what_waits_and_new_messages_wait_as_long() {
    check(
        "create jobs.fifo delay=10s
         send jobs.fifo a group=g dedup=1
         advance 5s
         purge jobs.fifo
         show jobs.fifo
         send jobs.fifo b group=g dedup=2
         advance 5s
         receive jobs.fifo
         advance 5s
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            purged jobs.fifo
            jobs.fifo: ready=0 delayed=0 in_flight=0
            sent m2
            nothing
            received m2 r1 count=1
        "#]],
    );
}
