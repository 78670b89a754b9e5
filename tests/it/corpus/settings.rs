//! Settings that are stored, and those of FIFO queues.

use expect_test::expect;

use crate::script::{Setup, check, check_with};

#[test]
fn tags_and_stored_settings_are_returned() {
    check(
        "create jobs tags=team:blue,cost:7 stored=Policy:p,KmsMasterKeyId:k
         settings jobs
         update jobs tags=team:red
         update jobs stored=Policy:q
         settings jobs
         update jobs stored=Policy:
         update jobs tags=none
         settings jobs",
        expect![[r#"
            created jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s tags=cost:7,team:blue stored=KmsMasterKeyId:k,Policy:p
            updated jobs
            updated jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s tags=team:red stored=KmsMasterKeyId:k,Policy:q
            updated jobs
            updated jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s stored=KmsMasterKeyId:k
        "#]],
    );
}

#[test]
fn tags_do_not_make_a_queue_another() {
    check(
        "create jobs tags=a:b
         create jobs
         create jobs tags=c:d
         settings jobs
         create jobs stored=Policy:p",
        expect![[r#"
            created jobs
            created jobs
            created jobs
            jobs: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s tags=a:b
            refused: queue jobs already exists with another stored setting
        "#]],
    );
}

#[test]
fn a_queue_has_50_tags_at_most() {
    check(
        "create jobs tags=50x
         create more tags=51x
         create most tags=100x
         create long tags=k*128:v*256
         create longer tags=k*129:v
         create longest tags=k:v*257
         create empty tags=:v
         create none tags=k:
         settings none",
        expect![[r#"
            created jobs
            refused: tags is 51, it can be 0 to 50
            refused: tags is 100, it can be 0 to 50
            created long
            refused: tags.key is 129, it can be 1 to 128
            refused: tags.value is 257, it can be 0 to 256
            refused: tags.key is 0, it can be 1 to 128
            created none
            none: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s tags=k:
        "#]],
    );
}

#[test]
fn creation_is_idempotent_in_every_setting() {
    check(
        "create dead
         create jobs dlq=dead:3 allow=a backoff=1s
         create jobs dlq=dead:3 allow=a backoff=1s
         create jobs
         create jobs dlq=dead:4
         create jobs allow=all
         create jobs backoff=2s
         create jobs.fifo content-dedup=true scope=group throughput=group
         create jobs.fifo content-dedup=true scope=group throughput=group
         create jobs.fifo content-dedup=false
         create jobs.fifo scope=queue throughput=queue
         create jobs.fifo throughput=queue",
        expect![[r#"
            created dead
            created jobs
            created jobs
            created jobs
            refused: queue jobs already exists with another redrive_policy
            refused: queue jobs already exists with another redrive_allow_policy
            refused: queue jobs already exists with another retry_backoff
            created jobs.fifo
            created jobs.fifo
            refused: queue jobs.fifo already exists with another content_deduplication
            refused: queue jobs.fifo already exists with another deduplication_scope
            refused: queue jobs.fifo already exists with another throughput_limit
        "#]],
    );
}

#[test]
fn to_be_without_a_setting_is_to_have_another() {
    check(
        "create dead
         create jobs dlq=dead:3 backoff=1s
         create jobs dlq=none
         create jobs backoff=none",
        expect![[r#"
            created dead
            created jobs
            refused: queue jobs already exists with another redrive_policy
            refused: queue jobs already exists with another retry_backoff
        "#]],
    );
}

#[test]
fn settings_of_fifo_queues_are_refused_on_standard_ones() {
    check(
        "create jobs content-dedup=true
         create jobs scope=group
         create jobs throughput=group
         create jobs scope=group throughput=group
         create jobs content-dedup=false scope=queue throughput=queue",
        expect![[r#"
            refused: content_deduplication is "true": only FIFO queues have it; their names end in .fifo
            refused: deduplication_scope is "message_group": only FIFO queues have it; their names end in .fifo
            refused: throughput_limit is "per_message_group": it needs deduplication_scope message_group
            refused: deduplication_scope is "message_group": only FIFO queues have it; their names end in .fifo
            created jobs
        "#]],
    );
}

#[test]
fn throughput_per_group_needs_the_scope_of_the_group() {
    check(
        "create jobs.fifo throughput=group
         create jobs.fifo scope=group throughput=group
         update jobs.fifo scope=queue
         update jobs.fifo scope=queue throughput=queue
         settings jobs.fifo",
        expect![[r#"
            refused: throughput_limit is "per_message_group": it needs deduplication_scope message_group
            created jobs.fifo
            refused: throughput_limit is "per_message_group": it needs deduplication_scope message_group
            updated jobs.fifo
            jobs.fifo: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s
        "#]],
    );
}

#[test]
fn settings_last_through_a_restart() {
    check(
        "create dead.fifo
         create jobs.fifo dlq=dead.fifo:5 allow=none content-dedup=true scope=group throughput=group backoff=1s..1m tags=a:b stored=c:d
         restart
         settings jobs.fifo",
        expect![[r#"
            created dead.fifo
            created jobs.fifo
            jobs.fifo: delay=0s max_bytes=1048576 retention=4d wait=0s visibility=30s dlq=dead.fifo:5 allow=none content-dedup scope=group throughput=group backoff=1s..1m tags=a:b stored=c:d
        "#]],
    );
}

#[test]
fn stored_settings_have_their_limits() {
    let setup = Setup { segment_bytes: 16 << 20, ..Setup::default() };
    check_with(
        setup,
        "create jobs stored=16x
         create more stored=17x
         create long stored=n*80:v*16384
         create longer stored=n*81:v
         create longest stored=n:v*16385
         create endless stored=n:v*1000000
         create empty stored=:v
         update long stored=other:v*16384
         restart
         show long",
        expect![[r#"
            created jobs
            refused: stored is 17, it can be 0 to 16
            created long
            refused: stored.name is 81, it can be 1 to 80
            refused: stored.value is 16385 bytes, it can be 0 bytes to 16384 bytes
            refused: stored.value is 1000000 bytes, it can be 0 bytes to 16384 bytes
            refused: stored.name is 0, it can be 1 to 80
            updated long
            long: ready=0 delayed=0 in_flight=0
        "#]],
    );
}
