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
