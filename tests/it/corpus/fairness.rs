//! A message that comes back for ever starves nobody, and nobody starves it.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_that_comes_back_for_ever_does_not_starve_the_backlog() {
    check(
        "create jobs
         send jobs poison
         receive jobs visibility=0s
         send jobs a b
         receive jobs visibility=0s
         receive jobs
         receive jobs visibility=0s
         receive jobs
         receive jobs visibility=0s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            sent m2
            sent m3
            received m1 r2 count=2
            received m2 r3 count=1
            received m1 r4 count=3
            received m3 r5 count=1
            received m1 r6 count=4
        "#]],
    );
}

#[test]
fn a_backlog_does_not_starve_a_message_that_comes_back() {
    check(
        "create jobs visibility=1s
         send jobs first
         receive jobs
         send jobs a b c d e f
         advance 1s
         receive jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            sent m2
            sent m3
            sent m4
            sent m5
            sent m6
            sent m7
            received m1 r2 count=2
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn messages_that_return_are_given_out_in_the_order_of_their_return() {
    check(
        "create jobs
         send jobs a b c
         receive jobs max=3
         change jobs r2=0s
         change jobs r3=0s
         change jobs r1=0s
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            changed
            changed
            changed
            received m2 r4 count=2
            received m3 r5 count=2
            received m1 r6 count=2
        "#]],
    );
}

#[test]
fn returned_messages_and_the_backlog_take_turns_within_one_receive() {
    check(
        "create jobs visibility=1s
         send jobs a b
         receive jobs max=2
         send jobs c d e
         advance 1s
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            sent m3
            sent m4
            sent m5
            received m1 r3 count=2
            received m3 r4 count=1
            received m2 r5 count=2
            received m4 r6 count=1
            received m5 r7 count=1
        "#]],
    );
}
