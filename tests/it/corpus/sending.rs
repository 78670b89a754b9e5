//! Sizes, attributes, delays, batches.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn a_message_comes_back_as_it_was_sent() {
    check(
        "create jobs
         send jobs hello
         receive jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
            nothing
        "#]],
    );
}

#[test]
fn messages_come_in_the_order_of_their_sends() {
    check(
        "create jobs
         send jobs one
         send jobs two three
         receive jobs
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
        "#]],
    );
}

#[test]
fn a_message_of_the_maximum_size_is_taken_and_one_byte_more_is_not() {
    check(
        "create jobs max_bytes=1024
         send jobs x*1024
         send jobs x*1025
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn attributes_count_for_the_size_with_name_type_and_value() {
    check(
        "create jobs max_bytes=1024
         send jobs x*1012 attr=abc:String:def  # 3 + 6 + 3
         send jobs x*1013 attr=abc:String:def
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_message_of_one_mebibyte_is_taken_and_more_is_not() {
    check_with(
        Setup { segment_bytes: 8 << 20, ..Setup::default() },
        "create jobs
         send jobs x*1048576
         send jobs x*1048570 attr=a:String:b
         receive jobs
         restart
         advance 31s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            refused: a message has 1048578 bytes, queue jobs takes at most 1048576
            received m1 r1 count=1
            received m1 r2 count=2
        "#]],
    );
}

#[test]
fn a_receive_stays_below_four_mebibytes_with_all_that_goes_with_messages() {
    check_with(
        Setup { segment_bytes: 16 << 20, ..Setup::default() },
        "create jobs
         send jobs a*1048576
         send jobs b*1048576
         send jobs c*1048576
         send jobs d*1048576
         send jobs e*1048576
         receive jobs max=10
         show jobs
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
            jobs: ready=2 delayed=0 in_flight=3 oldest=0s
            received m4 r4 count=1
            received m5 r5 count=1
        "#]],
    );
}

#[test]
fn the_size_is_that_of_the_queue_when_the_message_is_sent() {
    check(
        "create jobs max_bytes=2048
         send jobs x*2000
         update jobs max_bytes=1024
         send jobs x*2000
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            updated jobs
            refused: a message has 2000 bytes, queue jobs takes at most 1024
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn attributes_of_every_type_come_back() {
    check(
        "create jobs
         send jobs hello attr=a:String:text attr=b:Number.int:42 attr=c:Binary:bytes attr=d:String.x:y
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn a_delayed_message_can_be_received_when_its_delay_has_passed() {
    check(
        "create jobs
         send jobs late delay=10s
         receive jobs
         show jobs
         advance 9999ms
         receive jobs
         advance 1ms
         show jobs
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            nothing
            jobs: ready=0 delayed=1 in_flight=0 oldest=0s
            nothing
            jobs: ready=1 delayed=0 in_flight=0 oldest=10s
            received m1 r1 count=1
        "#]],
    );
}

#[test]
fn the_delay_of_a_queue_is_for_messages_that_name_none() {
    check(
        "create jobs delay=5s
         send jobs own delay=10s
         send jobs none delay=0s
         send jobs default
         receive jobs max=10
         advance 5s
         receive jobs max=10
         advance 5s
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m2 r1 count=1
            received m3 r2 count=1
            received m1 r3 count=1
        "#]],
    );
}

#[test]
fn a_delay_can_be_as_long_as_the_retention_and_no_longer() {
    check(
        "create jobs retention=60s
         send jobs a delay=60s
         send jobs b delay=60001ms
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            refused: delay is 60001ms, it can be 0s to 1m
            jobs: ready=0 delayed=1 in_flight=0 oldest=0s
        "#]],
    );
}

#[test]
fn a_new_delay_of_a_standard_queue_is_not_for_messages_that_are_there() {
    check(
        "create jobs delay=10s
         send jobs one
         update jobs delay=0s
         receive jobs
         send jobs two
         receive jobs
         update jobs delay=20s
         advance 10s
         receive jobs",
        expect![[r#"
            created jobs
            sent m1
            updated jobs
            nothing
            sent m2
            received m2 r1 count=1
            updated jobs
            received m1 r2 count=1
        "#]],
    );
}

#[test]
fn messages_with_short_delays_overtake_those_with_long_ones() {
    check(
        "create jobs
         send jobs slow delay=20s
         send jobs quick delay=10s
         send jobs now
         advance 10s
         receive jobs max=10
         advance 10s
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            received m3 r1 count=1
            received m2 r2 count=1
            received m1 r3 count=1
        "#]],
    );
}

#[test]
fn one_bad_entry_of_a_batch_fails_alone() {
    check(
        "create jobs max_bytes=1024
         send jobs one x*1025 two
         show jobs
         receive jobs max=10
         delete jobs r1 garbage r2
         show jobs",
        expect![[r#"
            created jobs
            sent m1
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            sent m2
            jobs: ready=2 delayed=0 in_flight=0 oldest=0s
            received m1 r1 count=1
            received m2 r2 count=1
            deleted
            refused: the receipt handle "garbage" is not one of this broker's
            deleted
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn a_batch_whose_every_entry_is_bad_sends_nothing() {
    check(
        "create jobs max_bytes=1024 retention=60s
         send jobs x*1025 y*1025
         send jobs a b delay=61s
         show jobs",
        expect![[r#"
            created jobs
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            refused: a message has 1025 bytes, queue jobs takes at most 1024
            refused: delay is 61s, it can be 0s to 1m
            refused: delay is 61s, it can be 0s to 1m
            jobs: ready=0 delayed=0 in_flight=0
        "#]],
    );
}

#[test]
fn each_message_has_an_id_of_its_own_even_when_all_is_equal() {
    check(
        "create jobs
         send jobs same same same
         send jobs same
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            received m1 r1 count=1
            received m2 r2 count=1
            received m3 r3 count=1
            received m4 r4 count=1
        "#]],
    );
}
