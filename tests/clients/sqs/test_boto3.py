"""Every action of Amazon SQS as boto3 asks it; an old botocore speaks the query protocol.

Run by run.sh. LEDGERQ_SQS is the endpoint's URL.
"""

import json
import os
import sys
import time
import traceback
import uuid

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

RUN = uuid.uuid4().hex[:8]
REGION = "eu-central-1"


def client():
    return boto3.client(
        "sqs",
        endpoint_url=os.environ["LEDGERQ_SQS"],
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="thing",
        config=Config(retries={"max_attempts": 1}),
    )


def refused(call, **given):
    try:
        call(**given)
    except ClientError as error:
        response = error.response
        return (
            response["ResponseMetadata"]["HTTPStatusCode"],
            response["Error"]["Code"],
            response["Error"]["Message"],
        )
    raise AssertionError("it was not refused")


def a_queue(sqs, name, **attributes):
    return sqs.create_queue(QueueName=f"{name}-{RUN}", Attributes=attributes)["QueueUrl"]


def arn(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_queues_are_made_found_listed_and_deleted(sqs):
    url = a_queue(sqs, "made", VisibilityTimeout="45")
    name = url.rsplit("/", 1)[1]
    assert url.startswith(os.environ["LEDGERQ_SQS"]), url
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix=f"made-{RUN}")["QueueUrls"] == [url]
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
    assert url in [found for page in pages for found in page.get("QueueUrls", [])]
    sqs.delete_queue(QueueUrl=url)
    code = refused(sqs.get_queue_url, QueueName=name)[:2]
    assert code == (400, "AWS.SimpleQueueService.NonExistentQueue"), code
    try:
        sqs.receive_message(QueueUrl=url)
    except sqs.exceptions.QueueDoesNotExist:
        pass


def test_attributes_are_set_and_told(sqs):
    url = a_queue(sqs, "attributes")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "3", "Policy": "{}"})
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (told["DelaySeconds"], told["Policy"]) == ("3", "{}")
    assert told["QueueArn"].startswith(f"arn:aws:sqs:{REGION}:000000000000:attributes-")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    refusal = refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Nothing": "1"})
    assert refusal == (400, "InvalidAttributeName", "Unknown Attribute Nothing."), refusal


def test_tags_and_permissions(sqs):
    url = a_queue(sqs, "tags")
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "b": ""}
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "b"])
    assert not sqs.list_queue_tags(QueueUrl=url).get("Tags")
    sqs.add_permission(QueueUrl=url, Label="x", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    [statement] = json.loads(told["Policy"])["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("x", "SQS:SendMessage")
    sqs.remove_permission(QueueUrl=url, Label="x")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_a_message_goes_its_way(sqs):
    # botocore checks the digest of the body, and this test that of the attributes.
    url = a_queue(sqs, "way")
    attributes = {
        "color": {"DataType": "String", "StringValue": "r\u00f6t <&>\r\n"},
        "count": {"DataType": "Number.int", "StringValue": "5"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    body = "h\u00e9llo <&> \u4e16 \U0001f980\r\n"
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )
    [message] = sqs.receive_message(
        QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=5
    )["Messages"]
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    [again] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert again["ReceiptHandle"] != handle and "Attributes" not in again
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    refusal = refused(sqs.delete_message, QueueUrl=url, ReceiptHandle="garbage")
    assert refusal[:2] == (400, "ReceiptHandleIsInvalid"), refusal


def test_batches_with_a_bad_entry(sqs):
    url = a_queue(sqs, "batch")
    entries = [{"Id": str(i), "MessageBody": f"m{i}"} for i in range(9)]
    entries.append({"Id": "late", "MessageBody": "x", "DelaySeconds": 901})
    told = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in told["Successful"]] == [str(i) for i in range(9)]
    [failed] = told["Failed"]
    assert (failed["Id"], failed["SenderFault"]) == ("late", True)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 9
    changes = [
        {"Id": str(i), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 60}
        for i, one in enumerate(messages)
    ]
    assert len(sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)["Successful"]) == 9
    deletes = [{"Id": one["Id"], "ReceiptHandle": one["ReceiptHandle"]} for one in changes]
    deletes.append({"Id": "bad", "ReceiptHandle": "garbage"})
    told = sqs.delete_message_batch(QueueUrl=url, Entries=deletes)
    assert len(told["Successful"]) == 9 and told["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    refusal = refused(sqs.send_message_batch, QueueUrl=url, Entries=[])
    assert refusal[1] == "AWS.SimpleQueueService.EmptyBatchRequest", refusal


def test_a_long_poll_is_answered_when_a_message_comes(sqs):
    url = a_queue(sqs, "poll")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    began = time.monotonic()
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "later"
    assert 0.5 < time.monotonic() - began < 10


def test_fifo_queues(sqs):
    url = sqs.create_queue(
        QueueName=f"orders-{RUN}.fifo",
        Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
    )["QueueUrl"]
    for body in ["a", "b", "b", "c"]:
        sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
        assert len(sent["SequenceNumber"]) == 20
    messages = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId", "SequenceNumber"]
    )["Messages"]
    assert [one["Body"] for one in messages] == ["a", "b", "c"]
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"g"}
    refusal = refused(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert refusal[1] == "MissingParameter", refusal


def test_dead_letters_are_moved_back(sqs):
    dead = a_queue(sqs, "dead")
    policy = json.dumps({"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": 1})
    url = a_queue(sqs, "source", RedrivePolicy=policy)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    [message] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    if not hasattr(sqs, "start_message_move_task"):
        return
    handle = sqs.start_message_move_task(SourceArn=arn(sqs, dead))["TaskHandle"]
    [back] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert (back["Body"], back["MessageId"] != message["MessageId"]) == ("poison", True)
    [task] = sqs.list_message_move_tasks(SourceArn=arn(sqs, dead))["Results"]
    assert task["Status"] in ("RUNNING", "COMPLETED")
    code = refused(sqs.cancel_message_move_task, TaskHandle="garbage")[1]
    assert code == "InvalidParameterValue", code
    assert handle


def test_a_purge(sqs):
    url = a_queue(sqs, "purge")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    refusal = refused(sqs.purge_queue, QueueUrl=url)
    assert refusal[:2] == (403, "AWS.SimpleQueueService.PurgeQueueInProgress"), refusal


def main():
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    sqs, failed = client(), 0
    for test in tests:
        try:
            test(sqs)
        except Exception:  # Each test is judged by itself, whatever went wrong in it.
            failed += 1
            print(f"FAILED {test.__name__}")
            traceback.print_exc()
    protocol = sqs.meta.service_model.metadata["protocol"]
    passed = len(tests) - failed
    print(f"botocore {botocore.__version__}, {protocol}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
