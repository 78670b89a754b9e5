//! Message groups of FIFO queues: what can be received is the longest prefix of a group with no
//! message in flight.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_receive_takes_what_it_can_from_one_group_then_the_next() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g1 dedup=1
         send jobs.fifo b group=g2 dedup=2
         send jobs.fifo c group=g1 dedup=3
         send jobs.fifo d group=g1 dedup=4
         receive jobs.fifo max=10   # m1 m3 m4 of g1, then m2 of g2",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            sent m4
            received m1 r1 count=1
            received m3 r2 count=1
            received m4 r3 count=1
            received m2 r4 count=1
        "#]],
    );
}

#[test]
fn groups_that_were_served_go_to_the_back_of_the_rotation() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g1 dedup=1
         send jobs.fifo b group=g2 dedup=2
         send jobs.fifo c group=g3 dedup=3
         send jobs.fifo d group=g1 dedup=4
         receive jobs.fifo
         delete jobs.fifo r1        # g1 is free, behind g2 and g3
         receive jobs.fifo
         receive jobs.fifo
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            sent m4
            received m1 r1 count=1
            deleted
            received m2 r2 count=1
            received m3 r3 count=1
            received m4 r4 count=1
        "#]],
    );
}

#[test]
fn a_received_message_blocks_the_later_ones_of_its_group_newly_sent_ones_too() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         receive jobs.fifo max=10
         send jobs.fifo c group=g dedup=3
         send jobs.fifo d group=other dedup=4
         receive jobs.fifo max=10
         show jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            nothing
            sent m3
            sent m4
            received m4 r2 count=1
            jobs.fifo: ready=2 delayed=0 in_flight=2 oldest=0s
        "#]],
    );
}

#[test]
fn a_group_is_free_when_all_that_was_received_is_deleted() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=2
         delete jobs.fifo r1
         receive jobs.fifo          # m2 is in flight still
         delete jobs.fifo r2
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            nothing
            deleted
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn deleting_the_later_of_two_frees_nothing() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=2
         delete jobs.fifo r2
         receive jobs.fifo
         delete jobs.fifo r1
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            nothing
            deleted
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn the_first_expires_while_the_second_is_in_flight() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo max=2
         change jobs.fifo r2=60s
         advance 30s
         receive jobs.fifo max=10   # m1 alone
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            received m1 r3 count=2
            nothing
        "#]],
    );
}

#[test]
fn the_first_is_set_to_zero_while_the_second_is_in_flight() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo max=2
         change jobs.fifo r1=0s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            received m1 r3 count=2
        "#]],
    );
}

#[test]
fn the_first_is_extended_while_the_others_have_expired() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=3
         change jobs.fifo r1=60s
         advance 30s
         show jobs.fifo
         receive jobs.fifo max=10   # nothing",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            changed
            jobs.fifo: ready=2 delayed=0 in_flight=1 oldest=30s
            nothing
        "#]],
    );
}

#[test]
fn the_second_is_extended_while_the_others_have_expired() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=3
         change jobs.fifo r2=60s
         advance 30s
         receive jobs.fifo max=10   # m1",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            changed
            received m1 r4 count=2
        "#]],
    );
}

#[test]
fn the_third_is_extended_while_the_others_have_expired() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=3
         change jobs.fifo r3=60s
         advance 30s
         receive jobs.fifo max=10   # m1 and m2",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            changed
            received m1 r4 count=2
            received m2 r5 count=2
        "#]],
    );
}

#[test]
fn redelivery_is_in_the_original_order() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=3
         change jobs.fifo r3=0s
         change jobs.fifo r1=0s
         change jobs.fifo r2=0s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            changed
            changed
            changed
            received m1 r4 count=2
            received m2 r5 count=2
            received m3 r6 count=2
        "#]],
    );
}
