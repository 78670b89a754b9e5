//! What a drill says of what it found, and how it ends.

use expect_test::expect;

use super::*;
use crate::{
    cli::{
        Exit,
        drill::{
            history::{History, Send, Span},
            verdict,
        },
        fake::Shared,
    },
    types::Millis,
};

fn cycle(number: u64, fault: Fault, ended: Option<i32>, recovery_ms: u64) -> Cycle {
    let tally = Tally { acknowledged: 10, ..Tally::default() };
    Cycle { number, fault, ended, recovery: Duration::from_millis(recovery_ms), tally }
}

fn report() -> Report {
    let left_out = vec![LeftOut { fault: Fault::Power, why: "mounting needs root".into() }];
    let setup = Setup { seed: 7, profile: "mixed", medium: "a directory", left_out };
    let mut report = Report::new(setup);
    report.cycles = vec![
        cycle(1, Fault::Kill, None, 40),
        cycle(2, Fault::Terminate, None, 45),
        cycle(3, Fault::Kill, Some(6), 130),
    ];
    report.starts = 5;
    report.tally = Tally {
        acknowledged: 1000,
        sends_unknown: 12,
        deleted: 998,
        deletes_unknown: 3,
        received: 1200,
        redelivered: 200,
    };
    report.took = Duration::from_millis(2500);
    report
}

fn broken(promise: Promise, number: u64) -> Broken {
    Broken { promise, number }
}

fn text(report: &Report) -> String {
    let sink = Shared::default();
    let mut out = Output::to(sink.clone(), false);
    report.text(&mut out).and_then(|()| out.flush()).expect("it takes all");
    sink.text()
}

#[test]
fn a_good_drill_says_what_was_done_and_what_was_not() {
    expect![[r#"
        3 cycles of profile mixed on a directory, seed 7, in 2s 500ms
        faults: kill 2, terminate 1; 5 starts
        left out: power, since mounting needs root
        MESSAGES
        acknowledged  1000  and 12 whose answer never came
        deleted       998   and 3 whose answer never came
        redelivered   200   of 1200 receives
        lost          0
        resurrected   0
        RECOVERY
        32 to 63 ms    2  ########################################
        128 to 255 ms  1  ####################
        every promise was kept
    "#]]
    .assert_eq(&text(&report()));
}

#[test]
fn broken_promises_are_listed() {
    let mut report = report();
    report.broken = vec![broken(Promise::Lost, 17), broken(Promise::Resurrected, 4)];
    report.kept = Some("/tmp/d".into());
    let text = text(&report);
    let end = text.split_once("lost").expect("it is told").1;
    expect![[r#"
                  1
        resurrected   1
        RECOVERY
        32 to 63 ms    2  ########################################
        128 to 255 ms  1  ####################
        BROKEN: message 17 was accepted, nobody deleted it, and it is not there
        BROKEN: message 4 was deleted and came back
        everything is left in /tmp/d
        PROMISES WERE BROKEN, or the drill did not come to its end
    "#]]
    .assert_eq(end);
}

#[test]
fn the_last_object_has_it_all() {
    let mut report = report();
    report.others = Some((5, 5));
    report.broken = vec![broken(Promise::Lost, 17), broken(Promise::Torn, 4)];
    let object = serde_json::to_string_pretty(&report.object()).expect("it is JSON");
    expect![[r#"
        {
          "acknowledged": 1000,
          "broken": {
            "lost": 1,
            "torn": 1
          },
          "cycles": 3,
          "deleted": 998,
          "deletes_unknown": 3,
          "ended": {
            "6": 1
          },
          "failed": null,
          "faults": {
            "kill": 2,
            "terminate": 1
          },
          "kept": null,
          "kind": "drill",
          "left_out": [
            {
              "fault": "power",
              "why": "mounting needs root"
            }
          ],
          "lost": 1,
          "medium": "a directory",
          "others_after": 5,
          "others_before": 5,
          "profile": "mixed",
          "received": 1200,
          "recovery_ms": {
            "max": 130,
            "min": 40,
            "p50": 45,
            "p90": 130,
            "p99": 130
          },
          "redelivered": 200,
          "refused_disk_full": 0,
          "resurrected": 0,
          "seed": 7,
          "sends_unknown": 12,
          "starts": 5,
          "took_ms": 2500
        }"#]]
    .assert_eq(&object);
}

#[test]
fn a_drill_ends_with_1_if_any_promise_was_broken() {
    assert!(verdict(&report()).is_ok());
    for promise in Promise::ALL {
        let mut report = report();
        report.broken = vec![broken(promise, 1)];
        assert_eq!(verdict(&report).expect_err("it was broken").exit, Exit::Refused);
        assert_eq!(report.object()["broken"][promise.name()], 1, "{promise:?}");
        assert!(text(&report).contains("BROKEN: "), "{promise:?}");
    }
    let mut report = report();
    report.failed = Some("the broker did not come up again".into());
    assert_eq!(verdict(&report).expect_err("it failed").exit, Exit::Refused);
}

/// From what clients saw to the exit code: a broker that loses something ends a drill with 1.
#[test]
fn a_lost_message_ends_a_drill_with_1() {
    let mut history = History::default();
    let asked = history.asks();
    let told = Some(history.ends(asked));
    history.sent(vec![Send {
        number: 1,
        queue: 0,
        group: None,
        span: Span { asked, told },
        delay: Millis::ZERO,
        sequence: Some(1),
    }]);
    let mut report = report();
    report.broken = history.finish();
    assert_eq!(report.object()["lost"], 1);
    assert_eq!(verdict(&report).expect_err("it was lost").exit, Exit::Refused);
}

#[test]
fn a_spread_is_that_of_the_ranks() {
    let spread = times(&(1..=200).collect::<Vec<_>>());
    let expected = json!({ "min": 1, "p50": 100, "p90": 180, "p99": 198, "max": 200 });
    assert_eq!(spread, expected);
    assert_eq!(times(&[])["max"], Value::Null);
}
