//! What holds of every command that a client's request becomes, whatever the request was.

use ledgerq::types::{
    Command, Millis, MoveFilter, QueueName, QueueSettings, SendEntry, SettingsPatch, Step, limits,
};

/// What an encoded head has beside the texts in it, in bytes, for each of the few that there are.
const HEAD_BYTES_MAX: u64 = 4096;

/// Panics if a command is beyond a limit that needs no state to be checked.
pub(super) fn check(command: &Command) {
    let payload_max = limits::REQUEST_BYTES_MAX + limits::ENTRIES_MAX as u64 * HEAD_BYTES_MAX;
    assert!(command.payload_bytes() <= payload_max);
    match command {
        Command::CreateQueue { queue, settings } | Command::UpdateQueue { queue, settings } => {
            name(queue);
            patch(queue, settings);
        }
        Command::GetQueue { queue }
        | Command::EditQueue { queue, .. }
        | Command::DeleteQueue { queue }
        | Command::PurgeQueue { queue } => name(queue),
        Command::PauseQueue { queue, sends, receives } => {
            name(queue);
            assert!(sends.is_some() || receives.is_some(), "something is to be paused or resumed");
        }
        Command::ListQueues { prefix, after, count_max } => {
            assert!(prefix.chars().count() <= limits::QUEUE_NAME_CHARS_MAX);
            after.iter().for_each(name);
            count(*count_max, limits::PAGE_MAX);
        }
        Command::ListDeadLetterSources { queue, after, count_max } => {
            name(queue);
            after.iter().for_each(name);
            count(*count_max, limits::PAGE_MAX);
        }
        Command::StartMove { spec, dry_run: _ } => {
            name(&spec.source);
            spec.target.iter().for_each(name);
            let rate = spec.rate_max.unwrap_or(1);
            assert!((1..=limits::MOVE_RATE_MAX).contains(&rate), "{rate} a second");
            filter(&spec.filter);
        }
        Command::ListMoves { source, count_max } => {
            source.iter().for_each(name);
            count(*count_max, limits::PAGE_MAX);
        }
        Command::BeginBackup { hold } => {
            assert!((limits::BACKUP_HOLD_MIN..=limits::BACKUP_HOLD_MAX).contains(hold), "{hold}");
        }
        Command::CancelMove { .. }
        | Command::GetStatus
        | Command::Checkpoint
        | Command::Compact
        | Command::Scrub
        | Command::EndBackup { .. } => {}
        Command::Send { .. }
        | Command::Receive { .. }
        | Command::Delete { .. }
        | Command::ChangeVisibility { .. }
        | Command::Cancel { .. }
        | Command::Transact { .. }
        | Command::Browse(_) => of_messages(command),
        Command::Return { .. } | Command::Move { .. } => panic!("no client asks for {command:?}"),
    }
}

fn of_messages(command: &Command) {
    match command {
        Command::Send { queue, entries } => {
            name(queue);
            count(entries.len(), limits::ENTRIES_MAX);
            entries.iter().for_each(entry);
        }
        Command::Receive { queue, options, wait } => {
            name(queue);
            count(options.count_max, limits::RECEIVE_MAX);
            options
                .visibility_timeout
                .iter()
                .for_each(|millis| at_most(*millis, limits::VISIBILITY_MAX));
            if let Some(millis) = wait {
                at_most(*millis, limits::WAIT_MAX);
            }
        }
        Command::Delete { queue, leases, mode: _ } => {
            name(queue);
            count(leases.len(), limits::ENTRIES_MAX);
        }
        Command::ChangeVisibility { queue, entries } => {
            name(queue);
            count(entries.len(), limits::ENTRIES_MAX);
            for (_, millis) in entries {
                at_most(*millis, limits::VISIBILITY_MAX);
            }
        }
        Command::Cancel { queue, seqs } => {
            name(queue);
            count(seqs.len(), limits::ENTRIES_MAX);
        }
        Command::Transact { steps } => {
            count(steps.len(), limits::TRANSACT_STEPS_MAX);
            steps.iter().for_each(step);
        }
        Command::Browse(browse) => {
            name(&browse.queue);
            count(browse.count_max, limits::PAGE_MAX);
        }
        other => unreachable!("{other:?} is not about messages"),
    }
}

fn step(step: &Step) {
    match step {
        Step::Send { queue, entry: sent } => {
            name(queue);
            entry(sent);
        }
        Step::Delete { queue, lease: _ } => name(queue),
        Step::ChangeVisibility { queue, lease: _, timeout } => {
            name(queue);
            at_most(*timeout, limits::VISIBILITY_MAX);
        }
    }
}

fn entry(entry: &SendEntry) {
    let payload = &entry.payload;
    let body_bytes = payload.body.len() as u64;
    assert!((1..=limits::MESSAGE_BYTES_MAX_MAX).contains(&body_bytes), "{body_bytes} bytes");
    assert!(payload.size >= body_bytes, "a body counts");
    let mut crc = crc32fast::Hasher::new();
    crc.update(&payload.head);
    crc.update(&payload.body);
    assert_eq!(crc.finalize(), payload.crc, "the checksum is of what is stored");
    let stored = [&payload.head[..], &payload.body].concat().into();
    let (envelope, body) = ledgerq::codec::decode_payload(&stored).expect("it was encoded");
    assert_eq!(body, payload.body);
    assert_eq!(envelope.group, entry.group);
    assert!(envelope.attributes.len() <= limits::ATTRIBUTES_MAX);
    assert!(entry.priority.is_none_or(|priority| priority <= limits::PRIORITY_MAX));
}

/// What a queue would be with the settings is within its limits, or refused in words; the broker
/// asks the same before it decides.
fn patch(queue: &QueueName, patch: &SettingsPatch) {
    if let Err(rejection) = QueueSettings::default().patched(patch).check(queue) {
        let text = rejection.to_string();
        assert!(!text.is_empty() && text.len() <= super::TEXT_BYTES_MAX, "{text}");
    }
}

fn filter(filter: &MoveFilter) {
    if let Some(attribute) = &filter.attribute {
        let chars = attribute.name.chars().count();
        assert!((1..=limits::ATTRIBUTE_NAME_CHARS_MAX).contains(&chars), "{chars} characters");
    }
}

fn name(queue: &QueueName) {
    assert_eq!(QueueName::parse(queue.as_str()).as_ref(), Ok(queue));
}

fn count(count: usize, max: usize) {
    assert!((1..=max).contains(&count), "{count}, at most {max}");
}

fn at_most(millis: Millis, max: Millis) {
    assert!(millis <= max, "{millis}, at most {max}");
}
