"""chassis's consumer against a bare loop with the same statements: the price of the library's bookkeeping."""

import os
import subprocess
import sys
import time
from uuid import uuid4

import msgspec
import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from bench.counting import PARTITIONS, TOPIC, TYPE, Counted
from bench.figures import Comparison
from bench.phases import Say
from bench.scratch import ROLE, Scratch
from chassis.envelope import new_id
from chassis.topics import create_topics

ROUNDS = 3
EVENTS = 40_000
EVENTS_A_KEY = 8  # as in the life of an order
LIMIT_SECONDS = 120.0
FORGET = "TRUNCATE outbox, inbox, position, parked, tally"
BEGIN = "INSERT INTO position (topic, partition, next) SELECT %s, n, 0 FROM generate_series(0, %s) AS n"


class ConsumingError(Exception):
    """The comparison could not be made; says why."""


def compare(scratch: Scratch, say: Say) -> Comparison:
    """Events a second by chassis and by the bare loop, measured in turn over the same records."""
    bootstrap = scratch.stack.kafka
    forget_topic(bootstrap)
    create_topics(bootstrap, {TOPIC: {"partitions": PARTITIONS}})
    try:
        fill(bootstrap)
        ours, theirs = [], []
        for number in range(1, ROUNDS + 1):
            say(f"the consumer against a bare loop: round {number} of {ROUNDS}")
            ours.append(measure(scratch, "chassis"))
            theirs.append(measure(scratch, "bare"))
        return Comparison(ours, theirs)
    finally:
        forget_topic(bootstrap)


def forget_topic(bootstrap: str) -> None:
    """Delete the topic, and wait until it is gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + 10
    while TOPIC in admin.list_topics(timeout=10).topics and time.monotonic() < deadline:
        for future in admin.delete_topics([TOPIC]).values():
            future.exception(10)


def fill(bootstrap: str) -> None:
    """Records as Debezium's router writes them."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "partitioner": "murmur2_random"})
    keys = [str(uuid4()) for _ in range(EVENTS // EVENTS_A_KEY)]
    data = msgspec.json.encode(Counted("customer", "restaurant", 1250))
    for number in range(EVENTS):
        attributes = {"ce_id": str(new_id()), "ce_source": "load", "ce_type": TYPE, "ce_time": "2026-11-24T12:00:00Z"}
        attributes |= {"ce_specversion": "1.0", "ce_schemaversion": "1", "content-type": "application/json"}
        headers: list[tuple[str, str | bytes | None]] = [(name, value.encode()) for name, value in attributes.items()]
        producer.produce(TOPIC, key=keys[number % len(keys)], value=data, headers=headers)
        producer.poll(0)
    if producer.flush(30):
        raise ConsumingError("the broker did not take all records in 30 s")


def measure(scratch: Scratch, loop: str) -> float:
    """Events a second of one loop, in a process of its own, over all records."""
    with psycopg.connect(scratch.url("postgres")) as db:
        db.execute("SET search_path = bench")
        db.execute(FORGET)
        db.execute(BEGIN, [TOPIC, PARTITIONS - 1])
    own = {"DATABASE_URL": scratch.url(ROLE), "KAFKA_BOOTSTRAP": scratch.stack.kafka, "EVENTS": str(EVENTS)}
    words = [sys.executable, "-m", "bench.counting", loop]
    environment = {**os.environ, "PYTHONPATH": scratch.stack.layout.python_path, **own}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        raise ConsumingError(f"the {loop} loop failed: {done.stderr[-1000:]}")
    return float(done.stdout.split()[-1])
