"""The released manifests, run: every pod as its manifest says, on a container engine in place of a cluster."""

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cluster.facts import Facts, collect
from cluster.release import path
from cluster.render import read
from containers import images
from containers.engine import Engine
from ground import container_runs
from ground.stack_url import UrlStack
from runtime.errors import Refusal
from runtime.layout import ROOT, SOURCES
from tests.support.delivering import deliver_one
from tests.support.evidence import captures, versions
from tests.support.kubernetes_api import TOKEN, Api, serving
from tests.support.node import Node

pytestmark = pytest.mark.timeout(900)
UPSTREAM = {"postgres:17": "POSTGRES", "apache/kafka:4.3.1": "KAFKA", "quay.io/debezium/connect:3.6": "CONNECT"}
VALID = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]


class Values(Mapping[str, dict[str, str]]):
    """The API server's Secrets, decoded."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __getitem__(self, name: str) -> dict[str, str]:
        return {key: b64decode(value).decode() for key, value in self._api.secrets[name]["data"].items()}

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._api.secrets))

    def __len__(self) -> int:
        return len(self._api.secrets)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One on this machine, whose containers' addresses can be reached."""
    engine = Engine()
    try:
        engine.refuse_unfit()
    except Refusal as refused:
        if os.environ.get("RUNTIME") == "compose":
            pytest.fail(str(refused))
        pytest.skip(str(refused))
    if sys.platform != "linux" or shutil.which("openssl") is None:
        pytest.skip("needs an engine on this Linux, and openssl")
    container_runs.sweep()
    images.ensure(ROOT, lambda _: None)
    return engine


@pytest.fixture(scope="module")
def network(engine: Engine) -> Iterator[tuple[str, str]]:
    """Its name, and this machine's address in it."""
    name = f"demae-node-{os.getpid()}"
    said = [word for key, value in container_runs.labels().items() for word in ("--label", f"{key}={value}")]
    engine.ask("network", "create", *said, name)
    try:
        yield name, engine.inspect("network", [name])[0]["IPAM"]["Config"][0]["Gateway"]
    finally:
        there = engine.ask("ps", "--all", "--quiet", "--filter", f"network={name}").split()
        engine.attempt("rm", "--force", "--volumes", *there)
        engine.ask("network", "rm", name)


@pytest.fixture(scope="module")
def node(engine: Engine, network: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Every pod is there, and ready."""
    name, host = network
    folder, account, api = tmp_path_factory.mktemp("secrets"), tmp_path_factory.mktemp("account"), Api()
    for one in (folder, *folder.parents[:2], account):
        one.chmod(one.stat().st_mode | 0o055)
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text("demae")
    with serving(api, host, certificate(account, host)) as address:
        named = images.overrides(ROOT)
        own = {f"demae/{one.name}:{one.version}": images.tag(one.name) for one in images.images(ROOT)}
        bases = {image: named.get(f"{key}_IMAGE", image) for image, key in UPSTREAM.items()}
        node = Node(
            manifests=read(path(ROOT).read_text()),
            network=name,
            folder=folder,
            images=own | bases,
            secrets=Values(api),
            account=account,
            server=(host, int(address.rpartition(":")[2])),
        )
        node.start()
        yield node


@pytest.fixture(scope="module")
def facts() -> Facts:
    """What the code says."""
    return collect(ROOT)


def certificate(account: Path, host: str) -> ssl.SSLContext:
    """Of the API server; the pods trust it by their account's ca.crt."""
    key, file = account.parent / "server.key", account / "ca.crt"
    words = ["openssl", "req", *VALID, "-subj", "/CN=kubernetes", "-addext", f"subjectAltName=IP:{host}"]
    subprocess.run([*words, "-keyout", key, "-out", file], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def test_every_pod_is_well(node: Node) -> None:
    """All of them passed their start and became ready; nobody was started again, and liveness holds."""
    found = {str(one): (node.refused(one, "livenessProbe"), node.restarts(one)) for one in node.workloads}
    assert found == dict.fromkeys(found, ("", 0))


@pytest.mark.skipif(not (ROOT / "demo").exists(), reason="nobody takes the money")
def test_first_order_is_delivered(node: Node) -> None:
    """Through the edge, with a token signed by the Secret that bootstrap made for people."""
    edge = f"http://{node.address(node.named('edge'))}:8000"
    person: dict[str, Any] = {"DEMAE_URL": edge, "JWT_SECRET": node.secrets["person"]["JWT_SECRET"]}
    code = {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in SOURCES)}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "first-order"],
        env={**os.environ, **code, **person},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_secrets_are_those_mounted(node: Node, facts: Facts) -> None:
    """bootstrap has made what the policies hold the manifests against."""
    assert {name: frozenset(node.secrets[name]) for name in node.secrets} == facts.secrets


@pytest.mark.skipif(not (ROOT / "demo").exists(), reason="nobody takes the money")
async def test_rolling_update_loses_nothing(node: Node, facts: Facts, tmp_path: Path) -> None:
    """Orders flow while every reader of the log is replaced: each is delivered, paid once, with every version."""
    edge, postgres = (node.address(node.named(name)) for name in ("edge", "postgres"))
    secret = {"JWT_SECRET": node.secrets["person"]["JWT_SECRET"]}
    stack = UrlStack({"DEMAE_E2E_URL": f"http://{edge}:8000", **secret})
    readers = [one for one in node.workloads if (it := facts.programs.get(one.name)) and it.service and not it.listens]

    def roll() -> None:
        for one in readers:
            node.replace(one)

    rolling = asyncio.create_task(asyncio.to_thread(roll))
    delivered = []
    while not rolling.done():
        delivered += await asyncio.gather(*(deliver_one(stack) for _ in range(2)))
    await rolling
    assert len(delivered) >= len(readers)
    word = node.secrets["bootstrap"]["DB_PASSWORD_VERIFY"]
    found = versions(f"postgresql://verify:{word}@{postgres}:5432/demae", delivered)
    assert found == {order: list(range(1, len(some) + 1)) for order, some in found.items()}
    log = tmp_path / "provider.jsonl"
    log.write_text(
        node.engine.ask("exec", node.container(node.named("provider")), "cat", "/var/lib/provider/log.jsonl")
    )
    paid = captures(log)
    assert {order: paid[order] for order in delivered} == dict.fromkeys(delivered, 1)


def test_services_end_in_time(node: Node, facts: Facts) -> None:
    """SIGTERM ends each of ours in the time that its manifest grants, by itself."""
    ours = [one for one in node.workloads if one.name in facts.programs and one.name != "edge"]
    with ThreadPoolExecutor(len(ours)) as pool:
        ended = dict(zip((one.name for one in ours), pool.map(node.stop, ours), strict=True))
    assert ended == dict.fromkeys(ended, 0)
