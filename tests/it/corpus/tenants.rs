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
