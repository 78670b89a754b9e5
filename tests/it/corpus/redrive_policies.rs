//! Redrive policies: what a dead-letter queue may be, and what goes with dead letters.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_queue_cannot_be_its_own_dead_letter_queue() {
    check(
        "create jobs dlq=jobs:1
         create jobs
         update jobs dlq=jobs:1",
        expect![[r#"
            refused: redrive_policy.dead_letter_queue is "jobs": a queue cannot be its own dead-letter queue
            created jobs
            refused: redrive_policy.dead_letter_queue is "jobs": a queue cannot be its own dead-letter queue
        "#]],
    );
}

#[test]
fn a_dead_letter_queue_must_be_there_and_of_the_same_kind() {
    check(
        "create jobs dlq=dead:1
         create dead
         create dead.fifo
         create jobs dlq=dead.fifo:1
         create jobs.fifo dlq=dead:1
         create jobs dlq=dead:1
         create jobs.fifo dlq=dead.fifo:1",
        expect![[r#"
            refused: dead cannot be the dead-letter queue of jobs: there is no such queue; create it first
            created dead
            created dead.fifo
            refused: redrive_policy.dead_letter_queue is "dead.fifo": the dead-letter queue of a standard queue is a standard queue
            refused: redrive_policy.dead_letter_queue is "dead": the dead-letter queue of a FIFO queue is a FIFO queue
            created jobs
            created jobs.fifo
        "#]],
    );
}

#[test]
fn a_dead_letter_queue_must_allow_it() {
    check(
        "create none allow=none
         create some allow=jobs,others
         create jobs dlq=none:1
         create jobs dlq=some:1
         create mails dlq=some:1
         update some allow=none
         update jobs visibility=5s",
        expect![[r#"
            created none
            created some
            refused: none cannot be the dead-letter queue of jobs: its redrive_allow_policy does not allow it
            created jobs
            refused: some cannot be the dead-letter queue of mails: its redrive_allow_policy does not allow it
            updated some
            updated jobs
        "#]],
    );
}

#[test]
fn a_policy_whose_target_has_gone_does_not_stand_in_the_way_of_other_changes() {
    check(
        "create dead
         create jobs dlq=dead:3
         update dead allow=none
         update jobs visibility=5s
         drop dead
         update jobs visibility=6s
         update jobs dlq=dead:4
         settings jobs
         update jobs dlq=none",
        expect![[r#"
            created dead
            created jobs
            updated dead
            updated jobs
            dropped dead
            updated jobs
            refused: dead cannot be the dead-letter queue of jobs: there is no such queue; create it first
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=6s dlq=dead:3
            updated jobs
        "#]],
    );
}

#[test]
fn dead_letters_go_round_in_no_circle() {
    check(
        "create a
         create b dlq=a:1
         create c dlq=b:1
         update a dlq=c:1
         update a dlq=b:1
         drop b
         create b dlq=c:1
         create b
         update b dlq=c:1",
        expect![[r#"
            created a
            created b
            created c
            refused: c cannot be the dead-letter queue of a: its own dead letters would come back here
            refused: b cannot be the dead-letter queue of a: its own dead letters would come back here
            dropped b
            refused: c cannot be the dead-letter queue of b: its own dead letters would come back here
            created b
            refused: c cannot be the dead-letter queue of b: its own dead letters would come back here
        "#]],
    );
}

#[test]
fn a_policy_has_its_limits() {
    check(
        "create dead
         create jobs dlq=dead:0
         create jobs dlq=dead:1001
         create jobs dlq=dead:4294967295
         create jobs dlq=dead:1000
         create ten allow=a,b,c,d,e,f,g,h,i,j
         create eleven allow=a,b,c,d,e,f,g,h,i,j,k
         settings jobs
         settings ten",
        expect![[r#"
            created dead
            refused: redrive_policy.max_receives is 0, it can be 1 to 1000
            refused: redrive_policy.max_receives is 1001, it can be 1 to 1000
            refused: redrive_policy.max_receives is 4294967295, it can be 1 to 1000
            created jobs
            created ten
            refused: redrive_allow_policy.source_queues is 11, it can be 1 to 10
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s dlq=dead:1000
            ten: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s allow=a,b,c,d,e,f,g,h,i,j
        "#]],
    );
}

#[test]
fn the_sources_of_a_dead_letter_queue_are_listed() {
    check(
        "create dead
         create a dlq=dead:1
         create b dlq=dead:2
         create c
         create d dlq=dead:1
         sources dead
         sources dead max=2
         sources dead after=b
         sources c
         sources nowhere
         update b dlq=none
         sources dead",
        expect![[r#"
            created dead
            created a
            created b
            created c
            created d
            queues: a b d
            queues: a b and more
            queues: d
            no queues
            refused: queue nowhere does not exist
            updated b
            queues: a d
        "#]],
    );
}

#[test]
fn a_lost_reply_does_not_count_towards_the_policy() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         lose jobs
         receive jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_poll_goes_on_when_all_there_was_went_to_the_dead_letter_queue() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         poll p jobs wait=20s
         show dead
         send jobs b",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
            sent m2
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_poll_of_the_dead_letter_queue_wakes() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         poll p dead wait=20s
         receive jobs",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            p: received m1 r2 count=2 from=jobs
        "#]],
    );
}

#[test]
fn a_moved_message_knows_its_handles_no_more() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         receive jobs
         delete jobs r1
         change jobs r1=5s
         delete dead r1
         delete jobs r1 lenient
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            already deleted
            refused: the message does not exist any more
            refused: the receipt handle is not of queue dead as it is now
            already deleted
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_dead_letter_does_not_enter_the_window_of_its_queue() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo visibility=0s
         receive jobs.fifo
         send dead.fifo b group=g dedup=1
         send jobs.fifo a group=g dedup=1
         receive dead.fifo max=10",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            nothing
            sent m2
            duplicate of m1
            received m1 r2 count=2 from=jobs.fifo
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn a_dead_letter_does_not_wait_for_the_delay_of_its_queue() {
    check(
        "create dead delay=60s
         create jobs dlq=dead:1
         create dead.fifo delay=60s
         create jobs.fifo dlq=dead.fifo:1
         send jobs a
         send jobs.fifo a group=g dedup=1
         receive jobs visibility=0s
         receive jobs
         receive jobs.fifo visibility=0s
         receive jobs.fifo
         receive dead
         receive dead.fifo",
        expect![[r#"
            created dead
            created jobs
            created dead.fifo
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            nothing
            received m2 r2 count=1
            nothing
            received m1 r3 count=2 from=jobs
            received m2 r4 count=2 from=jobs.fifo
        "#]],
    );
}

#[test]
fn a_back_off_and_a_policy_work_together() {
    check(
        "create dead
         create jobs dlq=dead:2 backoff=5s
         send jobs a
         receive jobs visibility=0s
         advance 5s
         receive jobs visibility=0s
         receive jobs
         show dead
         advance 5s
         receive jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            nothing
            dead: ready=0 delayed=0 in_flight=0
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=10s
        "#]],
    );
}
