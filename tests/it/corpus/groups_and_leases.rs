//! Message groups and what may happen to their messages: returns, polls, handles, purges.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_returned_message_goes_before_those_that_were_never_received() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         advance 30s
         receive jobs.fifo max=2
         delete jobs.fifo r2
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            sent m2
            sent m3
            received m1 r2 count=2
            received m2 r3 count=1
            deleted
            nothing
        "#]],
    );
}

#[test]
fn a_receive_with_visibility_zero_leaves_the_group_open() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo visibility=0s
         receive jobs.fifo max=2 visibility=0s
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m1 r2 count=2
            received m2 r3 count=1
            received m1 r4 count=3
            received m2 r5 count=2
        "#]],
    );
}

#[test]
fn a_reply_that_nobody_took_leaves_the_group_as_it_was() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         lose jobs.fifo max=2
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn one_blocked_group_starves_nobody() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=blocked dedup=1
         receive jobs.fifo
         send jobs.fifo b group=blocked dedup=2
         send jobs.fifo c group=blocked dedup=3
         send jobs.fifo d group=blocked dedup=4
         send jobs.fifo e group=free dedup=5
         send jobs.fifo f group=other dedup=6
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            sent m2
            sent m3
            sent m4
            sent m5
            sent m6
            received m5 r2 count=1
            received m6 r3 count=1
        "#]],
    );
}

#[test]
fn a_poll_wakes_when_a_group_is_free() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         poll p jobs.fifo wait=20s
         advance 1s
         delete jobs.fifo r1",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            deleted
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_poll_wakes_when_retention_takes_what_blocked_its_group() {
    check(
        "create jobs.fifo retention=60s visibility=1h
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo
         advance 50s
         send jobs.fifo b group=g dedup=2
         poll p jobs.fifo wait=20s
         advance 9999ms
         advance 1ms",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            sent m2
            p: received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_superseded_handle_touches_nothing_and_an_expired_one_deletes_in_the_native_api() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         advance 30s
         receive jobs.fifo
         delete jobs.fifo r1
         advance 30s
         delete jobs.fifo r2
         delete jobs.fifo r2
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m1 r2 count=2
            stale lease
            deleted
            already deleted
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn a_lenient_delete_refuses_an_expired_handle_and_takes_an_extended_one() {
    check(
        "create jobs.fifo visibility=30s
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=h dedup=2
         receive jobs.fifo max=2
         change jobs.fifo r2=60s
         advance 30s
         delete jobs.fifo r1 lenient
         delete jobs.fifo r2 lenient
         delete jobs.fifo r2 lenient
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            refused: the receipt handle has expired
            deleted
            already deleted
            received m1 r3 count=2
        "#]],
    );
}

#[test]
fn the_same_group_id_in_two_queues_is_two_groups() {
    check(
        "create one.fifo
         create other.fifo
         send one.fifo a group=g dedup=1
         send other.fifo a group=g dedup=1
         receive one.fifo
         receive other.fifo",
        expect![[r#"
            created one.fifo
            created other.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn a_group_id_is_not_empty() {
    check(
        "create jobs.fifo
         send jobs.fifo a group= dedup=1",
        expect![[r#"
            created jobs.fifo
            refused: group_id is "": it has 1 to 128 characters, this one has 0
        "#]],
    );
}

#[test]
fn a_group_id_has_1_to_128_characters_of_letters_digits_and_punctuation() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g*128 dedup=1
         send jobs.fifo b group=g*129 dedup=2
         send jobs.fifo c group=g*100000 dedup=3
         send jobs.fifo d group=a\u{7f} dedup=4
         send jobs.fifo e group=!\"$%&'()+,-./:;<>?@[\\]^_`{|}~ dedup=5
         send jobs.fifo f dedup=6
         show jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            refused: group_id is "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg": it has 1 to 128 characters, this one has 129
            refused: group_id is "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg": it has 1 to 128 characters, this one has 100000
            refused: group_id is "a\u{7f}": it has letters, digits and punctuation, not '\u{7f}'
            sent m2
            refused: group_id is missing: a message of a FIFO queue has a group
            jobs.fifo: ready=2 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn priorities_are_for_standard_queues() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1 priority=5
         send jobs.fifo a group=g dedup=1 priority=4",
        expect![[r#"
            created jobs.fifo
            refused: priority is not for queue jobs.fifo: a FIFO queue has one order, that of its groups
            sent m1
        "#]],
    );
}

#[test]
fn a_purge_frees_every_group() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         purge jobs.fifo
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=10
         delete jobs.fifo r1",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            purged jobs.fifo
            sent m3
            received m3 r2 count=1
            already deleted
        "#]],
    );
}
