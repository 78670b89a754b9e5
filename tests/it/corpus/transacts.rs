//! Transact: all of the steps, or none.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_is_consumed_and_another_produced() {
    check(
        "create jobs
         create results
         send jobs a
         receive jobs
         transact delete jobs r1; send results done; send results more
         show jobs
         receive results max=10",
        expect![[r#"
            created jobs
            created results
            sent m1
            received m1 r1 count=1
            deleted
            sent m2
            sent m3
            jobs: ready=0 delayed=0 in_flight=0
            received m2 r2 count=1
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn steps_go_over_any_queues_of_both_kinds() {
    check(
        "create jobs
         create orders.fifo
         create results
         send jobs a b
         send orders.fifo c group=g dedup=1
         receive jobs max=2
         receive orders.fifo
         transact delete orders.fifo r3; change jobs r1=5s; delete jobs r2; send orders.fifo d group=g dedup=2; send results e delay=5s priority=9
         advance 5s
         receive jobs max=10
         receive orders.fifo
         receive results",
        expect![[r#"
            created jobs
            created orders.fifo
            created results
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            deleted
            changed
            deleted
            sent m4
            sent m5
            received m1 r4 count=2
            received m4 r5 count=1
            received m5 r6 count=1
        "#]],
    );
}

#[test]
fn none_of_the_steps_is_done_if_one_cannot_be() {
    check(
        "create jobs
         create results
         send jobs a b
         receive jobs max=2
         delete jobs r2
         transact send results x; delete jobs r1; delete jobs r2
         show jobs
         show results
         transact send nowhere x; delete jobs r1
         transact delete jobs r1; send results x priority=10
         transact delete jobs r1; change jobs r2=1s
         transact delete results r1
         transact change jobs r1=13h; send results x
         show jobs
         show results",
        expect![[r#"
            created jobs
            created results
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            refused: steps[2]: the message does not exist any more
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            results: ready=0 delayed=0 in_flight=0
            refused: steps[0]: queue nowhere does not exist
            refused: steps[1]: priority is 10, it can be 0 to 9
            refused: steps[1]: the message does not exist any more
            refused: steps[0]: the receipt handle is not of queue results as it is now
            refused: steps[0]: visibility_timeout is 13h, it can be 0s to 12h
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
            results: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_stale_lease_fails_the_whole() {
    check(
        "create jobs visibility=30s
         create results
         send jobs a
         receive jobs
         advance 30s
         transact delete jobs r1; send results x     # nobody else has it: it is done
         send jobs b
         receive jobs
         advance 30s
         receive jobs
         transact delete jobs r2; send results x
         transact change jobs r2=5s
         show results",
        expect![[r#"
            created jobs
            created results
            sent m1
            received m1 r1 count=1
            deleted
            sent m2
            sent m3
            received m3 r2 count=1
            received m3 r3 count=2
            refused: steps[0]: the lease is over and another receive has the message
            refused: steps[0]: the lease is over and another receive has the message
            results: ready=1 delayed=0 in_flight=0 oldest=30s
        "#]],
    );
}

#[test]
fn a_lease_that_ran_out_is_not_changed() {
    check(
        "create jobs visibility=30s
         send jobs a
         receive jobs
         advance 30s
         transact change jobs r1=5s",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            refused: steps[0]: the message is not in flight: its lease has run out
        "#]],
    );
}

#[test]
fn two_steps_about_one_message_are_refused() {
    check(
        "create jobs
         send jobs a
         receive jobs
         transact delete jobs r1; delete jobs r1
         transact change jobs r1=5s; delete jobs r1
         transact delete jobs r1; change jobs r1=5s
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            refused: steps[1]: it is about the same message as steps[0]; one transact takes a message once
            refused: steps[1]: it is about the same message as steps[0]; one transact takes a message once
            refused: steps[1]: it is about the same message as steps[0]; one transact takes a message once
            jobs: ready=0 delayed=0 in_flight=1 oldest=0s
        "#]],
    );
}

#[test]
fn duplicates_are_answered_with_the_original() {
    check(
        "create jobs.fifo
         create done
         send jobs.fifo a group=g dedup=1
         transact send jobs.fifo a group=g dedup=1; send done x dedup=9
         transact send jobs.fifo a group=g dedup=1; send done x dedup=9
         transact send done y dedup=10; send done y dedup=10; send done z dedup=9; send done y
         show done",
        expect![[r#"
            created jobs.fifo
            created done
            sent m1
            duplicate of m1
            sent m2
            duplicate of m1
            duplicate of m2
            sent m3
            duplicate of m3
            duplicate of m2
            sent m4
            done: ready=3 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn only_duplicates_change_nothing() {
    check(
        "create jobs
         send jobs a dedup=1
         transact send jobs a dedup=1; send jobs a dedup=1
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            duplicate of m1
            duplicate of m1
            jobs: ready=1 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_transact_frees_and_fills_a_group() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo
         poll p jobs.fifo max=10 wait=20s
         transact delete jobs.fifo r1; send jobs.fifo c group=g dedup=3",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            deleted
            sent m3
            p: received m2 r2 count=1
            p: received m3 r3 count=1
        "#]],
    );
}

#[test]
fn a_wrong_handle_or_id_is_refused() {
    check(
        "create jobs
         transact delete jobs garbage
         transact send jobs a dedup=d*129",
        expect![[r#"
            created jobs
            refused: steps[0]: the receipt handle "garbage" is not one of this broker's
            refused: steps[0]: deduplication_id is "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd": it has 1 to 128 characters, this one has 129
        "#]],
    );
}

#[test]
fn a_visibility_of_zero_returns_the_message_at_once() {
    check(
        "create jobs.fifo
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         receive jobs.fifo max=2
         transact change jobs.fifo r1=0s; change jobs.fifo r2=0s
         receive jobs.fifo max=2",
        expect![[r#"
            created jobs.fifo
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            changed
            received m1 r3 count=2
            received m2 r4 count=2
        "#]],
    );
}

#[test]
fn a_transact_survives_a_restart_whole() {
    check(
        "create jobs
         create results
         send jobs a
         receive jobs
         transact delete jobs r1; send results done; send results more
         restart
         show jobs
         receive results max=10",
        expect![[r#"
            created jobs
            created results
            sent m1
            received m1 r1 count=1
            deleted
            sent m2
            sent m3
            jobs: ready=0 delayed=0 in_flight=0
            received m2 r2 count=1
            received m3 r3 count=1
        "#]],
    );
}
