"""Celery over kombu's SQS transport: real tasks, one of them retried and one with an ETA.

Run by run.sh, which starts it as a worker as well. LEDGERQ_SQS is the endpoint's URL, LEDGERQ_DIR a
directory for what the tasks leave behind.
"""

import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

from celery import Celery

ENDPOINT = urllib.parse.urlsplit(os.environ["LEDGERQ_SQS"])
DONE = pathlib.Path(os.environ["LEDGERQ_DIR"])
TASKS_COUNT = 40
PATIENCE_S = 60

app = Celery("celery_tasks", broker=f"sqs://any:thing@{ENDPOINT.netloc}")
app.conf.update(
    broker_transport_options={
        "region": "us-east-1",
        "is_secure": False,
        "queue_name_prefix": f"celery-{os.environ['LEDGERQ_RUN']}-",
        "wait_time_seconds": 2,
        "polling_interval": 0.1,
    },
    task_acks_late=True,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


@app.task
def write(number):
    (DONE / f"done-{number}").touch()


@app.task(bind=True, max_retries=3)
def stubborn(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    (DONE / "stubborn").touch()


def main():
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker"]
    command += ["--concurrency=2", "--loglevel=WARNING", "--without-mingle", "--without-gossip"]
    worker = subprocess.Popen(command, cwd=pathlib.Path(__file__).parent)
    try:
        for number in range(TASKS_COUNT):
            write.delay(number)
        write.apply_async(args=["eta"], countdown=1)
        stubborn.delay()
        wanted = {f"done-{number}" for number in range(TASKS_COUNT)} | {"done-eta", "stubborn"}
        until = time.monotonic() + PATIENCE_S
        while wanted - {path.name for path in DONE.iterdir()}:
            assert time.monotonic() < until, wanted - {path.name for path in DONE.iterdir()}
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait()
    print(f"celery: {len(wanted)} tasks ran")


if __name__ == "__main__":
    main()
