"""A producer and consumers of a FIFO queue over SQS, with the broker killed in between.

Every message that was accepted is taken, in the order of its group, and none is accepted twice: sends
are tried again under the same ids. The broker has keys, so that every request is signed and verified.
Run by run.sh. LEDGERQ_BINARY is the program.
"""

import collections
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

GROUPS_COUNT, PER_GROUP, KILLS = 4, 50, 5
PATIENCE_S = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    def __init__(self, directory):
        self.port = free_port()
        self.command = [os.environ["LEDGERQ_BINARY"], "serve", "--data-dir", directory]
        self.command += ["--grpc-listen", "127.0.0.1:0", "--sqs-listen", f"127.0.0.1:{self.port}"]
        self.command += ["--segment-bytes", "1MiB", "--log", "error"]
        self.environment = {**os.environ, "LEDGERQ_SQS_CREDENTIALS": "other:x,key:secret"}
        self.process = self.start()

    def start(self):
        return subprocess.Popen(self.command, env=self.environment)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = self.start()

    def client(self, secret="secret"):
        return boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, read_timeout=25),
        )


def until_done(call, **given):
    """Asks again until the broker is there; what is refused is the test's fault."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(**given)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
        except BotoCoreError:
            pass
        assert time.monotonic() < end, "the broker does not come back"
        time.sleep(0.05)


def produce(broker, url, group):
    sqs = broker.client()
    for number in range(PER_GROUP):
        until_done(
            sqs.send_message,
            QueueUrl=url,
            MessageBody=f"{number}",
            MessageGroupId=group,
            MessageDeduplicationId=f"{group}-{number}",
        )


def consume(broker, url, taken, lock, done):
    sqs = broker.client()
    while not done.is_set():
        told = until_done(
            sqs.receive_message,
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            AttributeNames=["MessageGroupId", "SequenceNumber"],
        )
        for message in told.get("Messages", []):
            attributes = message["Attributes"]
            with lock:
                taken[attributes["MessageGroupId"]].append(
                    (attributes["SequenceNumber"], message["Body"])
                )
            try:
                until_done(sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            except ClientError as error:
                # Its lease ran out while the broker was down: the message comes once more.
                assert error.response["Error"]["Code"] == "InvalidParameterValue", error
                break


def main():
    taken, lock, done = collections.defaultdict(list), threading.Lock(), threading.Event()
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(directory)
        try:
            attributes = {"FifoQueue": "true", "VisibilityTimeout": "20"}
            sqs = broker.client()
            url = until_done(sqs.create_queue, QueueName="orders.fifo", Attributes=attributes)
            url = url["QueueUrl"]
            try:
                broker.client(secret="wrong").list_queues()
                raise AssertionError("a wrong secret was taken")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "SignatureDoesNotMatch", error
            groups = [f"g{number}" for number in range(GROUPS_COUNT)]
            threads = [threading.Thread(target=produce, args=(broker, url, g)) for g in groups]
            more = (broker, url, taken, lock, done)
            threads += [threading.Thread(target=consume, args=more) for _ in range(2)]
            for thread in threads:
                thread.start()
            for _ in range(KILLS):
                time.sleep(0.5)
                broker.kill()
            end = time.monotonic() + PATIENCE_S
            # What was taken more than once, since its deletion was lost, is one message.
            while sum(len(set(messages)) for messages in taken.values()) < GROUPS_COUNT * PER_GROUP:
                assert time.monotonic() < end, {g: len(set(m)) for g, m in taken.items()}
                time.sleep(0.1)
            done.set()
            for thread in threads:
                thread.join()
        finally:
            done.set()
            broker.process.kill()
            broker.process.wait()
    for group in groups:
        first = list(dict.fromkeys(taken[group]))
        assert [int(body) for _, body in first] == list(range(PER_GROUP)), (group, first)
        assert first == sorted(first), group
    print(f"fifo: {GROUPS_COUNT * PER_GROUP} messages in order through {KILLS} kills")


if __name__ == "__main__":
    sys.exit(main())
