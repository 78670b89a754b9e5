//! Settings that are changed here and over the native API at the same moment: nobody's change is
//! undone by another's.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ledgerq::types::{QueueName, QueueSettings, SettingsPatch};
use serde_json::{Value, json};

use super::{client::BOTH, served::Served};

/// Changes of each side.
const ROUNDS: usize = 100;

/// Changes settings over the native API, as often as others change them here, which `edit` does
/// once; after each change `check` is told what there is.
fn change_both(
    edit: impl Fn(&Served, super::client::Protocol, &str, usize) + Sync,
    change: impl Fn(usize) -> SettingsPatch,
    check: impl Fn(usize, &QueueSettings),
) {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let name = QueueName::parse("jobs").expect("a name");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for protocol in BOTH {
            let (served, url, edit, is_over) = (&served, &url, &edit, &is_over);
            scope.spawn(move || {
                let mut rounds = 0..;
                while !is_over.load(Ordering::Relaxed) {
                    edit(served, protocol, url, rounds.next().unwrap_or_default());
                }
            });
        }
        let _end = End(&is_over);
        for round in 0..ROUNDS {
            let view = served.native(async |broker| {
                broker.update_queue(name.clone(), change(round)).await?;
                broker.get_queue(name.clone()).await
            });
            check(round, &view.expect("nothing of it is refused").settings);
        }
    });
}

/// Ends the others with this side, also if a check fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn tags_that_are_put_here_undo_none_of_the_native_api() {
    change_both(
        |served, protocol, url, round| {
            let key = format!("{protocol:?}{}", round % 3);
            served.done(protocol, "TagQueue", json!({"QueueUrl": url, "Tags": {&key: "x"}}));
            served.done(protocol, "UntagQueue", json!({"QueueUrl": url, "TagKeys": [key]}));
        },
        |round| {
            let tags = BTreeMap::from([("round".to_owned(), round.to_string())]);
            SettingsPatch { tags: Some(tags), ..SettingsPatch::default() }
        },
        |round, settings| assert_eq!(settings.tags.get("round"), Some(&round.to_string())),
    );
}

#[test]
fn permissions_that_are_added_here_undo_no_policy_of_the_native_api() {
    change_both(
        |served, protocol, url, _| {
            let label = format!("{protocol:?}");
            let add = json!({
                "QueueUrl": url, "Label": label, "AWSAccountIds": ["1"], "Actions": ["*"],
            });
            // It is there already if no other policy took its place.
            let _ = served.ask(protocol, "AddPermission", add);
            let remove = json!({"QueueUrl": url, "Label": label});
            let _ = served.ask(protocol, "RemovePermission", remove);
        },
        |round| {
            let policy = json!({"Version": round.to_string(), "Statement": [{"Sid": "native"}]});
            let stored = BTreeMap::from([("Policy".to_owned(), policy.to_string())]);
            SettingsPatch { stored, ..SettingsPatch::default() }
        },
        |round, settings| {
            let policy: Value = serde_json::from_str(&settings.stored["Policy"]).expect("JSON");
            assert_eq!(policy["Version"], round.to_string());
            assert_eq!(policy["Statement"][0]["Sid"], "native");
        },
    );
}
