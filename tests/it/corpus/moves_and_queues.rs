//! Move tasks and what becomes of their queues, and of what they have moved.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_source_must_be_a_dead_letter_queue_unless_a_target_is_named() {
    check(
        "create jobs
         redrive jobs
         redrive nowhere
         redrive jobs to=nowhere
         redrive jobs to=jobs
         create jobs.fifo
         redrive jobs to=jobs.fifo
         redrive jobs.fifo to=jobs",
        expect![[r#"
            created jobs
            refused: queue jobs is no queue's dead-letter queue; name a target queue
            refused: queue nowhere does not exist
            refused: queue nowhere does not exist
            refused: target_queue is "jobs": a queue's messages cannot be moved to itself
            created jobs.fifo
            refused: target_queue is "jobs.fifo": source and target are both FIFO queues or both standard queues
            refused: target_queue is "jobs": source and target are both FIFO queues or both standard queues
        "#]],
    );
}

#[test]
fn a_message_that_came_from_nowhere_fails_the_task() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         receive jobs
         send dead b
         redrive dead
         tasks
         browse dead
         receive jobs",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            sent m2
            started t1: 2 to move
            t1 dead to its sources: failed, 1 of 2 moved: a message was sent to the queue itself and came from no other; name a target queue
            m2 ready count=0
            received m3(m1) r2 count=1
        "#]],
    );
}

#[test]
fn a_source_that_is_gone_fails_the_task() {
    check(
        "create dead
         create jobs dlq=dead:1
         create mails dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         receive jobs
         drop jobs
         redrive dead
         tasks
         show dead",
        expect![[r#"
            created dead
            created jobs
            created mails
            sent m1
            received m1 r1 count=1
            nothing
            dropped jobs
            started t1: 1 to move
            t1 dead to its sources: failed, 0 of 1 moved: a queue that messages were to go to was deleted
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_queue_that_is_deleted_fails_its_task() {
    check(
        "create jobs
         create other
         send jobs a b
         redrive jobs to=other rate=1
         drop jobs
         tasks
         create jobs
         redrive jobs to=other
         tasks",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            started t1: 2 to move
            dropped jobs
            t1 jobs to other: failed, 1 of 2 moved: the source queue was deleted
            created jobs
            started t2: 0 to move
            t2 jobs to other: completed, 0 of 0 moved
            t1 jobs to other: failed, 1 of 2 moved: the source queue was deleted
        "#]],
    );
}

#[test]
fn a_target_that_is_deleted_fails_the_task() {
    check(
        "create jobs
         create other
         send jobs a b
         redrive jobs to=other rate=1
         drop other
         advance 1s
         tasks
         show jobs",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            started t1: 2 to move
            dropped other
            t1 jobs to other: failed, 1 of 2 moved: a queue that messages were to go to was deleted
            jobs: ready=1 delayed=0 in_flight=0 oldest=1s
        "#]],
    );
}

#[test]
fn groups_stay_in_order_on_fifo_queues() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo max=10 visibility=0s
         receive jobs.fifo
         browse dead.fifo
         redrive dead.fifo
         receive jobs.fifo max=10
         tasks",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            nothing
            m1 ready count=1 from=jobs.fifo
            m2 ready count=1 from=jobs.fifo
            m3 ready count=1 from=jobs.fifo
            started t1: 3 to move
            received m4(m1) r4 count=1
            received m5(m2) r5 count=1
            received m6(m3) r6 count=1
            t1 dead.fifo to its sources: completed, 3 of 3 moved
        "#]],
    );
}

#[test]
fn a_moved_message_is_no_duplicate_and_makes_none() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo visibility=0s
         receive jobs.fifo
         redrive dead.fifo
         receive jobs.fifo
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            nothing
            started t1: 1 to move
            received m2(m1) r2 count=1
            duplicate of m1
        "#]],
    );
}

#[test]
fn retention_and_receive_count_begin_anew() {
    check(
        "create dead
         create jobs dlq=dead:1 retention=60s
         send jobs a
         advance 50s
         receive jobs visibility=0s
         receive jobs
         redrive dead
         advance 50s
         receive jobs visibility=0s
         receive jobs
         receive dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            started t1: 1 to move
            received m2(m1) r2 count=1
            nothing
            received m2(m1) r3 count=2 from=jobs
        "#]],
    );
}

#[test]
fn a_moved_message_keeps_its_priority() {
    check(
        "create jobs
         create other
         send jobs a
         send jobs b priority=9
         redrive jobs to=other
         receive other max=2",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            started t1: 2 to move
            received m3(m2) r1 count=1
            received m4(m1) r2 count=1
        "#]],
    );
}

#[test]
fn what_comes_while_a_task_runs_is_moved_too() {
    check(
        "create jobs
         create other
         send jobs a b
         redrive jobs to=other rate=1
         send jobs c
         advance 5s
         tasks
         receive other max=10",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            started t1: 2 to move
            sent m3
            t1 jobs to other: completed, 3 of 2 moved
            received m4(m1) r1 count=1
            received m5(m2) r2 count=1
            received m6(m3) r3 count=1
        "#]],
    );
}

#[test]
fn a_task_goes_on_after_a_restart() {
    check(
        "create jobs
         create other
         send jobs a b c d
         redrive jobs to=other rate=1
         advance 1s
         restart
         advance 10s
         tasks
         browse jobs
         browse other",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            sent m4
            started t1: 4 to move
            t1 jobs to other: completed, 4 of 4 moved
            nothing
            m5(m1) ready count=0
            m6(m2) ready count=0
            m7(m3) ready count=0
            m8(m4) ready count=0
        "#]],
    );
}

#[test]
fn a_poll_of_the_target_wakes() {
    check(
        "create jobs
         create other
         send jobs a
         poll p other wait=20s
         redrive jobs to=other",
        expect![[r#"
            created jobs
            created other
            sent m1
            started t1: 1 to move
            p: received m2(m1) r1 count=1
        "#]],
    );
}

#[test]
fn a_purge_leaves_the_task_nothing_to_do() {
    check(
        "create jobs
         create other
         send jobs a b c
         redrive jobs to=other rate=1
         purge jobs
         advance 5s
         tasks",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            started t1: 3 to move
            purged jobs
            t1 jobs to other: completed, 1 of 3 moved
        "#]],
    );
}

#[test]
fn a_moved_message_waits_for_the_delay_of_a_fifo_queue() {
    check(
        "create one.fifo
         create other.fifo delay=10s
         send one.fifo a group=g dedup=1
         redrive one.fifo to=other.fifo
         show other.fifo
         advance 10s
         receive other.fifo",
        expect![[r#"
            created one.fifo
            created other.fifo
            sent m1
            started t1: 1 to move
            other.fifo: ready=0 delayed=1 in_flight=0 oldest=0s
            received m2(m1) r1 count=1
        "#]],
    );
}
