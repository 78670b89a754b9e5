//! What the AWS SDK for Rust sees. Run by run.sh; `LEDGERQ_SQS` is the endpoint's URL.

use std::time::{Duration, Instant};

use aws_sdk_sqs::{
    Client, Config,
    config::{Credentials, Region, retry::RetryConfig},
    primitives::Blob,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
        QueueAttributeName as Name, SendMessageBatchRequestEntry,
    },
};

/// The digest of the three attributes that AWS's documentation has an example of.
const MD5_OF_ATTRIBUTES: &str = "c932db14a896c663f83c260297d594ff";

fn endpoint() -> String {
    std::env::var("LEDGERQ_SQS").expect("LEDGERQ_SQS is the endpoint's URL")
}

fn client() -> Client {
    let config = Config::builder()
        .endpoint_url(endpoint())
        .region(Region::new("ap-south-1"))
        .credentials_provider(Credentials::new("any", "thing", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// A name that no other run has.
fn named(name: &str) -> String {
    format!("rust-{}-{name}", std::process::id())
}

async fn queue(sqs: &Client, name: &str) -> String {
    let made = sqs.create_queue().queue_name(named(name)).send().await.expect("a new queue");
    made.queue_url.expect("it has a URL")
}

async fn attribute(sqs: &Client, url: &str, name: Name) -> Option<String> {
    let get = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    let told = get.send().await.expect("the queue is there");
    told.attributes?.remove(&name)
}

async fn receive(sqs: &Client, url: &str) -> Vec<Message> {
    let receive = sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.wait_time_seconds(0).message_attribute_names("All");
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive.send().await.expect("the queue is there").messages.unwrap_or_default()
}

fn value(data_type: &str) -> aws_sdk_sqs::types::builders::MessageAttributeValueBuilder {
    MessageAttributeValue::builder().data_type(data_type)
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let sqs = client();
    let url = queue(&sqs, "jobs").await;
    let text = value("String").string_value("attribValue 1").build().expect("a value");
    let number = value("Number.float").string_value("4563442423554324324264524243.32543234");
    let bytes = value("Binary").binary_value(Blob::new("Hello binary world!"));
    let sent = sqs
        .send_message()
        .queue_url(&url)
        .message_body("h\u{e9}llo <&> \u{4e16} \u{1f980}\r\n")
        .message_attributes("attribName1", text)
        .message_attributes("customNumberTypeAttrib", number.build().expect("a value"))
        .message_attributes("binaryAttribute", bytes.build().expect("a value"))
        .send()
        .await
        .expect("it is sent");
    assert_eq!(sent.md5_of_message_attributes(), Some(MD5_OF_ATTRIBUTES));
    let [message] = &receive(&sqs, &url).await[..] else { panic!("one message") };
    assert_eq!(message.body(), Some("h\u{e9}llo <&> \u{4e16} \u{1f980}\r\n"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), Some(MD5_OF_ATTRIBUTES));
    let attributes = message.message_attributes().expect("attributes");
    let bytes = attributes["binaryAttribute"].binary_value().expect("bytes");
    assert_eq!(bytes.as_ref(), b"Hello binary world!");
    let system = message.attributes().expect("system attributes");
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");

    let handle = message.receipt_handle().expect("a handle");
    let change = sqs.change_message_visibility().queue_url(&url).receipt_handle(handle);
    change.visibility_timeout(0).send().await.expect("it is returned");
    let [again] = &receive(&sqs, &url).await[..] else { panic!("it is there again") };
    let handle = again.receipt_handle().expect("a handle");
    for _ in 0..2 {
        let delete = sqs.delete_message().queue_url(&url).receipt_handle(handle);
        delete.send().await.expect("a delete is one again");
    }
    let empty = sqs.receive_message().queue_url(&url).send().await.expect("it is answered");
    assert_eq!(empty.messages, None);
}

#[tokio::test]
async fn a_batch_is_done_and_a_bad_entry_fails_alone() {
    let sqs = client();
    let url = queue(&sqs, "batch").await;
    let entry = |id: &str, delay| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body("m");
        entry.delay_seconds(delay).build().expect("an entry")
    };
    let send = sqs.send_message_batch().queue_url(&url);
    let told = send.entries(entry("a", 0)).entries(entry("late", 901)).send().await;
    let told = told.expect("the batch is taken");
    assert_eq!(told.successful().iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a"]);
    let [failed] = told.failed() else { panic!("one failed") };
    let refused = (failed.id(), failed.code(), failed.sender_fault());
    assert_eq!(refused, ("late", "InvalidParameterValue", true));

    let messages = receive(&sqs, &url).await;
    let handle = messages[0].receipt_handle().expect("a handle");
    let entry = |id: &str, handle: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.build().expect("an entry")
    };
    let delete = sqs.delete_message_batch().queue_url(&url);
    let told = delete.entries(entry("a", handle)).entries(entry("b", "garbage")).send().await;
    let told = told.expect("the batch is taken");
    assert_eq!((told.successful().len(), told.failed().len()), (1, 1));
    assert_eq!(told.failed()[0].code(), "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn errors_are_the_sdks_own() {
    let sqs = client();
    let url = format!("{}/000000000000/{}", endpoint(), named("none"));
    let refused = sqs.receive_message().queue_url(&url).send().await.expect_err("there is none");
    let status = refused.raw_response().map(|response| response.status().as_u16());
    assert_eq!(status, Some(400));
    let error = refused.into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    assert_eq!(error.meta().message(), Some("The specified queue does not exist."));

    let url = queue(&sqs, "purged").await;
    sqs.purge_queue().queue_url(&url).send().await.expect("it is emptied");
    let again = sqs.purge_queue().queue_url(&url).send().await.expect_err("not again");
    assert!(again.into_service_error().is_purge_queue_in_progress());
}

#[tokio::test]
async fn queues_are_listed_set_tagged_and_deleted() {
    let sqs = client();
    let urls = [queue(&sqs, "listed-a").await, queue(&sqs, "listed-b").await];
    let list = sqs.list_queues().queue_name_prefix(named("listed")).max_results(1);
    let mut pages = list.into_paginator().items().send();
    for url in &urls {
        let listed = pages.next().await.expect("one more").expect("it is listed");
        assert_eq!(&listed, url);
    }
    assert!(pages.next().await.is_none());

    let url = &urls[0];
    let set = sqs.set_queue_attributes().queue_url(url).attributes(Name::DelaySeconds, "3");
    set.send().await.expect("it is set");
    assert_eq!(attribute(&sqs, url, Name::DelaySeconds).await.as_deref(), Some("3"));
    sqs.tag_queue().queue_url(url).tags("team", "a").send().await.expect("it is tagged");
    let tags = sqs.list_queue_tags().queue_url(url).send().await.expect("tags").tags;
    assert_eq!(tags.expect("a tag")["team"], "a");
    sqs.untag_queue().queue_url(url).tag_keys("team").send().await.expect("it is untagged");
    let permission = sqs.add_permission().queue_url(url).label("x");
    let permission = permission.aws_account_ids("111111111111").actions("SendMessage");
    permission.send().await.expect("it is stored");
    assert!(attribute(&sqs, url, Name::Policy).await.is_some());
    let remove = sqs.remove_permission().queue_url(url).label("x");
    remove.send().await.expect("it is taken away");
    assert_eq!(attribute(&sqs, url, Name::Policy).await, None);

    for (url, name) in urls.iter().zip(["listed-a", "listed-b"]) {
        let found = sqs.get_queue_url().queue_name(named(name)).send().await.expect("it is there");
        assert_eq!(found.queue_url.as_ref(), Some(url));
        sqs.delete_queue().queue_url(url).send().await.expect("it is deleted");
    }
}

#[tokio::test]
async fn a_long_poll_is_answered_when_a_message_comes() {
    let sqs = client();
    let url = queue(&sqs, "poll").await;
    let send = sqs.send_message().queue_url(&url).message_body("later").delay_seconds(1);
    send.send().await.expect("it is sent");
    let began_at = Instant::now();
    let receive = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await;
    assert_eq!(receive.expect("it is answered").messages().len(), 1);
    assert!(began_at.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_and_drops_duplicates() {
    let sqs = client();
    let create = sqs.create_queue().queue_name(format!("{}.fifo", named("orders")));
    let create = create.attributes(Name::FifoQueue, "true");
    let made = create.attributes(Name::ContentBasedDeduplication, "true").send().await;
    let url = made.expect("a new queue").queue_url.expect("a URL");
    for body in ["a", "b", "b", "c"] {
        let send = sqs.send_message().queue_url(&url).message_body(body).message_group_id("g");
        let sent = send.send().await.expect("it is sent");
        assert_eq!(sent.sequence_number().map(str::len), Some(20));
    }
    let bodies = receive(&sqs, &url).await.into_iter().filter_map(|message| message.body);
    assert_eq!(bodies.collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn dead_letters_are_moved_back() {
    let sqs = client();
    let (dead, url) = (queue(&sqs, "dead").await, queue(&sqs, "source").await);
    let arn = attribute(&sqs, &dead, Name::QueueArn).await.expect("an ARN");
    let policy = format!("{{\"deadLetterTargetArn\": \"{arn}\", \"maxReceiveCount\": 1}}");
    let set = sqs.set_queue_attributes().queue_url(&url).attributes(Name::RedrivePolicy, policy);
    set.send().await.expect("it is set");
    let sources = sqs.list_dead_letter_source_queues().queue_url(&dead).send().await;
    assert_eq!(sources.expect("sources").queue_urls(), std::slice::from_ref(&url));

    sqs.send_message().queue_url(&url).message_body("poison").send().await.expect("it is sent");
    let once = sqs.receive_message().queue_url(&url).visibility_timeout(0).send().await;
    assert_eq!(once.expect("it is answered").messages().len(), 1);
    assert!(receive(&sqs, &url).await.is_empty(), "it went to the dead letters");
    let start = sqs.start_message_move_task().source_arn(&arn).send().await;
    assert!(start.expect("it begins").task_handle().is_some());
    let back = sqs.receive_message().queue_url(&url).wait_time_seconds(10).send().await;
    assert_eq!(back.expect("it is answered").messages()[0].body(), Some("poison"));
    let tasks = sqs.list_message_move_tasks().source_arn(&arn).send().await;
    assert_eq!(tasks.expect("tasks").results()[0].source_arn(), Some(arn.as_str()));
    let cancel = sqs.cancel_message_move_task().task_handle("garbage").send().await;
    let code = cancel.expect_err("no handle").into_service_error();
    assert_eq!(code.meta().code(), Some("InvalidParameterValue"));
}
