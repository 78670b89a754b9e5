//! What a kill and a restart keep: leases, delays, receive counts, handles, settings.

use ledgerq::{
    client::{Client, Message, Outgoing, ReceiveOptions},
    types::{Delay, DeleteOutcome, Millis, SettingsPatch},
};

use super::{block_on, client_with_jobs, jobs};
use crate::process::{directory, server::Serve};

/// One message, leased for so long, waited for as long as it may take.
async fn receive(client: &Client, lease: Millis) -> Message {
    let wait = Some(Millis::from_secs(20));
    let visibility_timeout = Some(lease);
    let options = ReceiveOptions { visibility_timeout, wait, ..ReceiveOptions::default() };
    let delivery = client.receive(&jobs(), options).await.expect("it serves");
    delivery.messages.into_iter().next().expect("a message comes within the wait")
}

async fn is_empty(client: &Client) -> bool {
    let delivery = client.receive(&jobs(), ReceiveOptions::default()).await.expect("it serves");
    delivery.messages.is_empty()
}

async fn connect(url: &str) -> Client {
    Client::connect(url).await.expect("it serves")
}

const HOUR: Millis = Millis::from_secs(3600);

#[test]
fn a_lease_lasts_over_a_kill_and_its_handle_deletes() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let held = block_on(async {
        let client = client_with_jobs(&server.url()).await;
        client.send(&jobs(), vec![Outgoing::new("one")]).await.expect("it serves");
        receive(&client, HOUR).await
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    block_on(async {
        let client = connect(&server.url()).await;
        assert!(is_empty(&client).await, "it is leased");
        let counts = client.get_queue(&jobs()).await.expect("it is there").counts;
        assert_eq!((counts.ready, counts.in_flight), (0, 1));
        let handle = held.receipt_handle.clone();
        let changed = client.change_visibility(&jobs(), vec![(handle, HOUR)]).await;
        assert!(changed.expect("it serves")[0].is_ok());
        let deleted = client.delete(&jobs(), vec![held.receipt_handle]).await;
        assert_eq!(deleted.expect("it serves"), [Ok(DeleteOutcome::Deleted)]);
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    let counts = block_on(async {
        connect(&server.url()).await.get_queue(&jobs()).await.expect("it is there").counts
    });
    assert_eq!(counts.ready + counts.in_flight, 0, "a deleted message stays deleted");
}

#[test]
fn a_lease_ends_at_its_time_although_the_broker_was_killed() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let lease = Millis::from_secs(2);
    let before = block_on(async {
        let client = client_with_jobs(&server.url()).await;
        client.send(&jobs(), vec![Outgoing::new("one")]).await.expect("it serves");
        receive(&client, lease).await
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    let after = block_on(async { receive(&connect(&server.url()).await, lease).await });
    let granted_ms = after.lease_expires_at.as_millis() - lease.get();
    assert!(granted_ms >= before.lease_expires_at.as_millis(), "not before the first one ended");
    assert_eq!((before.receive_count, after.receive_count), (1, 2));
    assert_eq!(before.message_id, after.message_id);
    assert_eq!(before.first_received_at, after.first_received_at);
    assert_eq!(before.sent_at, after.sent_at);
}

#[test]
fn a_delay_lasts_over_a_kill() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let delay = Millis::from_secs(2);
    block_on(async {
        let client = client_with_jobs(&server.url()).await;
        let late = Outgoing { delay: Some(Delay::For(delay)), ..Outgoing::new("late") };
        let later = Outgoing { delay: Some(Delay::For(HOUR)), ..Outgoing::new("much later") };
        client.send(&jobs(), vec![late, later]).await.expect("it serves");
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    block_on(async {
        let client = connect(&server.url()).await;
        let message = receive(&client, HOUR).await;
        assert_eq!(message.body, "late");
        let granted_ms = message.lease_expires_at.as_millis() - HOUR.get();
        assert!(granted_ms >= message.sent_at.after(delay).as_millis());
        let counts = client.get_queue(&jobs()).await.expect("it is there").counts;
        assert_eq!((counts.ready, counts.delayed, counts.in_flight), (0, 1, 1));
    });
}

#[test]
fn settings_and_deleted_queues_stay_as_they_were_answered() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let before = block_on(async {
        let client = client_with_jobs(&server.url()).await;
        let other = ledgerq::types::QueueName::parse("other").expect("it is a name");
        client.create_queue(&other, &SettingsPatch::default()).await.expect("it is new");
        client.delete_queue(&other).await.expect("it is there");
        let patch = SettingsPatch { visibility_timeout: Some(HOUR), ..SettingsPatch::default() };
        client.update_queue(&jobs(), &patch).await.expect("it is there")
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    let page = block_on(async {
        connect(&server.url()).await.list_queues("", None).await.expect("it serves")
    });
    assert_eq!(page.queues, [before]);
}

#[test]
fn a_log_of_more_segments_than_the_soft_limit_of_open_files_is_written_and_read() {
    let data = directory();
    let limited = || Serve::on(data.path()).open_files_max(48).serving();
    let server = limited();
    block_on(async {
        let client = client_with_jobs(&server.url()).await;
        for _ in 0..240 {
            let sent = client.send(&jobs(), vec![Outgoing::new("x".repeat(15_000))]).await;
            sent.expect("it serves")[0].as_ref().expect("it is accepted");
        }
    });
    server.kill();
    let segments = std::fs::read_dir(data.path().join("segments")).expect("it is there").count();
    assert!(segments > 48, "{segments}");
    let server = limited();
    let counts = block_on(async {
        connect(&server.url()).await.get_queue(&jobs()).await.expect("it is there").counts
    });
    assert_eq!(counts.ready, 240);
}
