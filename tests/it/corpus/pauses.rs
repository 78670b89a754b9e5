//! Pausing sends and receives.

use expect_test::expect;

use crate::script::check;

#[test]
fn sends_are_refused_while_they_are_paused() {
    check(
        "create jobs
         send jobs a
         pause jobs sends
         send jobs b c
         transact send jobs b
         receive jobs
         delete jobs r1
         resume jobs sends
         send jobs d",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s sends paused
            refused: the sends of queue jobs are paused; `queue resume` lets them go on
            refused: the sends of queue jobs are paused; `queue resume` lets them go on
            refused: steps[0]: the sends of queue jobs are paused; `queue resume` lets them go on
            received m1 r1 count=1
            deleted
            jobs: ready=0 delayed=0 in_flight=0
            sent m2
        "#]],
    );
}

#[test]
fn receives_are_refused_while_they_are_paused_and_leases_go_on() {
    check(
        "create jobs
         send jobs a b
         receive jobs
         pause jobs receives
         receive jobs
         send jobs c
         change jobs r1=5s
         delete jobs r1
         show jobs
         resume jobs receives
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            jobs: ready=1 delayed=0 in_flight=1 oldest=0s receives paused
            refused: the receives of queue jobs are paused; `queue resume` lets them go on
            sent m3
            changed
            deleted
            jobs: ready=2 delayed=0 in_flight=0 oldest=0s receives paused
            jobs: ready=2 delayed=0 in_flight=0 oldest=0s
            received m2 r2 count=1
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn both_and_through_a_restart() {
    check(
        "create jobs
         pause jobs
         restart
         show jobs
         send jobs a
         receive jobs
         resume jobs
         show jobs
         pause jobs sends
         resume jobs receives",
        expect![[r#"
            created jobs
            jobs: ready=0 delayed=0 in_flight=0 paused
            jobs: ready=0 delayed=0 in_flight=0 paused
            refused: the sends of queue jobs are paused; `queue resume` lets them go on
            refused: the receives of queue jobs are paused; `queue resume` lets them go on
            jobs: ready=0 delayed=0 in_flight=0
            jobs: ready=0 delayed=0 in_flight=0
            jobs: ready=0 delayed=0 in_flight=0 sends paused
            jobs: ready=0 delayed=0 in_flight=0 sends paused
        "#]],
    );
}

#[test]
fn whoever_waits_is_refused() {
    check(
        "create jobs
         poll p jobs wait=20s
         pause jobs receives",
        expect![[r#"
            created jobs
            jobs: ready=0 delayed=0 in_flight=0 receives paused
            p: refused: the receives of queue jobs are paused; `queue resume` lets them go on
        "#]],
    );
}

#[test]
fn a_paused_fifo_queue_knows_its_duplicates_afterwards() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         pause jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         resume jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            jobs.fifo: ready=0 delayed=0 in_flight=1 oldest=0s paused
            refused: the sends of queue jobs.fifo are paused; `queue resume` lets them go on
            refused: the receives of queue jobs.fifo are paused; `queue resume` lets them go on
            jobs.fifo: ready=0 delayed=0 in_flight=1 oldest=0s
            duplicate of m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn time_goes_on_while_a_queue_is_paused() {
    check(
        "create jobs retention=60s visibility=30s
         send jobs a
         receive jobs
         pause jobs
         advance 30s
         show jobs
         advance 30s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s paused
            jobs: ready=1 delayed=0 in_flight=0 oldest=30s paused
            jobs: ready=0 delayed=0 in_flight=0 paused
        "#]],
    );
}

#[test]
fn a_queue_that_is_not_there_is_not_paused() {
    check(
        "pause jobs
         resume jobs",
        expect![[r#"
            refused: queue jobs does not exist
            refused: queue jobs does not exist
        "#]],
    );
}
