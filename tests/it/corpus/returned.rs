//! Receives whose reply never reaches the client: the message returns as it was.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_lost_receive_does_not_count() {
    check(
        "create jobs visibility=30s
         send jobs hello
         lose jobs
         show jobs
         receive jobs
         advance 30s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s
            received m1 r1 count=1
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_lost_receive_after_others_takes_back_only_itself() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 30s
         lose jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn lost_messages_are_given_out_again_in_their_order() {
    check(
        "create jobs
         send jobs a b c
         lose jobs max=2
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m3 r2 count=1
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn a_message_that_returns_wakes_whoever_waits() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         poll p jobs wait=20s
         change jobs r1=0s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            p: received m1 r2 count=2
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn an_earlier_handle_is_superseded_by_a_lost_receive() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 30s
         lose jobs
         delete jobs r1
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            stale lease
            received m1 r2 count=2
        "#]],
    );
}
