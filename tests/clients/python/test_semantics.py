"""FIFO queues, duplicates, dead letters and moves, transact, looks, cancellations, pauses."""

import time

import grpc
from google.protobuf import duration_pb2, timestamp_pb2
from google.rpc import code_pb2, error_details_pb2

from ledgerq.v1 import (
    message_pb2,
    message_service_pb2,
    queue_pb2,
    queue_service_pb2,
    redrive_service_pb2,
    test_clock_service_pb2,
)

from support import CALL_SECONDS_MAX, a_queue, entry, refused, seconds

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def grouped(body, group="g1", **more):
    return entry(body, group_id=group, **more)


def bodies(messages):
    return [message.body for message in messages]


def field_of(details):
    [violation] = details[error_details_pb2.BadRequest].field_violations
    return violation.field


def send_step(queue, message):
    send = message_service_pb2.SendStep(queue=queue, message=message)
    return message_service_pb2.TransactStep(send=send)


def delete_step(queue, message):
    delete = message_service_pb2.DeleteStep(queue=queue, receipt_handle=message.receipt_handle)
    return message_service_pb2.TransactStep(delete=delete)


def dead_letters_to(queue, max_receives):
    return queue_pb2.RedrivePolicy(dead_letter_queue=queue, max_receives=max_receives)


def until(condition):
    """Waits for what happens in the background."""
    deadline = time.monotonic() + CALL_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_group_is_received_in_order_and_waits_for_what_is_in_flight(client):
    with a_queue(client, "order.fifo", content_deduplication=True) as name:
        assert client.get(name).kind == queue_pb2.QUEUE_KIND_FIFO
        sent = client.send(name, grouped(b"1"), grouped(b"2"), grouped(b"3"), grouped(b"x", "g2"))
        numbers = [result.sent.sequence_number for result in sent]
        assert numbers == sorted(set(numbers)), numbers
        first = client.receive(name, max_messages=2)
        assert bodies(first) == [b"1", b"2"]
        assert (first[0].group_id, first[0].sequence_number) == ("g1", numbers[0])
        [other] = client.receive(name, max_messages=10)
        assert other.body == b"x"
        client.delete(name, first[0].receipt_handle)
        assert client.receive(name, max_messages=10) == []
        client.delete(name, first[1].receipt_handle)
        assert bodies(client.receive(name, max_messages=10)) == [b"3"]


def test_a_duplicate_is_answered_with_the_first(client):
    with a_queue(client, "twice.fifo") as name:
        send = lambda body: client.send(name, grouped(body, deduplication_id="d1"))[0].sent
        first, second = send(b"one"), send(b"other")
        assert (first.duplicate, second.duplicate) == (False, True)
        assert second.message_id == first.message_id
        assert second.sequence_number == first.sequence_number
        [message] = client.receive(name, max_messages=10)
        assert (message.body, message.deduplication_id) == (b"one", "d1")
        client.delete(name, message.receipt_handle)
        assert send(b"again").duplicate

    with a_queue(client, "content.fifo", content_deduplication=True) as name:
        first, second = client.send(name, grouped(b"same"), grouped(b"same"))
        assert second.sent.duplicate and second.sent.message_id == first.sent.message_id

    with a_queue(client, "twice") as name:
        first, second = client.send(name, *[entry(b"x", deduplication_id="d1")] * 2)
        assert (first.sent.duplicate, second.sent.duplicate) == (False, True)
        assert client.get(name).counts.ready == 1


def test_what_a_fifo_queue_does_not_take_is_refused_by_its_field(client):
    with a_queue(client, "wrong.fifo") as name:
        soon = timestamp_pb2.Timestamp(seconds=int(time.time()) + 60)
        cases = [
            (entry(b"x", deduplication_id="d"), "group_id", "FIELD_MISSING"),
            (grouped(b"x"), "deduplication_id", "DEDUPLICATION_ID_MISSING"),
            (grouped(b"x", "g" * 129), "group_id", "VALUE_MALFORMED"),
            (grouped(b"x", deduplication_id="d" * 129), "deduplication_id", "VALUE_MALFORMED"),
            (grouped(b"x", deduplication_id="d", delay=seconds(1)), "delay", "NOT_FOR_THIS_KIND"),
            (
                grouped(b"x", deduplication_id="d", deliver_at=soon),
                "deliver_at",
                "NOT_FOR_THIS_KIND",
            ),
            (grouped(b"x", deduplication_id="d", priority=5), "priority", "NOT_FOR_THIS_KIND"),
        ]
        results = client.send(name, *[message for message, _, _ in cases])
        for index, (result, (_, field, reason)) in enumerate(zip(results, cases)):
            assert result.error.field == f"entries[{index}].{field}", result
            assert result.error.reason == reason, result
    code, _, details = refused(client.create, "py-no-fifo", content_deduplication=True)
    assert (code, field_of(details)) == (INVALID, "settings.content_deduplication")


def test_an_attempt_that_is_repeated_gives_the_same_messages(client):
    with a_queue(client, "attempt.fifo", content_deduplication=True) as name:
        client.send(name, grouped(b"1"), grouped(b"2", "g2"))
        first = client.receive(name, max_messages=1, attempt_id="a1")
        again = client.receive(name, max_messages=1, attempt_id="a1")
        assert [m.receipt_handle for m in again] == [m.receipt_handle for m in first]
        assert again[0].receive_count == 1
        [other] = client.receive(name, max_messages=1, attempt_id="a2")
        assert other.message_id != first[0].message_id
    with a_queue(client, "attempt") as name:
        code, reason, details = refused(client.receive, name, attempt_id="a1")
        assert (code, reason) == (INVALID, "NOT_FOR_THIS_KIND")
        assert field_of(details) == "attempt_id"


def test_the_highest_priority_is_received_first(client):
    with a_queue(client, "priority") as name:
        messages = [entry(b"%d" % p, priority=p) for p in (0, 9, 5)] + [entry(b"4")]
        client.send(name, *messages)
        received = client.receive(name, max_messages=10)
        assert bodies(received) == [b"9", b"5", b"4", b"0"]
        assert [message.priority for message in received] == [9, 5, 4, 0]


def test_a_message_has_a_time_to_come_and_a_time_to_go(client):
    with a_queue(client, "times") as name:
        later = timestamp_pb2.Timestamp(seconds=int(time.time()) + 3600)
        past = timestamp_pb2.Timestamp(seconds=1)
        short = duration_pb2.Duration(nanos=50_000_000)
        both = entry(b"both", delay=seconds(1), deliver_at=later)
        results = client.send(
            name,
            entry(b"later", deliver_at=later),
            entry(b"now", deliver_at=past, trace_header="Root=1-5759e988"),
            entry(b"short", time_to_live=short, delay=seconds(60)),
            both,
            entry(b"far", time_to_live=seconds(15 * 24 * 3600)),
        )
        assert results[3].error.field == "entries[3].deliver_at", results[3]
        assert "not both" in results[3].error.message
        assert results[4].error.field == "entries[4].time_to_live", results[4]
        [message] = client.receive(name, max_messages=10)
        assert (message.body, message.trace_header) == (b"now", "Root=1-5759e988")
        until(lambda: client.get(name).counts.delayed == 1)
        [left], _ = client.peek(name, states=[message_pb2.MESSAGE_STATE_DELAYED])
        assert abs(left.ready_at.seconds - later.seconds) <= 1


def test_a_message_that_was_received_too_often_is_a_dead_letter_and_comes_back(client):
    with a_queue(client, "dead") as dead, a_queue(
        client, "alive", redrive_policy=dead_letters_to(dead, 1)
    ) as name:
        [sent] = client.send(name, b"poison")
        message_id = sent.sent.message_id
        client.receive(name, visibility_timeout=seconds(0))
        assert client.receive(name) == []
        [letter], _ = client.peek(dead, include_bodies=True)
        assert (letter.message_id, letter.body) == (message_id, b"poison")
        assert letter.dead_letter_source == name
        [leased] = client.receive(dead, visibility_timeout=seconds(0))
        assert (leased.message_id, leased.dead_letter_source) == (message_id, name)

        request = queue_service_pb2.ListDeadLetterSourcesRequest(queue=dead)
        sources = client.queues.ListDeadLetterSources(request, timeout=CALL_SECONDS_MAX).queues
        assert [queue.name for queue in sources] == [name]

        counted = client.start_move(dead, dry_run=True)
        assert (counted.task_id, counted.to_move_count) == (0, 1)
        task_id = client.start_move(dead).task_id
        completed = redrive_service_pb2.MOVE_STATE_COMPLETED
        until(lambda: client.moves(dead)[0].state == completed)
        [task] = client.moves(dead)
        assert (task.task_id, task.moved_count) == (task_id, 1)
        [moved] = client.receive(name)
        assert (moved.body, moved.receive_count) == (b"poison", 1)
        assert moved.message_id != message_id

        cancel = redrive_service_pb2.CancelMoveRequest(task_id=task_id)
        code, reason, _ = refused(client.redrive.CancelMove, cancel, timeout=CALL_SECONDS_MAX)
        assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "MOVE_TASK_NOT_FOUND")
        code, reason, details = refused(client.start_move, name)
        assert (code, reason) == (INVALID, "NOT_A_DEAD_LETTER_QUEUE")
        assert field_of(details) == "source_queue"
        code, _, details = refused(client.start_move, dead, max_per_second=501)
        assert (code, field_of(details)) == (INVALID, "max_per_second")


def test_a_fifo_dead_letter_has_its_message_id_for_its_deduplication_id(client):
    with a_queue(client, "dead.fifo") as dead, a_queue(
        client, "alive.fifo", redrive_policy=dead_letters_to(dead, 1)
    ) as name:
        client.send(name, grouped(b"poison", deduplication_id="d1"))
        client.receive(name, visibility_timeout=seconds(0))
        assert client.receive(name) == []
        [looked], _ = client.peek(dead)
        [letter] = client.receive(dead)
        assert letter.deduplication_id == looked.deduplication_id == letter.message_id
        assert letter.group_id == "g1"


def test_a_move_can_be_slow_and_is_cancelled(client):
    with a_queue(client, "from") as source, a_queue(client, "to") as target:
        client.send(source, *[b"x"] * 100)
        task_id = client.start_move(source, target_queue=target, max_per_second=1).task_id
        code, reason, _ = refused(client.start_move, source, target_queue=target)
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "MOVE_TASK_RUNNING")
        cancel = redrive_service_pb2.CancelMoveRequest(task_id=task_id)
        client.redrive.CancelMove(cancel, timeout=CALL_SECONDS_MAX)
        cancelled = redrive_service_pb2.MOVE_STATE_CANCELLED
        until(lambda: client.moves(source)[0].state == cancelled)
        [task] = client.moves(source)
        moved = client.get(target).counts.ready
        assert (task.moved_count, task.max_per_second) == (moved, 1)
        assert client.get(source).counts.ready == 100 - moved


def test_a_move_can_be_of_messages_with_an_attribute(client):
    with a_queue(client, "pick") as source, a_queue(client, "picked") as target:
        red, blue = (message_pb2.AttributeValue(data_type="String", text=t) for t in ("r", "b"))
        messages = [entry(b"r", attributes={"color": red}), entry(b"b", attributes={"color": blue})]
        client.send(source, *messages)
        attribute = message_pb2.AttributeFilter(name="color", value=blue)
        client.start_move(
            source,
            target_queue=target,
            filter=message_pb2.MessageFilter(attribute=attribute),
        )
        completed = redrive_service_pb2.MOVE_STATE_COMPLETED
        until(lambda: client.moves(source)[0].state == completed)
        assert client.moves(source)[0].filter.attribute == attribute
        assert bodies(client.receive(target, max_messages=10)) == [b"b"]
        assert bodies(client.receive(source, max_messages=10)) == [b"r"]


def test_consume_and_produce_is_one(client):
    with a_queue(client, "in") as source, a_queue(client, "out") as target:
        client.send(source, b"job")
        [job] = client.receive(source)
        sent, deleted = client.transact(
            send_step(target, entry(b"result")), delete_step(source, job)
        )
        assert sent.WhichOneof("result") == "sent"
        assert deleted.WhichOneof("result") == "deleted"
        assert client.get(source).counts.in_flight == 0
        assert bodies(client.receive(target)) == [b"result"]

        code, reason, details = refused(
            client.transact, send_step(target, entry(b"again")), delete_step(source, job)
        )
        assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND")
        assert field_of(details) == "steps[1].delete"
        assert details[error_details_pb2.ErrorInfo].metadata["step"] == "1"
        assert client.get(target).counts.ready == 0

        code, _, details = refused(client.transact, send_step(target, entry(b"")))
        assert (code, field_of(details)) == (INVALID, "steps[0].send.message.body")
        code, _, details = refused(client.transact, message_service_pb2.TransactStep())
        assert (code, field_of(details)) == (INVALID, "steps[0].step")
        for count in (0, 1001):
            steps = [send_step(target, entry(b"x"))] * count
            code, _, details = refused(client.transact, *steps)
            assert (code, field_of(details)) == (INVALID, "steps")


def test_a_look_changes_nothing_and_goes_page_by_page(client):
    with a_queue(client, "look") as name:
        sent = client.send(name, *[entry(b"%d" % i) for i in range(5)])
        client.send(name, entry(b"late", delay=seconds(600)))
        [taken] = client.receive(name)
        seen, token = [], ""
        while True:
            page, token = client.peek(name, page_size=2, page_token=token)
            assert len(page) <= 2
            seen += page
            if not token:
                break
        states = [message.state for message in seen]
        assert states.count(message_pb2.MESSAGE_STATE_READY) == 4
        assert states.count(message_pb2.MESSAGE_STATE_DELAYED) == 1
        [flying], _ = client.peek(name, states=[message_pb2.MESSAGE_STATE_IN_FLIGHT])
        assert flying.message_id == taken.message_id
        assert flying.ready_at == taken.lease_expires_at
        assert (flying.body, flying.body_bytes) == (b"", 1)
        looked = client.look_at(name, sent[4].sent.message_id)
        assert (looked.body, looked.receive_count) == (b"4", 0)
        assert not looked.HasField("first_received_at")
        assert client.get(name).counts.ready == 4
        code, reason, _ = refused(
            client.look_at, name, "00000000-0000-8000-8000-000000000000"
        )
        assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND")
        code, _, details = refused(client.peek, name, page_token="garbage!")
        assert (code, field_of(details)) == (INVALID, "page_token")


def test_a_message_that_still_waits_can_be_cancelled(client):
    with a_queue(client, "cancel") as name:
        late, ready = client.send(name, entry(b"late", delay=seconds(600)), entry(b"ready"))
        ids = [late.sent.message_id, ready.sent.message_id, "garbage"]
        cancelled, too_late, bad = client.cancel(name, *ids)
        assert cancelled.outcome == message_service_pb2.CANCEL_OUTCOME_CANCELLED
        assert too_late.outcome == message_service_pb2.CANCEL_OUTCOME_TOO_LATE
        assert bad.error.field == "message_ids[2]"
        assert bad.error.code == code_pb2.INVALID_ARGUMENT
        [again] = client.cancel(name, ids[0])
        assert again.outcome == message_service_pb2.CANCEL_OUTCOME_NOT_FOUND


def test_a_paused_queue_refuses_until_it_is_resumed(client):
    with a_queue(client, "pause") as name:
        queue = client.pause(name)
        assert queue.sends_paused and queue.receives_paused
        [result] = client.send(name, b"x")
        assert result.error.reason == "QUEUE_PAUSED", result
        code, reason, _ = refused(client.receive, name)
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "QUEUE_PAUSED")
        queue = client.resume(name, sends=True)
        assert queue.receives_paused and not queue.sends_paused
        [result] = client.send(name, b"x")
        assert result.WhichOneof("result") == "sent"
        client.resume(name)
        assert bodies(client.receive(name)) == [b"x"]


def test_policies_tags_and_stored_settings_are_given_and_taken_away(client):
    with a_queue(client, "policy-dead") as dead, a_queue(client, "policy") as name:
        settings = client.update(
            name,
            redrive_policy=dead_letters_to(dead, 3),
            retry_backoff=queue_pb2.RetryBackoff(first=seconds(1), doubles=True),
            tags={"team": "a"},
            stored={"Policy": "{}"},
        ).settings
        assert settings.redrive_policy.max_receives == 3
        assert settings.retry_backoff.max == seconds(12 * 3600)
        assert (dict(settings.tags), dict(settings.stored)) == ({"team": "a"}, {"Policy": "{}"})
        paths = ("redrive_policy", "retry_backoff", "tags")
        settings = client.update(name, *paths).settings
        assert not settings.HasField("redrive_policy")
        assert not settings.HasField("retry_backoff")
        assert (dict(settings.tags), dict(settings.stored)) == ({}, {"Policy": "{}"})
        assert dict(client.update(name, stored={"Policy": ""}).settings.stored) == {}

        none = queue_pb2.RedriveAllowPolicy(mode=queue_pb2.REDRIVE_ALLOW_MODE_NONE)
        client.update(dead, redrive_allow_policy=none)
        code, reason, details = refused(
            client.update, name, redrive_policy=dead_letters_to(dead, 3)
        )
        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert reason == "DEAD_LETTER_QUEUE_REFUSED"
        assert field_of(details) == "settings.redrive_policy.dead_letter_queue"
        none.source_queues.append(name)
        code, _, details = refused(client.update, dead, redrive_allow_policy=none)
        assert (code, field_of(details)) == (
            INVALID,
            "settings.redrive_allow_policy.source_queues",
        )


def test_a_test_clock_lets_time_pass_where_there_is_one(client):
    request = test_clock_service_pb2.AdvanceRequest(duration=seconds(0))
    try:
        client.test_clock.Advance(request, timeout=CALL_SECONDS_MAX)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
        return
    with a_queue(client, "clock") as name:
        client.send(name, entry(b"late", delay=seconds(3600)))
        assert client.receive(name) == []
        request.duration.seconds = 3600
        client.test_clock.Advance(request, timeout=CALL_SECONDS_MAX)
        assert bodies(client.receive(name)) == [b"late"]
