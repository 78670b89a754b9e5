//! Deduplication: for 5 minutes from the first acceptance.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn a_duplicate_is_answered_with_the_original() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=g dedup=1
         send jobs.fifo another-body group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            duplicate of m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
        "#]],
    );
}

#[test]
fn an_id_counts_for_five_minutes_from_the_first_acceptance() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         advance 3m
         send jobs.fifo a group=g dedup=1
         advance 119999ms
         send jobs.fifo a group=g dedup=1
         advance 1ms
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            duplicate of m1
            sent m2
            duplicate of m2
        "#]],
    );
}

#[test]
fn an_id_counts_through_receive_delete_and_restart() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo
         send jobs.fifo a group=g dedup=1
         delete jobs.fifo r1
         send jobs.fifo a group=g dedup=1
         restart
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            duplicate of m1
            deleted
            duplicate of m1
            duplicate of m1
            nothing
        "#]],
    );
}

#[test]
fn an_id_counts_after_its_message_has_expired() {
    check(
        "create jobs.fifo retention=60s
         send jobs.fifo a group=g dedup=1
         advance 61s
         send jobs.fifo a group=g dedup=1
         receive jobs.fifo",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            nothing
        "#]],
    );
}

#[test]
fn the_scope_of_the_queue_ignores_the_group() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=h dedup=1",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
        "#]],
    );
}

#[test]
fn the_scope_of_the_group_keeps_groups_apart() {
    check(
        "create jobs.fifo scope=group
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=h dedup=1
         send jobs.fifo a group=h dedup=1
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            duplicate of m2
            duplicate of m1
        "#]],
    );
}

#[test]
fn a_scope_that_is_changed_later_is_stored_and_has_no_effect() {
    check(
        "create jobs.fifo
         update jobs.fifo scope=group throughput=group
         settings jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=h dedup=1
         create other.fifo scope=group
         update other.fifo scope=queue
         settings other.fifo
         send other.fifo a group=g dedup=1
         send other.fifo a group=h dedup=1",
        expect![[r#"
            created jobs.fifo
            updated jobs.fifo
            jobs.fifo: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s scope=group throughput=group
            sent m1
            duplicate of m1
            created other.fifo
            updated other.fifo
            other.fifo: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
            sent m2
            sent m3
        "#]],
    );
}

#[test]
fn content_based_duplicates_have_the_same_body_alone() {
    check(
        "create jobs.fifo content-dedup=true
         send jobs.fifo a group=g
         send jobs.fifo a group=g attr=k:String:v
         send jobs.fifo a group=h
         send jobs.fifo b group=g",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            duplicate of m1
            sent m2
        "#]],
    );
}

#[test]
fn an_id_that_is_given_wins_over_the_content() {
    check(
        "create jobs.fifo content-dedup=true
         send jobs.fifo a group=g dedup=1
         send jobs.fifo a group=g dedup=2
         send jobs.fifo b group=g dedup=1
         send jobs.fifo a group=g",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            duplicate of m1
            sent m3
        "#]],
    );
}

#[test]
fn the_hash_of_a_body_is_an_id_like_any_other() {
    check(
        "create jobs.fifo content-dedup=true
         send jobs.fifo abc group=g
         send jobs.fifo x group=g dedup=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
        "#]],
    );
}

#[test]
fn content_and_group_scope_together() {
    check(
        "create jobs.fifo content-dedup=true scope=group
         send jobs.fifo a group=g
         send jobs.fifo a group=h
         send jobs.fifo a group=g",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            duplicate of m1
        "#]],
    );
}

#[test]
fn with_neither_an_id_nor_content_a_fifo_send_is_refused() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g
         send jobs.fifo a b group=g
         update jobs.fifo content-dedup=true
         send jobs.fifo a group=g
         update jobs.fifo content-dedup=false
         send jobs.fifo a group=g
         send jobs.fifo c group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            refused: the queue should either have content_deduplication enabled or deduplication_id provided explicitly
            refused: the queue should either have content_deduplication enabled or deduplication_id provided explicitly
            refused: the queue should either have content_deduplication enabled or deduplication_id provided explicitly
            updated jobs.fifo
            sent m1
            updated jobs.fifo
            refused: the queue should either have content_deduplication enabled or deduplication_id provided explicitly
            sent m2
        "#]],
    );
}

#[test]
fn duplicates_within_one_batch_are_seen() {
    check(
        "create jobs.fifo
         send jobs.fifo a b c group=g dedup=1
         receive jobs.fifo max=10",
        expect![[r#"
            created jobs.fifo
            sent m1
            duplicate of m1
            duplicate of m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn sends_to_standard_queues_are_idempotent_with_an_id() {
    check(
        "create jobs
         send jobs a dedup=1
         send jobs a dedup=1
         send jobs b
         send jobs b
         receive jobs max=10
         delete jobs r1
         send jobs a dedup=1
         advance 5m
         send jobs a dedup=1",
        expect![[r#"
            created jobs
            sent m1
            duplicate of m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            deleted
            duplicate of m1
            sent m4
        "#]],
    );
}

#[test]
fn an_id_is_of_one_queue() {
    check(
        "create one
         create other
         send one a dedup=1
         send other a dedup=1",
        expect![[r#"
            created one
            created other
            sent m1
            sent m2
        "#]],
    );
}

#[test]
fn a_purge_forgets_the_ids() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         purge jobs.fifo
         send jobs.fifo a group=g dedup=1
         advance 4m
         send jobs.fifo a group=g dedup=1
         advance 1m
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            sent m1
            purged jobs.fifo
            sent m2
            duplicate of m2
            sent m3
        "#]],
    );
}

#[test]
fn a_queue_that_is_made_again_knows_no_ids() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         drop jobs.fifo
         create jobs.fifo
         send jobs.fifo a group=g dedup=1",
        expect![[r#"
            created jobs.fifo
            sent m1
            dropped jobs.fifo
            created jobs.fifo
            sent m2
        "#]],
    );
}

#[test]
fn a_send_that_was_refused_leaves_no_id() {
    check(
        "create jobs max_bytes=1024
         send jobs x*1025 dedup=1
         send jobs x*1024 dedup=1",
        expect![[r#"
            created jobs
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            sent m1
        "#]],
    );
}

#[test]
fn an_id_has_1_to_128_characters_of_letters_digits_and_punctuation() {
    check(
        "create jobs
         send jobs a dedup=d*128
         send jobs b dedup=d*129
         send jobs c dedup=d*1000000
         send jobs d dedup=\u{7f}",
        expect![[r#"
            created jobs
            sent m1
            refused: deduplication_id is "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd": it has 1 to 128 characters, this one has 129
            refused: deduplication_id is "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd": it has 1 to 128 characters, this one has 1000000
            refused: deduplication_id is "\u{7f}": it has letters, digits and punctuation, not '\u{7f}'
        "#]],
    );
}

#[test]
fn an_id_is_not_empty() {
    check(
        "create jobs
         send jobs a dedup=",
        expect![[r#"
            created jobs
            refused: deduplication_id is "": it has 1 to 128 characters, this one has 0
        "#]],
    );
}

#[test]
fn at_its_limit_the_window_refuses_and_never_forgets() {
    let setup = Setup { deduplication_ids_max: 3, ..Setup::default() };
    check_with(
        setup,
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         advance 1m
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         send jobs.fifo d e f group=g dedup=4
         send jobs.fifo a group=g dedup=1
         advance 239999ms
         send jobs.fifo d group=g dedup=4
         advance 1ms
         send jobs.fifo d group=g dedup=4
         send jobs.fifo e group=g dedup=5
         send jobs.fifo b group=g dedup=2",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            refused: queue jobs.fifo has 3 deduplication ids of the last 5 minutes, which is its limit; again in 4m
            refused: queue jobs.fifo has 3 deduplication ids of the last 5 minutes, which is its limit; again in 4m
            refused: queue jobs.fifo has 3 deduplication ids of the last 5 minutes, which is its limit; again in 4m
            duplicate of m1
            refused: queue jobs.fifo has 3 deduplication ids of the last 5 minutes, which is its limit; again in 1ms
            sent m4
            refused: queue jobs.fifo has 3 deduplication ids of the last 5 minutes, which is its limit; again in 1m
            duplicate of m2
        "#]],
    );
}

#[test]
fn a_limit_on_ids_does_not_touch_sends_without_one() {
    let setup = Setup { deduplication_ids_max: 1, ..Setup::default() };
    check_with(
        setup,
        "create jobs
         send jobs a dedup=1
         send jobs b dedup=2
         send jobs c",
        expect![[r#"
            created jobs
            sent m1
            refused: queue jobs has 1 deduplication ids of the last 5 minutes, which is its limit; again in 5m
            sent m2
        "#]],
    );
}

#[test]
fn a_transact_stays_within_the_limit_of_ids_too() {
    let setup = Setup { deduplication_ids_max: 2, ..Setup::default() };
    check_with(
        setup,
        "create jobs.fifo
         transact send jobs.fifo a group=g dedup=1; send jobs.fifo b group=g dedup=2; send jobs.fifo c group=g dedup=3
         show jobs.fifo
         transact send jobs.fifo a group=g dedup=1; send jobs.fifo b group=g dedup=2",
        expect![[r#"
            created jobs.fifo
            refused: steps[2]: queue jobs.fifo has 2 deduplication ids of the last 5 minutes, which is its limit; again in 0s
            jobs.fifo: ready=0 delayed=0 in_flight=0
            sent m1
            sent m2
        "#]],
    );
}
