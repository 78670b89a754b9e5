//! Deleting, fenced and lenient.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_deleted_message_is_gone() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         delete jobs r1
         show jobs
         advance 1h
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            deleted
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn a_second_delete_says_so() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         delete jobs r1
         delete jobs r1
         delete jobs r1 lenient",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            deleted
            already deleted
            already deleted
        "#]],
    );
}

#[test]
fn an_expired_lease_that_nobody_took_over_still_deletes() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 11s
         delete jobs r1
         show jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            deleted
            jobs: ready=0 delayed=0 in_flight=0
            nothing
        "#]],
    );
}

#[test]
fn a_superseded_handle_is_fenced() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 10s
         receive jobs
         delete jobs r1
         show jobs
         delete jobs r2
         delete jobs r1",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            stale lease
            jobs: ready=0 delayed=0 in_flight=1 oldest=10s
            deleted
            already deleted
        "#]],
    );
}

#[test]
fn a_superseded_handle_stays_fenced_when_the_later_lease_is_over_too() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 10s
         receive jobs
         advance 10s
         delete jobs r1
         delete jobs r2",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            stale lease
            deleted
        "#]],
    );
}

#[test]
fn a_lenient_delete_takes_superseded_handles() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 10s
         receive jobs
         delete jobs r1 lenient
         show jobs
         delete jobs r2
         delete jobs r2 lenient",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            deleted
            jobs: ready=0 delayed=0 in_flight=0
            already deleted
            already deleted
        "#]],
    );
}

#[test]
fn a_lenient_delete_takes_expired_handles() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 10s
         delete jobs r1 lenient
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            deleted
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn each_handle_of_a_batch_has_its_own_outcome() {
    check(
        "create jobs visibility=10s
         send jobs a b c
         receive jobs max=2
         delete jobs r1
         advance 10s
         receive jobs
         receive jobs
         delete jobs r1 garbage r2 r3 r4 r3
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            received m2 r3 count=2
            received m3 r4 count=1
            already deleted
            refused: the receipt handle "garbage" is not one of this broker's
            stale lease
            deleted
            deleted
            already deleted
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn garbage_is_no_handle() {
    check(
        "create jobs
         delete jobs garbage
         change jobs garbage=1s",
        expect![[r#"
            created jobs
            refused: the receipt handle "garbage" is not one of this broker's
            refused: the receipt handle "garbage" is not one of this broker's
        "#]],
    );
}

#[test]
fn a_delete_after_a_change_to_zero_deletes_until_another_has_the_message() {
    check(
        "create jobs
         send jobs one two
         receive jobs max=2
         change jobs r1=0s r2=0s
         delete jobs r1
         receive jobs
         delete jobs r2
         delete jobs r3",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            changed
            deleted
            received m2 r3 count=2
            stale lease
            deleted
        "#]],
    );
}
