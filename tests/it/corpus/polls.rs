//! Long polls.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn a_poll_is_woken_by_a_send() {
    check(
        "create jobs
         poll p jobs wait=20s
         advance 5s
         send jobs hello
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            p: received m1 r1 count=1
            nothing
        "#]],
    );
}

#[test]
fn a_poll_that_finds_a_message_does_not_wait() {
    check(
        "create jobs
         send jobs hello
         poll p jobs wait=20s",
        expect![[r#"
            created jobs
            sent m1
            p: received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_poll_ends_empty_when_its_wait_is_over() {
    check(
        "create jobs
         poll p jobs wait=20s
         advance 19999ms
         advance 1ms
         send jobs hello
         receive jobs",
        expect![[r#"
            created jobs
            p: nothing
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_poll_is_woken_by_the_end_of_a_delay() {
    check(
        "create jobs
         send jobs hello delay=10s
         poll p jobs wait=20s
         advance 9s
         advance 1s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            p: received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=10s
        "#]],
    );
}

#[test]
fn a_poll_is_woken_by_the_end_of_a_lease() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         poll p jobs wait=20s
         advance 9s
         advance 1s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            p: received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_poll_is_woken_by_a_change_to_zero() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         poll p jobs wait=20s
         change jobs r1=0s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            p: received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_queue_can_have_its_own_wait() {
    check(
        "create jobs wait=10s
         poll p jobs
         advance 9s
         advance 1s
         receive jobs wait=0s
         poll q jobs
         send jobs hello",
        expect![[r#"
            created jobs
            p: nothing
            nothing
            sent m1
            q: received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_poll_takes_what_is_there_and_does_not_wait_for_more() {
    check(
        "create jobs
         poll p jobs max=10 wait=20s
         send jobs a b c
         poll q jobs max=10 wait=20s
         send jobs d",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            p: received m1 r1 count=1
            p: received m2 r2 count=1
            p: received m3 r3 count=1
            sent m4
            q: received m4 r4 count=1
        "#]],
    );
}

#[test]
fn polls_are_served_in_the_order_in_which_they_came() {
    check(
        "create jobs
         poll p jobs wait=20s
         poll q jobs wait=20s
         poll s jobs wait=20s
         send jobs a b
         advance 20s",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            p: received m1 r1 count=1
            q: received m2 r2 count=1
            s: nothing
        "#]],
    );
}

#[test]
fn a_client_that_is_gone_before_it_is_chosen_takes_no_message() {
    check(
        "create jobs
         poll p jobs wait=20s
         hang-up p
         send jobs hello
         show jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_client_that_is_gone_does_not_hold_up_the_next() {
    check(
        "create jobs
         poll p jobs wait=20s
         poll q jobs wait=20s
         hang-up p
         send jobs hello",
        expect![[r#"
            created jobs
            sent m1
            q: received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_poll_has_its_own_visibility_timeout_from_when_it_is_served() {
    check(
        "create jobs
         poll p jobs wait=20s visibility=5s
         advance 10s
         send jobs hello
         advance 4999ms
         receive jobs
         advance 1ms
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            p: received m1 r1 count=1
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_poll_of_a_queue_that_is_deleted_is_told_so() {
    check(
        "create jobs
         poll p jobs wait=20s
         drop jobs",
        expect![[r#"
            created jobs
            dropped jobs
            p: refused: queue jobs does not exist
        "#]],
    );
}

#[test]
fn a_poll_of_a_queue_that_is_made_again_does_not_take_from_its_successor() {
    check(
        "create jobs
         poll p jobs wait=20s
         drop jobs
         create jobs
         send jobs hello
         receive jobs",
        expect![[r#"
            created jobs
            dropped jobs
            p: refused: queue jobs does not exist
            created jobs
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_poll_of_another_queue_is_not_woken() {
    check(
        "create jobs
         create mails
         poll p jobs wait=20s
         send mails hello
         advance 20s",
        expect![[r#"
            created jobs
            created mails
            sent m1
            p: nothing
        "#]],
    );
}

#[test]
fn a_purge_leaves_polls_waiting() {
    check(
        "create jobs
         send jobs old
         receive jobs
         poll p jobs wait=20s
         purge jobs
         send jobs new",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            purged jobs
            sent m2
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_poll_survives_an_update_of_its_queue() {
    check(
        "create jobs
         poll p jobs wait=20s
         update jobs visibility=5s
         send jobs hello
         advance 5s
         receive jobs",
        expect![[r#"
            created jobs
            updated jobs
            sent m1
            p: received m1 r1 count=1
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_restart_ends_polls_and_keeps_messages() {
    check(
        "create jobs
         poll p jobs wait=20s
         restart
         send jobs hello
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_long_poll_is_refused_at_the_limit_of_messages_in_flight() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs
         send jobs a b c
         receive jobs max=2
         poll p jobs wait=20s
         delete jobs r1
         poll q jobs wait=20s
         poll s jobs wait=20s
         send jobs d",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            p: refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
            deleted
            q: received m3 r3 count=1
            sent m4
            s: refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
        "#]],
    );
}
