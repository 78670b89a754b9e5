//! Attempt ids of FIFO receives: for 5 minutes the same id gives the same messages and handles.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn the_same_attempt_gives_the_same_messages_and_handles() {
    check(
        "create jobs.fifo
         send jobs.fifo a b group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo max=2 attempt=A
         receive jobs.fifo max=2 attempt=A
         receive jobs.fifo max=10 attempt=B
         receive jobs.fifo max=1 attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn an_attempt_resets_the_visibility() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         advance 20s
         receive jobs.fifo attempt=A
         advance 20s
         receive jobs.fifo                       # leased until 50s
         advance 10s
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            received m1 r1 count=1
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn an_attempt_takes_the_visibility_it_is_given() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=A visibility=5s
         advance 5s
         receive jobs.fifo attempt=B",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            received m1 r1 count=1
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn an_attempt_counts_for_five_minutes() {
    check(
        "create jobs.fifo visibility=1h
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         advance 299999ms
         receive jobs.fifo attempt=A
         advance 1ms
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            received m1 r1 count=1
            nothing
        "#]],
    );
}

#[test]
fn an_attempt_of_which_a_message_was_deleted_is_over() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo max=2 attempt=A
         delete jobs.fifo r1
         receive jobs.fifo max=2 attempt=A
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo max=2 attempt=A
         receive jobs.fifo max=2 attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            nothing
            sent m3
            received m3 r3 count=1
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn an_attempt_of_which_a_message_was_changed_is_over() {
    check(
        "create jobs.fifo visibility=1m
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         change jobs.fifo r1=50s
         receive jobs.fifo attempt=A
         change jobs.fifo r1=0s
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            changed
            nothing
            changed
            received m1 r2 count=2
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn an_attempt_whose_leases_have_run_out_receives_anew() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         advance 30s
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn an_attempt_that_found_nothing_is_tried_again() {
    check(
        "create jobs.fifo
         receive jobs.fifo attempt=A
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            nothing
            sent m1
            received m1 r1 count=1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn an_attempt_is_of_one_queue_and_through_a_restart() {
    check(
        "create one.fifo
         create other.fifo
         send one.fifo a group=g dedup=1
         send other.fifo b group=g dedup=1
         receive one.fifo attempt=A
         receive other.fifo attempt=A
         restart
         receive one.fifo attempt=A
         receive other.fifo attempt=A",
        expect![[r#"
            created one.fifo
            created other.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn attempts_are_for_fifo_queues_and_have_1_to_128_characters() {
    check(
        "create jobs
         create jobs.fifo
         receive jobs attempt=A
         receive jobs.fifo attempt=A*128
         receive jobs.fifo attempt=A*129",
        expect![[r#"
            created jobs
            created jobs.fifo
            refused: attempt_id is not for queue jobs: only receives of FIFO queues have attempts
            nothing
            refused: attempt_id is "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": it has 1 to 128 characters, this one has 129
        "#]],
    );
}

#[test]
fn an_attempt_id_is_not_empty() {
    check(
        "create jobs.fifo
         receive jobs.fifo attempt=",
        expect![[r#"
            created jobs.fifo
            refused: attempt_id is "": it has 1 to 128 characters, this one has 0
        "#]],
    );
}

#[test]
fn an_attempt_is_repeated_at_the_limit_of_messages_in_flight() {
    let setup = Setup { in_flight_max: 1, ..Setup::default() };
    check_with(
        setup,
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=h dedup=2
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=A
         receive jobs.fifo attempt=B",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m1 r1 count=1
            refused: queue jobs.fifo has 1 messages in flight, which is its limit; delete some or let leases run out
        "#]],
    );
}

#[test]
fn a_purge_ends_attempts() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=A
         purge jobs.fifo
         receive jobs.fifo attempt=A
         send jobs.fifo b group=g dedup=1
         receive jobs.fifo attempt=A",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            purged jobs.fifo
            nothing
            sent m2
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_lost_copy_of_a_repeated_answer_leaves_the_other_its_lease() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo attempt=t
         lose jobs.fifo attempt=t
         receive jobs.fifo
         delete jobs.fifo r1",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            nothing
            deleted
        "#]],
    );
}
