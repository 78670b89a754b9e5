//! Fair queues: a tenant, which is a group id on a standard queue, is noisy above a tenth of the
//! messages in flight with 30 of its own.

use expect_test::expect;

use crate::script::check;

#[test]
fn tenants_take_turns() {
    check(
        "create jobs
         send jobs a1 a2 a3 group=a
         send jobs b1 b2 group=b
         send jobs none
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            sent m6
            received m1 r1 count=1
            received m4 r2 count=1
            received m6 r3 count=1
            received m2 r4 count=1
            received m5 r5 count=1
            received m3 r6 count=1
        "#]],
    );
}

#[test]
fn no_group_is_a_tenant_of_its_own() {
    check(
        "create jobs
         send jobs n1 n2 n3
         send jobs a1 a2 group=a
         receive jobs max=3",
        expect![[r#"
            created jobs
            sent m1
            sent m2
            sent m3
            sent m4
            sent m5
            received m1 r1 count=1
            received m4 r2 count=1
            received m2 r3 count=1
        "#]],
    );
}

#[test]
fn a_quiet_tenant_goes_before_a_noisy_one() {
    check(
        "create jobs
         send jobs a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 a31 a32 group=noisy
         receive jobs max=30
         send jobs q1 q2 q3 group=quiet
         receive jobs max=4          # three of the quiet one, and then the noisy one",
        expect![[r#"
            created jobs
            sent m1 to m32
            received m1 to m30 r1 to r30 count=1
            sent m33
            sent m34
            sent m35
            received m33 r31 count=1
            received m34 r32 count=1
            received m35 r33 count=1
            received m31 r34 count=1
        "#]],
    );
}

#[test]
fn with_29_in_flight_a_tenant_is_quiet() {
    check(
        "create jobs
         send jobs a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 a31 a32 group=a
         receive jobs max=29
         send jobs q1 q2 q3 group=b
         receive jobs max=2          # they take turns; with this it has its 30
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1 to m32
            received m1 to m29 r1 to r29 count=1
            sent m33
            sent m34
            sent m35
            received m30 r30 count=1
            received m33 r31 count=1
            received m34 r32 count=1
            received m35 r33 count=1
        "#]],
    );
}

#[test]
fn a_noisy_tenant_is_never_locked() {
    check(
        "create jobs
         send jobs a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 a31 a32 a33 a34 a35 a36 a37 a38 a39 a40 group=a
         receive jobs max=35
         receive jobs max=10",
        expect![[r#"
            created jobs
            sent m1 to m40
            received m1 to m40 r1 to r40 count=1
        "#]],
    );
}

#[test]
fn a_tenant_is_quiet_again_when_its_messages_are_done() {
    check(
        "create jobs
         send jobs a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 a31 a32 group=a
         receive jobs max=30
         delete jobs r1
         send jobs b1 b2 group=b
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1 to m32
            received m1 to m30 r1 to r30 count=1
            deleted
            sent m33
            sent m34
            received m31 r31 count=1
            received m33 r32 count=1
        "#]],
    );
}

#[test]
fn priority_goes_before_fairness() {
    check(
        "create jobs
         send jobs a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24 a25 a26 a27 a28 a29 a30 a31 group=a priority=9
         receive jobs max=30
         send jobs b1 group=b
         receive jobs max=2",
        expect![[r#"
            created jobs
            sent m1 to m31
            received m1 to m30 r1 to r30 count=1
            sent m32
            received m31 r31 count=1
            received m32 r32 count=1
        "#]],
    );
}
