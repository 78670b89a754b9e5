//! The limit of messages in flight.

use expect_test::expect;

use crate::script::{Setup, check_with};

#[test]
fn a_queue_at_its_limit_of_messages_in_flight_refuses_receives() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs visibility=30s
         send jobs a b c
         receive jobs max=10
         receive jobs
         show jobs
         delete jobs r1
         receive jobs max=10
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
            jobs: ready=1 delayed=0 in_flight=2 oldest=0s
            deleted
            received m3 r3 count=1
            nothing
        "#]],
    );
}

#[test]
fn an_empty_queue_at_its_limit_has_nothing_to_refuse() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs visibility=30s
         send jobs a b
         receive jobs max=10
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            nothing
        "#]],
    );
}

#[test]
fn the_end_of_a_lease_makes_room() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs visibility=30s
         send jobs a b c
         receive jobs
         advance 10s
         receive jobs
         receive jobs
         advance 20s
         receive jobs max=10
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
            received m1 r3 count=2
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
        "#]],
    );
}

#[test]
fn the_limit_is_for_each_queue() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs
         create mails
         send jobs a b c
         send mails d
         receive jobs max=10
         receive jobs
         receive mails",
        expect![[r#"
            created jobs
            created mails
            sent m1
            sent m2
            sent m3
            sent m4
            received m1 r1 count=1
            received m2 r2 count=1
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
            received m4 r3 count=1
        "#]],
    );
}

#[test]
fn a_message_that_is_given_back_makes_room() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs
         send jobs a b c
         receive jobs max=2
         change jobs r2=0s
         receive jobs max=10
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            received m2 r3 count=2
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
        "#]],
    );
}

#[test]
fn a_delayed_message_is_not_in_flight() {
    check_with(
        Setup { in_flight_max: 2, ..Setup::default() },
        "create jobs
         send jobs a b c delay=10s
         send jobs d e
         receive jobs max=10
         advance 10s
         receive jobs
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            received m4 r1 count=1
            received m5 r2 count=1
            refused: queue jobs has 2 messages in flight, which is its limit; delete some or let leases run out
            jobs: ready=3 delayed=0 in_flight=2 oldest=10s
        "#]],
    );
}
