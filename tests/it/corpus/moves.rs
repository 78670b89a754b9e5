//! Move tasks: from a dead-letter queue back to its sources, or between any two queues.

use expect_test::expect;

use crate::script::check;

#[test]
fn dead_letters_go_back_to_their_sources_with_a_new_id_and_send_time() {
    check(
        "create dead
         create jobs dlq=dead:1
         create mails dlq=dead:1
         send jobs a
         send mails b
         receive jobs visibility=0s
         receive jobs
         receive mails visibility=0s
         receive mails
         advance 10s
         redrive dead
         tasks
         receive jobs
         receive mails
         show jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            created mails
            sent m1
            sent m2
            received m1 r1 count=1
            nothing
            received m2 r2 count=1
            nothing
            started t1: 2 to move
            t1 dead to its sources: completed, 2 of 2 moved
            received m3(m1) r3 count=1
            received m4(m2) r4 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn messages_go_to_a_queue_that_is_named() {
    check(
        "create jobs
         create other
         send jobs a b c
         receive jobs
         redrive jobs to=other
         tasks jobs
         show jobs
         receive other max=10",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            started t1: 2 to move
            t1 jobs to other: completed, 2 of 2 moved
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            received m4(m2) r2 count=1
            received m5(m3) r3 count=1
        "#]],
    );
}

#[test]
fn a_dry_run_counts_and_moves_nothing() {
    check(
        "create jobs
         create other
         send jobs a b
         send jobs c delay=10s
         redrive jobs to=other dry-run
         show jobs
         tasks",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            dry run: 2 to move
            jobs: ready=2 delayed=1 in_flight=0 oldest=0s
            no tasks
        "#]],
    );
}

#[test]
fn tasks_are_listed_newest_first() {
    check(
        "create jobs
         create other
         redrive jobs to=other
         redrive other to=jobs
         send jobs a
         redrive jobs to=other
         tasks
         tasks jobs
         tasks jobs max=1
         tasks other
         tasks nowhere",
        expect![[r#"
            created jobs
            created other
            started t1: 0 to move
            started t2: 0 to move
            sent m1
            started t3: 1 to move
            t3 jobs to other: completed, 1 of 1 moved
            t2 other to jobs: completed, 0 of 0 moved
            t1 jobs to other: completed, 0 of 0 moved
            t3 jobs to other: completed, 1 of 1 moved
            t1 jobs to other: completed, 0 of 0 moved
            t3 jobs to other: completed, 1 of 1 moved
            t2 other to jobs: completed, 0 of 0 moved
            no tasks
        "#]],
    );
}

#[test]
fn only_the_last_ten_that_ended_are_listed() {
    check(
        "create jobs
         create other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         redrive jobs to=other
         tasks",
        expect![[r#"
            created jobs
            created other
            started t1: 0 to move
            started t2: 0 to move
            started t3: 0 to move
            started t4: 0 to move
            started t5: 0 to move
            started t6: 0 to move
            started t7: 0 to move
            started t8: 0 to move
            started t9: 0 to move
            started t10: 0 to move
            started t11: 0 to move
            started t12: 0 to move
            t12 jobs to other: completed, 0 of 0 moved
            t11 jobs to other: completed, 0 of 0 moved
            t10 jobs to other: completed, 0 of 0 moved
            t9 jobs to other: completed, 0 of 0 moved
            t8 jobs to other: completed, 0 of 0 moved
            t7 jobs to other: completed, 0 of 0 moved
            t6 jobs to other: completed, 0 of 0 moved
            t5 jobs to other: completed, 0 of 0 moved
            t4 jobs to other: completed, 0 of 0 moved
            t3 jobs to other: completed, 0 of 0 moved
            t2 jobs to other: completed, 0 of 0 moved
        "#]],
    );
}

#[test]
fn a_task_keeps_to_its_rate() {
    check(
        "create jobs
         create other
         send jobs a b c d e f
         redrive jobs to=other rate=2
         show other
         advance 1s
         show other
         tasks
         advance 1s
         show other
         advance 10s
         tasks",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            sent m6
            started t1: 6 to move
            other: ready=1 delayed=0 in_flight=0 oldest=0s
            other: ready=3 delayed=0 in_flight=0 oldest=1s
            t1 jobs to other: running, 3 of 6 moved
            other: ready=5 delayed=0 in_flight=0 oldest=2s
            t1 jobs to other: completed, 6 of 6 moved
        "#]],
    );
}

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
fn by_group_age_and_attribute() {
    check(
        "create jobs
         create other
         send jobs a group=g
         send jobs b group=h
         send jobs c group=g attr=k:String:v
         advance 10s
         send jobs d group=g attr=k:String:v
         send jobs e group=g attr=k:String:w
         redrive jobs to=other group=h
         redrive jobs to=other attr=k:String:w
         redrive jobs to=other group=g age=10s attr=k:String:v
         redrive jobs to=other group=none
         browse jobs
         browse other
         tasks",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            started t1: 5 to move
            started t2: 4 to move
            started t3: 3 to move
            started t4: 2 to move
            m1 ready count=0
            m4 ready count=0
            m6(m2) ready count=0
            m7(m5) ready count=0
            m8(m3) ready count=0
            t4 jobs to other: completed, 0 of 2 moved
            t3 jobs to other: completed, 1 of 3 moved
            t2 jobs to other: completed, 1 of 4 moved
            t1 jobs to other: completed, 1 of 5 moved
        "#]],
    );
}

#[test]
fn what_is_in_flight_or_waits_stays() {
    check(
        "create jobs
         create other
         send jobs a b
         send jobs c delay=10s
         receive jobs
         redrive jobs to=other
         browse jobs
         browse other",
        expect![[r#"
            created jobs
            created other
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            started t1: 1 to move
            m1 in flight until 30s count=1
            m3 delayed until 10s count=0
            m4(m2) ready count=0
        "#]],
    );
}
