"""placeOrder through one api process against pgbench with the same statements: the price of HTTP and GraphQL."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import psycopg
import uvloop

from api import mutations
from api.settings import HttpSettings
from bench import operations
from bench.figures import Comparison
from bench.http import Http
from bench.phases import Say
from bench.principals import mint
from bench.scratch import Scratch
from local import postgres

ROUNDS = 3
SECONDS = 5.0
CLIENTS = 16  # closed loop: enough to keep one api process busy
CONNECTIONS = HttpSettings.model_fields["pool_size"].default  # to the database: as many for pgbench as api has
START_SECONDS = 20.0
RESTAURANT = "bench-kitchen"
COPY = "SELECT id, name, currency, menu, revision FROM api.restaurant WHERE id = %s"
PASTE = "INSERT INTO api.restaurant (id, name, currency, menu, revision) VALUES (%s, %s, %s, %s, %s)"
SAMPLE = (
    "SELECT placement.input, journal.payload, journal.data FROM api.placement JOIN api.journal USING (order_id) LIMIT 1"
)
TPS = re.compile(r"tps = ([\d.]+)")
NAMED = re.compile(r"%\((\w+)\)s")


class PlacingError(Exception):
    """The comparison could not be made; says why."""


def compare(scratch: Scratch, say: Say) -> Comparison:
    """Orders a second by api and by pgbench, measured in turn."""
    revision = paste_restaurant(scratch)
    ours, theirs = [], []
    with api(scratch) as url:
        uvloop.run(place_for(scratch, url, 2.0))  # warm, and a sample of what is written
        script, variables = same_statements(scratch, revision)
        for number in range(1, ROUNDS + 1):
            say(f"placeOrder against pgbench: round {number} of {ROUNDS}")
            ours.append(uvloop.run(place_for(scratch, url, SECONDS)))
            theirs.append(pgbench(scratch, script, variables))
    return Comparison(ours, theirs)


def paste_restaurant(scratch: Scratch) -> str:
    """The kitchen of the load, as the system knows it; -> its menu's revision."""
    with (
        psycopg.connect(scratch.stack.database("verify")) as source,
        psycopg.connect(scratch.url("postgres")) as target,
    ):
        row = source.execute(COPY, [RESTAURANT]).fetchone()
        if row is None:
            raise PlacingError(f"{RESTAURANT} has no menu")
        target.execute(PASTE, row)
        return str(row[4])


@contextmanager
def api(scratch: Scratch) -> Iterator[str]:
    """One `api http` on the scratch database; its address."""
    http, health = free_port(), free_port()
    own = {"DATABASE_URL": scratch.url("api"), "HTTP_PORT": str(http), "HEALTH_PORT": str(health)}
    environment = {**os.environ, **scratch.stack.environment("api-http"), **own}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-m", "api", "http"], env=environment, stdout=output, stderr=output)
        try:
            await_ready(process, f"http://127.0.0.1:{health}/ready")
            yield f"http://127.0.0.1:{http}/graphql"
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(process: subprocess.Popen[bytes], url: str) -> None:
    """Raises PlacingError when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=1.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise PlacingError(f"api http did not get ready (exit code {process.poll()})")


async def place_for(scratch: Scratch, url: str, seconds: float) -> float:
    """Orders a second by CLIENTS customers who each place the next order when the last is answered."""
    http = Http(url, CLIENTS)
    head = http.head(mint("bench-customer", "customer", scratch.stack.jwt_secret))
    end = time.monotonic() + seconds
    placed = await asyncio.gather(*(one_after_the_other(http, head, end) for _ in range(CLIENTS)))
    http.close()
    return sum(placed) / seconds


async def one_after_the_other(http: Http, head: bytes, end: float) -> int:
    """How many one customer placed until `end`."""
    count = 0
    while time.monotonic() < end:
        line = {"itemId": "ration", "quantity": 1}
        wanted = {"idempotencyKey": uuid4().hex, "restaurantId": RESTAURANT, "items": [line]}
        variables = {"input": wanted | {"paymentMethod": "pm_card_visa"}}
        raw = await http.post(head, msgspec.json.encode({"query": operations.PLACE, "variables": variables}))
        answer = operations.place_answers.decode(raw)
        if answer.data is None or answer.data.placeOrder.order is None:
            raise PlacingError(f"placeOrder was refused: {raw.decode()}")
        count += 1
    return count


def same_statements(scratch: Scratch, revision: str) -> tuple[str, dict[str, str]]:
    """A pgbench script of what a placeOrder sends, and its variables: as long as those of a real order.

    api knows the menu, so placing is one statement.

    The ids are made by the server, for pgbench cannot; everything else is the same text.
    """
    with psycopg.connect(scratch.url("postgres")) as db:
        sample, server = db.execute(SAMPLE).fetchone(), db.info.server_version
    if sample is None:
        raise PlacingError("api placed no order")
    wanted, document, data = sample
    variables = {
        "customer": "bench-customer", "restaurant": RESTAURANT, "revision": revision, "allowance": "60",
        "input": "\\x" + bytes(wanted).hex(), "document": document, "data": data,
    }  # fmt: skip
    script = f"\\set key random(1, 9000000000000000000)\n{by_pgbench(mutations.PLACE, server).strip()};\n"
    return script, variables


def by_pgbench(statement: str, server: int) -> str:
    """psycopg's placeholders as pgbench's variables; ids as calls of what the server (its version number) has."""
    new_id = "uuidv7()" if server >= 180_000 else "gen_random_uuid()"
    made = {"order": new_id, "event": new_id, "trace": "NULL"}
    return NAMED.sub(lambda match: made.get(match[1], f":{match[1]}"), statement)


def pgbench(scratch: Scratch, script: str, variables: Mapping[str, str]) -> float:
    """Transactions a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "place.sql"
        file.write_text(script)
        words = [str(postgres.binaries() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={file}"]
        words += [f"--client={CONNECTIONS}", "--jobs=1", f"--time={SECONDS:.0f}"]
        words += [f"--define={name}={value}" for name, value in variables.items()]
        done = subprocess.run([*words, scratch.url("api")], capture_output=True, text=True, check=False)
    match = TPS.search(done.stdout)
    if done.returncode != 0 or match is None:
        raise PlacingError(f"pgbench failed: {done.stderr[-1000:]}")
    return float(match[1])
