//! How move tasks end, and what is refused.

use expect_test::expect;

use crate::script::check;

#[test]
fn one_task_at_a_time_for_each_source() {
    check(
        "create jobs
         create other
         create third
         send jobs a b c
         send other d e f
         redrive jobs to=other rate=1
         redrive jobs to=third
         redrive jobs to=third dry-run
         redrive other to=third rate=1
         stop t1
         redrive jobs to=third
         tasks",
        expect![[r#"
            created jobs
            created other
            created third
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            sent m6
            started t1: 3 to move
            refused: a move task of queue jobs is running; one at a time
            refused: a move task of queue jobs is running; one at a time
            started t2: 4 to move
            cancelling, 1 moved
            refused: a move task of queue jobs is running; one at a time
            t2 other to third: running, 1 of 4 moved
            t1 jobs to other: cancelling, 1 of 3 moved
        "#]],
    );
}

#[test]
fn a_task_is_cancelled_and_what_it_moved_stays() {
    check(
        "create jobs
         create other
         send jobs a b c
         redrive jobs to=other rate=1
         advance 1s
         stop t1
         stop t1
         advance 1s
         tasks
         stop t1
         show jobs
         show other",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            started t1: 3 to move
            cancelling, 2 moved
            cancelling, 2 moved
            t1 jobs to other: cancelled, 2 of 3 moved
            refused: there is no move task 1 that runs
            jobs: ready=1 delayed=0 in_flight=0 oldest=2s
            other: ready=2 delayed=0 in_flight=0 oldest=2s
        "#]],
    );
}

#[test]
fn a_task_that_is_not_there_is_not_cancelled() {
    check(
        "stop 7",
        expect![[r#"
        refused: there is no move task 7 that runs
    "#]],
    );
}

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
