//! Looking at messages without any effect.

use expect_test::expect;

use crate::script::check;

#[test]
fn every_state_is_shown_in_the_order_of_the_sends() {
    check(
        "create jobs visibility=30s
         send jobs a
         send jobs b delay=10s
         send jobs c priority=9
         receive jobs
         send jobs d
         browse jobs
         browse jobs
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m3 r1 count=1
            sent m4
            m1 ready count=0
            m2 delayed until 10s count=0
            m3 in flight until 30s count=1 priority=9
            m4 ready count=0
            m1 ready count=0
            m2 delayed until 10s count=0
            m3 in flight until 30s count=1 priority=9
            m4 ready count=0
            jobs: ready=2 delayed=1 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn looking_changes_nothing() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         browse jobs.fifo
         receive jobs.fifo max=10
         browse jobs.fifo
         change jobs.fifo r1=0s
         browse jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            m1 ready count=0
            m2 ready count=0
            received m1 r1 count=1
            received m2 r2 count=1
            m1 in flight until 30s count=1
            m2 in flight until 30s count=1
            changed
            m1 ready count=1
            m2 in flight until 30s count=1
        "#]],
    );
}

#[test]
fn by_state() {
    check(
        "create jobs
         send jobs a b
         send jobs c delay=10s
         receive jobs
         browse jobs state=ready
         browse jobs state=delayed
         browse jobs state=in_flight
         browse jobs state=ready,delayed",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            m2 ready count=0
            m3 delayed until 10s count=0
            m1 in flight until 30s count=1
            m2 ready count=0
            m3 delayed until 10s count=0
        "#]],
    );
}

#[test]
fn by_group() {
    check(
        "create jobs
         send jobs a group=g
         send jobs b group=h
         send jobs c group=g delay=10s
         send jobs d
         browse jobs group=g
         browse jobs group=h
         browse jobs group=none",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            m1 ready count=0
            m3 delayed until 10s count=0
            m2 ready count=0
            nothing
        "#]],
    );
}

#[test]
fn by_age() {
    check(
        "create jobs
         send jobs a
         advance 10s
         send jobs b
         receive jobs
         browse jobs age=10s
         browse jobs age=10001ms
         browse jobs age=0s",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            m1 in flight until 40s count=1
            nothing
            m1 in flight until 40s count=1
            m2 ready count=0
        "#]],
    );
}

#[test]
fn in_pages() {
    check(
        "create jobs
         send jobs a b c d e
         receive jobs max=2
         browse jobs max=2
         browse jobs max=2 after=m2
         browse jobs max=2 after=m4
         browse jobs max=2 after=m5
         browse jobs max=5",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            received m1 r1 count=1
            received m2 r2 count=1
            m1 in flight until 30s count=1
            m2 in flight until 30s count=1
            and more
            m3 ready count=0
            m4 ready count=0
            and more
            m5 ready count=0
            nothing
            m1 in flight until 30s count=1
            m2 in flight until 30s count=1
            m3 ready count=0
            m4 ready count=0
            m5 ready count=0
        "#]],
    );
}

#[test]
fn pages_go_over_groups_and_delays_of_a_fifo_queue() {
    check(
        "create jobs.fifo delay=10s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=h dedup=2
         advance 10s
         send jobs.fifo c group=g dedup=3
         send jobs.fifo d group=i dedup=4
         browse jobs.fifo max=1
         browse jobs.fifo max=2 after=m1
         browse jobs.fifo max=2 after=m3
         browse jobs.fifo state=delayed group=g",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            sent m4
            m1 ready count=0
            and more
            m2 ready count=0
            m3 delayed until 20s count=0
            and more
            m4 delayed until 20s count=0
            m3 delayed until 20s count=0
        "#]],
    );
}

#[test]
fn a_queue_that_is_not_there_and_an_empty_one() {
    check(
        "browse jobs
         create jobs
         browse jobs",
        expect![[r#"
            refused: queue jobs does not exist
            created jobs
            nothing
        "#]],
    );
}
