"""What a Python client sees of a ledgerq server: every method, the errors, health, reflection.

Run by run.sh, which makes the stubs. LEDGERQ_SERVER is the server's address, such as
127.0.0.1:7420. The tests make queues of their own, with names that no other run has, and delete
them.
"""

import contextlib
import os
import sys
import time
import traceback
import uuid

import grpc
from google.protobuf import field_mask_pb2
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from ledgerq.v1 import message_pb2, message_service_pb2, queue_pb2, queue_service_pb2

import test_semantics
from support import CALL_SECONDS_MAX, RUN, Client, a_queue, entry, refused, seconds


def test_a_queue_is_created_with_its_settings_and_again(client):
    with a_queue(client, "create", visibility_timeout=seconds(45)) as name:
        queue = client.get(name)
        assert queue.name == name
        assert queue.settings.visibility_timeout == seconds(45)
        assert queue.settings.retention == seconds(4 * 24 * 3600)
        assert queue.settings.max_message_bytes == 1_048_576
        assert queue.HasField("created_at")
        assert not queue.HasField("oldest_message_age")
        again = client.create(name, visibility_timeout=seconds(45))
        assert again.created_at == queue.created_at
        code, reason, _ = refused(client.create, name, visibility_timeout=seconds(46))
        assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "QUEUE_ALREADY_EXISTS")


def test_queues_are_listed_page_by_page(client):
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(a_queue(client, f"list-{i}")) for i in range(5)]
        listed, token, pages = [], "", 0
        while True:
            request = queue_service_pb2.ListQueuesRequest(
                prefix=f"py-{RUN}-list-", page_size=2, page_token=token
            )
            page = client.queues.ListQueues(request, timeout=CALL_SECONDS_MAX)
            listed += [queue.name for queue in page.queues]
            pages += 1
            token = page.next_page_token
            if not token:
                break
        assert listed == names, listed
        assert pages == 3, pages


def test_an_update_changes_what_the_mask_names(client):
    with a_queue(client, "update", delay=seconds(1), receive_wait=seconds(1)) as name:
        request = queue_service_pb2.UpdateQueueRequest(
            queue=name,
            settings=queue_pb2.QueueSettings(retention=seconds(60), delay=seconds(9)),
            update_mask=field_mask_pb2.FieldMask(paths=["retention", "receive_wait"]),
        )
        settings = client.queues.UpdateQueue(request, timeout=CALL_SECONDS_MAX).queue.settings
        assert settings.retention == seconds(60)
        assert settings.delay == seconds(1)
        assert settings.receive_wait == seconds(0)
        assert client.get(name).settings == settings
        request.update_mask.paths.append("name")
        code, _, details = refused(client.queues.UpdateQueue, request, timeout=CALL_SECONDS_MAX)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        [violation] = details[error_details_pb2.BadRequest].field_violations
        assert violation.field == "update_mask", violation


def test_a_purge_empties_a_queue_and_cannot_follow_another_at_once(client):
    with a_queue(client, "purge") as name:
        client.send(name, b"one", b"two")
        assert client.get(name).counts.ready == 2
        client.purge(name)
        counts = client.get(name).counts
        assert (counts.ready, counts.delayed, counts.in_flight) == (0, 0, 0)
        code, reason, details = refused(client.purge, name)
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PURGE_IN_PROGRESS")
        delay = details[error_details_pb2.RetryInfo].retry_delay
        assert 0 < delay.seconds + delay.nanos / 1e9 <= 60, delay


def test_a_deleted_queue_is_not_found(client):
    with a_queue(client, "delete") as name:
        client.delete_queue(name)
        code, reason, details = refused(client.get, name)
        assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "QUEUE_NOT_FOUND")
        resource = details[error_details_pb2.ResourceInfo]
        assert (resource.resource_type, resource.resource_name) == ("ledgerq.v1.Queue", name)


def test_a_bad_entry_fails_alone(client):
    with a_queue(client, "send") as name:
        bad = entry(b"bad", delay=seconds(-1))
        first, second, third = client.send(name, b"one", bad, b"three")
        assert uuid.UUID(first.sent.message_id) < uuid.UUID(third.sent.message_id)
        assert second.WhichOneof("result") == "error"
        assert second.error.code == code_pb2.INVALID_ARGUMENT
        assert second.error.reason == "VALUE_MALFORMED"
        assert second.error.field == "entries[1].delay"
        assert "-1" in second.error.message
        bodies = [message.body for message in client.receive(name, max_messages=10)]
        assert sorted(bodies) == [b"one", b"three"], bodies


def test_body_and_attributes_come_back_as_they_were_sent(client):
    with a_queue(client, "content") as name:
        body = bytes(range(256)) * 100
        attributes = {
            "color": message_pb2.AttributeValue(data_type="String", text="r\u00f6t"),
            "size": message_pb2.AttributeValue(data_type="Number.mm", text="12.5"),
            "thumb": message_pb2.AttributeValue(data_type="Binary", binary=b"\0\xff"),
        }
        [result] = client.send(name, entry(body, attributes=attributes))
        [message] = client.receive(name)
        assert message.message_id == result.sent.message_id
        assert message.body == body
        assert dict(message.attributes) == attributes
        assert message.receive_count == 1
        first, sent = message.first_received_at, message.sent_at
        assert (first.seconds, first.nanos) >= (sent.seconds, sent.nanos)
        assert message.lease_expires_at.seconds >= first.seconds + 29


def test_a_long_poll_is_answered_when_a_message_becomes_ready(client):
    with a_queue(client, "poll") as name:
        request = message_service_pb2.ReceiveRequest(queue=name, wait_time=seconds(10))
        begun = time.monotonic()
        poll = client.messages.Receive.future(request, timeout=2 * CALL_SECONDS_MAX)
        client.send(name, entry(b"late", delay=seconds(1)))
        [message] = poll.result().messages
        assert message.body == b"late"
        assert 0.9 < time.monotonic() - begun < 9


def test_a_long_poll_of_an_empty_queue_ends_empty(client):
    with a_queue(client, "empty") as name:
        begun = time.monotonic()
        assert client.receive(name, wait_time=seconds(1)) == []
        assert 0.9 < time.monotonic() - begun < 9


def test_a_message_is_deleted_once(client):
    with a_queue(client, "once") as name:
        client.send(name, b"one")
        [message] = client.receive(name)
        [first] = client.delete(name, message.receipt_handle)
        assert first.outcome == message_service_pb2.DELETE_OUTCOME_DELETED
        [second] = client.delete(name, message.receipt_handle)
        assert second.outcome == message_service_pb2.DELETE_OUTCOME_ALREADY_DELETED
        assert client.get(name).counts.in_flight == 0


def test_a_stale_handle_deletes_nothing_unless_asked_to(client):
    with a_queue(client, "stale") as name:
        client.send(name, b"one")
        [before] = client.receive(name, visibility_timeout=seconds(0))
        [after] = client.receive(name)
        assert after.message_id == before.message_id
        assert after.receipt_handle != before.receipt_handle
        assert after.receive_count == 2
        [fenced] = client.delete(name, before.receipt_handle)
        assert fenced.outcome == message_service_pb2.DELETE_OUTCOME_STALE_LEASE
        assert client.get(name).counts.in_flight == 1
        changed = client.change(name, before.receipt_handle, seconds(10))
        assert changed.error.reason == "LEASE_STALE", changed
        lenient = message_service_pb2.DELETE_MODE_LENIENT
        [deleted] = client.delete(name, before.receipt_handle, mode=lenient)
        assert deleted.outcome == message_service_pb2.DELETE_OUTCOME_DELETED


def test_a_bad_handle_fails_alone(client):
    with a_queue(client, "handle") as name, a_queue(client, "other") as other:
        client.send(name, b"one")
        [message] = client.receive(name)
        bad, good = client.delete(name, "garbage", message.receipt_handle)
        assert bad.error.reason == "RECEIPT_HANDLE_INVALID"
        assert bad.error.field == "receipt_handles[0]"
        assert good.outcome == message_service_pb2.DELETE_OUTCOME_DELETED
        [wrong] = client.delete(other, message.receipt_handle)
        assert wrong.error.reason == "RECEIPT_HANDLE_OF_ANOTHER_QUEUE"


def test_a_lease_is_given_another_end(client):
    with a_queue(client, "change") as name:
        client.send(name, b"one")
        [message] = client.receive(name)
        longer = client.change(name, message.receipt_handle, seconds(3600))
        assert longer.lease_expires_at.seconds > message.lease_expires_at.seconds + 3000
        too_long = client.change(name, message.receipt_handle, seconds(12 * 3600 + 1))
        assert too_long.error.field == "entries[0].visibility_timeout", too_long
        client.change(name, message.receipt_handle, seconds(0))
        [again] = client.receive(name)
        assert again.receive_count == 2
        client.delete(name, again.receipt_handle)
        gone = client.change(name, again.receipt_handle, seconds(10))
        assert gone.error.code == code_pb2.NOT_FOUND, gone


def test_a_wrong_field_is_named_with_its_value_and_limit(client):
    code, reason, details = refused(client.get, "no such name")
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "QUEUE_NAME_INVALID")
    [violation] = details[error_details_pb2.BadRequest].field_violations
    assert violation.field == "queue"
    assert "no such name" in violation.description

    code, reason, details = refused(client.create, f"py-{RUN}-wrong", retention=seconds(59))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALUE_OUT_OF_RANGE")
    [violation] = details[error_details_pb2.BadRequest].field_violations
    assert violation.field == "settings.retention"
    assert "59s" in violation.description and "1m" in violation.description

    with a_queue(client, "limits") as name:
        for count in (0, 1001):
            code, _, details = refused(client.receive, name, max_messages=count)
            assert code == grpc.StatusCode.INVALID_ARGUMENT
            [violation] = details[error_details_pb2.BadRequest].field_violations
            assert violation.field == "max_messages"
        code, _, _ = refused(client.send, name)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, _, _ = refused(client.send, name, *[b"x"] * 1001)
        assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_thousand_messages_go_in_one_request(client):
    with a_queue(client, "thousand") as name:
        results = client.send(name, *[b"%d" % i for i in range(1000)])
        assert all(result.WhichOneof("result") == "sent" for result in results)
        messages = client.receive(name, max_messages=1000)
        assert len({message.message_id for message in messages}) == 1000
        outcomes = client.delete(name, *[message.receipt_handle for message in messages])
        deleted = message_service_pb2.DELETE_OUTCOME_DELETED
        assert [outcome.outcome for outcome in outcomes] == [deleted] * 1000


def test_large_messages_arrive_with_the_usual_limit_of_clients(client):
    with a_queue(client, "large") as name:
        body = b"x" * 1_048_576
        for _ in range(2):
            results = client.send(name, body, body, body, body)
            assert all(result.WhichOneof("result") == "sent" for result in results), results
        received = 0
        while messages := client.receive(name, max_messages=10):
            received += len(messages)
        assert received == 8, received


def test_health_says_that_each_service_serves(client):
    services = ("QueueService", "MessageService", "RedriveService", "AdminService")
    for service in ("", *(f"ledgerq.v1.{service}" for service in services)):
        request = health_pb2.HealthCheckRequest(service=service)
        answer = client.health.Check(request, timeout=CALL_SECONDS_MAX)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, service


def test_reflection_tells_the_services(client):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stream = client.reflection.ServerReflectionInfo(iter([request]), timeout=CALL_SECONDS_MAX)
    names = {service.name for service in next(stream).list_services_response.service}
    services = ("QueueService", "MessageService", "RedriveService", "AdminService")
    assert {f"ledgerq.v1.{service}" for service in services} <= names, names


def main():
    address = os.environ.get("LEDGERQ_SERVER")
    names = {**globals(), **vars(test_semantics)}
    tests = [test for name, test in names.items() if name.startswith("test_") and callable(test)]
    if not address:
        print(f"the stubs import; set LEDGERQ_SERVER to run the {len(tests)} tests")
        return 2
    try:
        client = Client(address)
    except grpc.FutureTimeoutError:
        print(f"nothing listens at {address}")
        return 1
    failed = 0
    for test in tests:
        try:
            test(client)
        except Exception:  # Each test is judged by itself, whatever went wrong in it.
            failed += 1
            print(f"FAILED {test.__name__}")
            traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
