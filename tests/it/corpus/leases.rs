//! Visibility timeouts: their start, their change, their end.

use expect_test::expect;

use crate::script::check;

#[test]
fn an_expired_lease_returns_the_message() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 31s
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
fn a_lease_ends_on_time_and_no_millisecond_before() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 29999ms
         receive jobs
         advance 1ms
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_leased_message_is_nobody_elses() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         receive jobs max=10
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn a_receive_brings_as_many_as_there_are_and_no_more_than_it_asks_for() {
    check(
        "create jobs
         send jobs a b c d e
         receive jobs max=2
         receive jobs max=10
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            received m4 r4 count=1
            received m5 r5 count=1
            nothing
        "#]],
    );
}

#[test]
fn the_timeout_of_a_receive_goes_before_that_of_the_queue() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs visibility=5s
         advance 5s
         receive jobs visibility=2m
         advance 119s
         receive jobs
         advance 1s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            nothing
            received m1 r3 count=3
        "#]],
    );
}

#[test]
fn a_timeout_of_a_receive_is_at_most_12_hours() {
    check(
        "create jobs
         send jobs hello
         receive jobs visibility=43200001ms
         show jobs
         receive jobs visibility=12h
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            refused: visibility_timeout is 43200001ms, it can be 0s to 12h
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s
            received m1 r1 count=1
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn a_receive_with_timeout_zero_leaves_the_message_for_the_next() {
    check(
        "create jobs
         send jobs hello
         receive jobs visibility=0s
         receive jobs visibility=0s
         receive jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            received m1 r3 count=3
            nothing
        "#]],
    );
}

#[test]
fn a_new_timeout_of_the_queue_is_for_later_receives() {
    check(
        "create jobs visibility=30s
         send jobs one two
         receive jobs
         update jobs visibility=5s
         receive jobs
         advance 5s
         receive jobs max=10
         advance 25s
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            updated jobs
            received m2 r2 count=1
            received m2 r3 count=2
            received m2 r4 count=3
            received m1 r5 count=2
        "#]],
    );
}

#[test]
fn a_change_counts_from_now() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         advance 20s
         change jobs r1=60s
         advance 59999ms
         receive jobs
         advance 1ms
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            nothing
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_change_can_shorten_a_lease() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         change jobs r1=5s
         advance 5s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_change_to_zero_returns_the_message_at_once() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         change jobs r1=0s
         show jobs
         receive jobs
         change jobs r1=10s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s
            received m1 r2 count=2
            refused: the lease is over and another receive has the message
        "#]],
    );
}

#[test]
fn changes_are_not_sticky() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         change jobs r1=60s
         advance 60s
         receive jobs
         advance 30s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            received m1 r2 count=2
            received m1 r3 count=3
        "#]],
    );
}

#[test]
fn a_lease_lasts_at_most_12_hours_from_its_receive() {
    check(
        "create jobs visibility=30s
         send jobs hello
         receive jobs
         change jobs r1=12h
         advance 1h
         change jobs r1=12h
         change jobs r1=11h
         change jobs r1=43200001ms
         advance 11h
         receive jobs
         change jobs r2=12h",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            changed
            refused: a lease can last until 12h after its receive, this one would last 13h
            changed
            refused: visibility_timeout is 43200001ms, it can be 0s to 12h
            received m1 r2 count=2
            changed
        "#]],
    );
}

#[test]
fn a_change_of_a_lease_that_is_over_is_refused() {
    check(
        "create jobs visibility=10s
         send jobs hello
         receive jobs
         advance 10s
         change jobs r1=10s
         receive jobs
         change jobs r1=10s
         change jobs r2=0s
         change jobs r2=10s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            refused: the message is not in flight: its lease has run out
            received m1 r2 count=2
            refused: the lease is over and another receive has the message
            changed
            refused: the message is not in flight: its lease has run out
        "#]],
    );
}

#[test]
fn a_change_of_a_deleted_message_is_refused() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         delete jobs r1
         change jobs r1=10s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            deleted
            refused: the message does not exist any more
        "#]],
    );
}

#[test]
fn a_change_of_garbage_fails_alone() {
    check(
        "create jobs
         send jobs one two
         receive jobs max=2
         change jobs r1=0s garbage=5s r2=0s
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            refused: the receipt handle "garbage" is not one of this broker's
            changed
            received m1 r3 count=2
            received m2 r4 count=2
        "#]],
    );
}

#[test]
fn the_receive_count_rises_with_each_receive() {
    check(
        "create jobs visibility=1s
         send jobs hello
         receive jobs
         advance 1s
         receive jobs
         advance 1s
         receive jobs
         change jobs r3=0s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            received m1 r3 count=3
            changed
            received m1 r4 count=4
        "#]],
    );
}
