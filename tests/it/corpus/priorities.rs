//! Priorities of standard queues: 0 to 9, the highest first.

use expect_test::expect;

use crate::script::check;

#[test]
fn the_highest_priority_goes_first_and_then_the_oldest() {
    check(
        "create jobs
         send jobs low priority=0
         send jobs usual
         send jobs high priority=9
         send jobs high2 priority=9
         send jobs usual2 priority=4
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            received m3 r1 count=1
            received m4 r2 count=1
            received m2 r3 count=1
            received m5 r4 count=1
            received m1 r5 count=1
        "#]],
    );
}

#[test]
fn priorities_beyond_the_limit_are_refused() {
    check(
        "create jobs
         send jobs a priority=9
         send jobs a priority=10
         send jobs a priority=255",
        expect![[r#"
            created jobs
            sent m1
            refused: priority is 10, it can be 0 to 9
            refused: priority is 255, it can be 0 to 9
        "#]],
    );
}

#[test]
fn a_returned_message_keeps_its_priority() {
    check(
        "create jobs
         send jobs high priority=7
         send jobs low priority=3
         receive jobs
         change jobs r1=0s
         receive jobs
         receive jobs
         change jobs r3=0s
         change jobs r2=0s
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            changed
            received m1 r2 count=2
            received m2 r3 count=1
            changed
            changed
            received m1 r4 count=3
            received m2 r5 count=2
        "#]],
    );
}

#[test]
fn a_delayed_message_keeps_its_priority() {
    check(
        "create jobs
         send jobs high priority=7 delay=5s
         send jobs usual
         advance 5s
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_dead_letter_keeps_its_priority() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs low priority=1
         send jobs high priority=8
         receive jobs max=2 visibility=0s
         receive jobs
         send dead usual
         receive dead max=3",
        expect![[r#"
            created dead
            created jobs
            sent m1
            sent m2
            received m2 r1 count=1
            received m1 r2 count=1
            nothing
            sent m3
            received m2 r3 count=2 from=jobs
            received m3 r4 count=1
            received m1 r5 count=2 from=jobs
        "#]],
    );
}
