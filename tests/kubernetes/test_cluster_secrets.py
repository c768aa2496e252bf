"""`make k8s-secrets`, with a kubectl that keeps its objects in files."""

import json
import os
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from cluster import secrets
from cluster.facts import collect
from runtime.layout import ROOT

# Like kubectl: create refuses what exists, replace refuses an older version, get says nothing about what is not there.
KUBECTL = f"""#!{sys.executable}
import json, pathlib, sys
home = pathlib.Path(__file__).parent / "objects"
words = [word for word in sys.argv[1:] if not word.startswith("-")]
if words[:1] == ["version"]:
    print(json.dumps({{"clientVersion": {{"major": "1", "minor": "37", "gitVersion": "v1.37.2"}}}}))
    sys.exit()
words = words[1:]  # the value of --namespace
if (home / "down").exists():
    sys.exit("Unable to connect to the server: dial tcp 127.0.0.1:6443: connect: connection refused")
if words[:2] == ["get", "namespace"]:
    print("namespace/demae" if (home / "namespace").exists() else "", end="")
elif words[:2] == ["get", "secret"]:
    path = home / words[2]
    print(path.read_text() if path.exists() else "", end="")
elif words[0] == "create" and "--filename=-" not in sys.argv:
    (home / "namespace").touch()
else:
    said = json.load(sys.stdin)
    path = home / said["metadata"]["name"]
    if words[0] == "create" and path.exists():
        sys.exit("Error from server (AlreadyExists): secrets already exists")
    version = json.loads(path.read_text())["metadata"]["resourceVersion"] if path.exists() else "0"
    if words[0] == "replace" and said["metadata"]["resourceVersion"] != version:
        sys.exit("Error from server (Conflict): the object has been modified")
    said["metadata"]["resourceVersion"] = str(int(version) + 1)
    path.write_text(json.dumps(said))
"""


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cluster's objects, as files."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    (tmp_path / "objects").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "objects"


def held(objects: Path) -> dict[str, dict[str, str]]:
    """Secret → variable → value."""
    found = {path.name: json.loads(path.read_text())["data"] for path in objects.iterdir() if path.name != "namespace"}
    return {name: {key: b64decode(value).decode() for key, value in data.items()} for name, data in found.items()}


def make() -> list[str]:
    said: list[str] = []
    secrets.make(ROOT, said.append)
    return said


def test_every_secret_is_made(objects: Path) -> None:
    """Exactly those that the manifests mount, with the keys that the code reads."""
    make()
    assert {name: frozenset(values) for name, values in held(objects).items()} == collect(ROOT).secrets


def test_second_time_changes_nothing(objects: Path) -> None:
    """What is in the database was made with these."""
    make()
    before = held(objects)
    assert make() == ["every Secret is there"]
    assert held(objects) == before


def test_missing_one_is_added(objects: Path) -> None:
    """A new service's, to those that are there."""
    make()
    before = held(objects)
    (objects / "delivery").unlink()
    assert make() == ["Secret delivery: made DATABASE_URL"]
    assert held(objects) == before


def test_own_values_are_taken(objects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A managed Postgres and a real provider, before anything is made."""
    monkeypatch.setenv("ADMIN_DATABASE_URL", "postgresql://admin:word@db.example.org:5432/postgres")
    monkeypatch.setenv("PROVIDER_KEY", "sk_live_1")
    make()
    assert held(objects)["payment"]["PROVIDER_KEY"] == "sk_live_1"
    assert "@db.example.org:5432/demae" in held(objects)["payment"]["DATABASE_URL"]


def test_cluster_that_is_down_is_named(objects: Path) -> None:
    """One sentence, with what kubectl said."""
    (objects / "down").touch()
    with pytest.raises(secrets.ClusterError, match="current cluster does not do it: Unable to connect"):
        make()
