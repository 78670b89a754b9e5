"""A client over the stubs that protoc makes, with one method for each that tests call often."""

import contextlib
import uuid

import grpc
from google.protobuf import duration_pb2, field_mask_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc
from grpc_status import rpc_status

from ledgerq.v1 import (
    message_service_pb2,
    message_service_pb2_grpc,
    queue_pb2,
    queue_service_pb2,
    queue_service_pb2_grpc,
    redrive_service_pb2,
    redrive_service_pb2_grpc,
    test_clock_service_pb2_grpc,
)

CALL_SECONDS_MAX = 10
RUN = uuid.uuid4().hex[:8]


class Client:
    """The stubs of one connection."""

    def __init__(self, address):
        channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(channel).result(timeout=CALL_SECONDS_MAX)
        self.queues = queue_service_pb2_grpc.QueueServiceStub(channel)
        self.messages = message_service_pb2_grpc.MessageServiceStub(channel)
        self.redrive = redrive_service_pb2_grpc.RedriveServiceStub(channel)
        self.test_clock = test_clock_service_pb2_grpc.TestClockServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    def create(self, queue, **settings):
        request = queue_service_pb2.CreateQueueRequest(
            queue=queue, settings=queue_pb2.QueueSettings(**settings)
        )
        return self.queues.CreateQueue(request, timeout=CALL_SECONDS_MAX).queue

    def get(self, queue):
        request = queue_service_pb2.GetQueueRequest(queue=queue)
        return self.queues.GetQueue(request, timeout=CALL_SECONDS_MAX).queue

    def update(self, queue, *paths, **settings):
        request = queue_service_pb2.UpdateQueueRequest(
            queue=queue,
            settings=queue_pb2.QueueSettings(**settings),
            update_mask=field_mask_pb2.FieldMask(paths=paths),
        )
        return self.queues.UpdateQueue(request, timeout=CALL_SECONDS_MAX).queue

    def pause(self, queue, **what):
        request = queue_service_pb2.PauseQueueRequest(queue=queue, **what)
        return self.queues.PauseQueue(request, timeout=CALL_SECONDS_MAX).queue

    def resume(self, queue, **what):
        request = queue_service_pb2.ResumeQueueRequest(queue=queue, **what)
        return self.queues.ResumeQueue(request, timeout=CALL_SECONDS_MAX).queue

    def delete_queue(self, queue):
        request = queue_service_pb2.DeleteQueueRequest(queue=queue)
        self.queues.DeleteQueue(request, timeout=CALL_SECONDS_MAX)

    def purge(self, queue):
        request = queue_service_pb2.PurgeQueueRequest(queue=queue)
        self.queues.PurgeQueue(request, timeout=CALL_SECONDS_MAX)

    def send(self, queue, *entries):
        entries = [entry(body) if isinstance(body, bytes) else body for body in entries]
        request = message_service_pb2.SendRequest(queue=queue, entries=entries)
        return list(self.messages.Send(request, timeout=CALL_SECONDS_MAX).results)

    def receive(self, queue, **wishes):
        request = message_service_pb2.ReceiveRequest(queue=queue, **wishes)
        answer = self.messages.Receive(request, timeout=2 * CALL_SECONDS_MAX)
        assert not answer.unavailable, answer.unavailable
        return list(answer.messages)

    def delete(self, queue, *handles, mode=message_service_pb2.DELETE_MODE_UNSPECIFIED):
        request = message_service_pb2.DeleteRequest(
            queue=queue, receipt_handles=handles, mode=mode
        )
        return list(self.messages.Delete(request, timeout=CALL_SECONDS_MAX).results)

    def change(self, queue, handle, timeout):
        change = message_service_pb2.ChangeVisibilityEntry(
            receipt_handle=handle, visibility_timeout=timeout
        )
        request = message_service_pb2.ChangeVisibilityRequest(queue=queue, entries=[change])
        [result] = self.messages.ChangeVisibility(request, timeout=CALL_SECONDS_MAX).results
        return result

    def transact(self, *steps):
        request = message_service_pb2.TransactRequest(steps=steps)
        return list(self.messages.Transact(request, timeout=CALL_SECONDS_MAX).results)

    def peek(self, queue, **wishes):
        request = message_service_pb2.PeekRequest(queue=queue, **wishes)
        answer = self.messages.Peek(request, timeout=CALL_SECONDS_MAX)
        assert not answer.unavailable, answer.unavailable
        return list(answer.messages), answer.next_page_token

    def look_at(self, queue, message_id):
        request = message_service_pb2.GetMessageRequest(
            queue=queue, message_id=message_id, include_body=True
        )
        return self.messages.GetMessage(request, timeout=CALL_SECONDS_MAX).message

    def cancel(self, queue, *message_ids):
        request = message_service_pb2.CancelScheduledRequest(
            queue=queue, message_ids=message_ids
        )
        return list(self.messages.CancelScheduled(request, timeout=CALL_SECONDS_MAX).results)

    def start_move(self, source, **wishes):
        request = redrive_service_pb2.StartMoveRequest(source_queue=source, **wishes)
        return self.redrive.StartMove(request, timeout=CALL_SECONDS_MAX)

    def moves(self, source):
        request = redrive_service_pb2.ListMovesRequest(source_queue=source)
        return list(self.redrive.ListMoves(request, timeout=CALL_SECONDS_MAX).tasks)


def entry(body, **more):
    return message_service_pb2.SendEntry(body=body, **more)


def seconds(count):
    return duration_pb2.Duration(seconds=count)


@contextlib.contextmanager
def a_queue(client, name, **settings):
    queue = f"py-{RUN}-{name}"
    client.create(queue, **settings)
    try:
        yield queue
    finally:
        with contextlib.suppress(grpc.RpcError):
            client.delete_queue(queue)


def refused(call, *arguments, **named):
    """The code, reason and details of a call that is refused."""
    try:
        call(*arguments, **named)
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        assert status is not None, f"no details: {error}"
        details = {}
        for packed in status.details:
            for kind in (
                error_details_pb2.ErrorInfo,
                error_details_pb2.BadRequest,
                error_details_pb2.RetryInfo,
                error_details_pb2.ResourceInfo,
                error_details_pb2.QuotaFailure,
            ):
                if packed.Is(kind.DESCRIPTOR):
                    details[kind] = kind()
                    packed.Unpack(details[kind])
        info = details[error_details_pb2.ErrorInfo]
        assert info.domain == "ledgerq", info
        return error.code(), info.reason, details
    raise AssertionError("the call was not refused")
