//! Dead letters: a message whose next receive would be one too many is moved by that receive.

use expect_test::expect;

use crate::script::check;

#[test]
fn the_receive_that_would_exceed_moves_the_message_and_does_not_return_it() {
    check(
        "create dead
         create jobs dlq=dead:2 visibility=10s
         send jobs a
         receive jobs
         advance 10s
         receive jobs
         advance 10s
         show dead
         receive jobs
         show jobs
         show dead
         receive dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            dead: ready=0 delayed=0 in_flight=0
            nothing
            jobs: ready=0 delayed=0 in_flight=0
            dead: ready=1 delayed=0 in_flight=0 oldest=20s
            received m1 r3 count=3 from=jobs
        "#]],
    );
}

#[test]
fn a_receive_goes_on_to_the_messages_behind() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a b
         receive jobs max=2 visibility=0s
         send jobs c d
         receive jobs max=10
         receive dead max=10",
        expect![[r#"
            created dead
            created jobs
            sent m1
            sent m2
            received m1 r1 count=1
            received m2 r2 count=1
            sent m3
            sent m4
            received m3 r3 count=1
            received m4 r4 count=1
            received m1 r5 count=2 from=jobs
            received m2 r6 count=2 from=jobs
        "#]],
    );
}

#[test]
fn a_dead_letter_keeps_id_body_attributes_and_group() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs hello group=g attr=b:Binary:x attr=k:String:v
         receive jobs visibility=0s
         receive jobs
         browse dead
         receive dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            m1 ready count=1 from=jobs
            received m1 r2 count=2 from=jobs
        "#]],
    );
}

#[test]
fn retention_goes_on_counting_on_a_standard_queue() {
    check(
        "create dead retention=100s
         create jobs dlq=dead:1 retention=200s
         send jobs a
         advance 60s
         receive jobs visibility=0s
         receive jobs
         show dead
         advance 39999ms
         show dead
         advance 1ms
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=1m
            dead: ready=1 delayed=0 in_flight=0 oldest=99999ms
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_dead_letter_that_is_older_than_the_targets_retention_goes_at_once() {
    check(
        "create dead retention=60s
         create jobs dlq=dead:1 retention=200s
         send jobs a
         advance 100s
         receive jobs visibility=0s
         receive jobs
         show jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            jobs: ready=0 delayed=0 in_flight=0
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn retention_restarts_on_a_fifo_queue() {
    check(
        "create dead.fifo retention=100s
         create jobs.fifo dlq=dead.fifo:1 retention=200s
         send jobs.fifo a group=g dedup=1
         advance 60s
         receive jobs.fifo visibility=0s
         receive jobs.fifo
         show dead.fifo
         advance 99999ms
         show dead.fifo
         advance 1ms
         show dead.fifo",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            received m1 r1 count=1
            nothing
            dead.fifo: ready=1 delayed=0 in_flight=0 oldest=0s
            dead.fifo: ready=1 delayed=0 in_flight=0 oldest=99999ms
            dead.fifo: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn the_group_of_a_dead_letter_is_free_at_once() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo visibility=0s
         receive jobs.fifo max=2
         receive dead.fifo",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            received m1 r4 count=2 from=jobs.fifo
        "#]],
    );
}

#[test]
fn dead_letters_in_the_middle_of_a_group() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         send jobs.fifo b group=g dedup=2
         send jobs.fifo c group=g dedup=3
         receive jobs.fifo max=2
         change jobs.fifo r2=0s
         receive jobs.fifo max=10      # m1 blocks
         delete jobs.fifo r1
         receive jobs.fifo max=10
         browse dead.fifo",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            changed
            nothing
            deleted
            received m3 r3 count=1
            m2 ready count=1 from=jobs.fifo
        "#]],
    );
}

#[test]
fn dead_letters_of_a_fifo_queue_are_in_the_order_of_their_sends() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:1
         send jobs.fifo a group=g dedup=1
         send dead.fifo b group=g dedup=2
         send jobs.fifo c group=h dedup=3
         receive jobs.fifo max=2 visibility=0s
         receive jobs.fifo
         receive dead.fifo max=10",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m3 r2 count=1
            nothing
            received m1 r3 count=2 from=jobs.fifo
            received m2 r4 count=1
            received m3 r5 count=2 from=jobs.fifo
        "#]],
    );
}

#[test]
fn receive_counts_go_on_and_the_policy_of_the_next_queue_counts_its_own() {
    check(
        "create last
         create dead dlq=last:2
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         receive jobs
         receive dead visibility=0s
         receive dead visibility=0s
         receive dead
         receive last
         show dead",
        expect![[r#"
            created last
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            received m1 r2 count=2 from=jobs
            received m1 r3 count=3 from=jobs
            nothing
            received m1 r4 count=4 from=dead
            dead: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_deleted_target_lets_the_message_be_delivered() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         drop dead
         receive jobs visibility=0s
         create dead
         receive jobs
         receive dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            dropped dead
            received m1 r2 count=2
            created dead
            nothing
            received m1 r3 count=3 from=jobs
        "#]],
    );
}

#[test]
fn a_paused_target_lets_the_message_be_delivered() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         pause dead sends
         receive jobs visibility=0s
         resume dead
         receive jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            dead: ready=0 delayed=0 in_flight=0 sends paused
            received m1 r2 count=2
            dead: ready=0 delayed=0 in_flight=0
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_target_that_does_not_allow_it_lets_the_message_be_delivered() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         update dead allow=none
         receive jobs visibility=0s
         update dead allow=other
         receive jobs visibility=0s
         update dead allow=other,jobs
         receive jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            updated dead
            received m1 r2 count=2
            updated dead
            received m1 r3 count=3
            updated dead
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_target_whose_receives_are_paused_takes_it() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         pause dead receives
         receive jobs
         show dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            dead: ready=0 delayed=0 in_flight=0 receives paused
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=0s receives paused
        "#]],
    );
}

#[test]
fn a_policy_holds_from_when_it_is_set_and_until_it_is_removed() {
    check(
        "create dead
         create jobs
         send jobs a
         receive jobs visibility=0s
         receive jobs visibility=0s
         update jobs dlq=dead:2
         receive jobs
         show dead
         send jobs b
         receive jobs visibility=0s
         receive jobs visibility=0s
         update jobs dlq=none
         receive jobs
         settings jobs",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            received m1 r2 count=2
            updated jobs
            nothing
            dead: ready=1 delayed=0 in_flight=0 oldest=0s
            sent m2
            received m2 r3 count=1
            received m2 r4 count=2
            updated jobs
            received m2 r5 count=3
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
        "#]],
    );
}

#[test]
fn the_source_is_shown_and_forgotten_with_its_queue() {
    check(
        "create dead
         create jobs dlq=dead:1
         send jobs a
         receive jobs visibility=0s
         receive jobs
         browse dead
         drop jobs
         browse dead
         receive dead",
        expect![[r#"
            created dead
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
            m1 ready count=1 from=jobs
            dropped jobs
            m1 ready count=1
            received m1 r2 count=2
        "#]],
    );
}
