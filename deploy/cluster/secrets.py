"""`make k8s-secrets`: the Secrets of a cluster, made from here and not by bootstrap. None is ever overwritten."""

import json
import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bootstrap import keeping
from bootstrap.settings import DATABASE
from cluster.render import kubectl
from runtime.errors import Refusal

NAMESPACE = "demae"
ADDRESS = f"postgres.{NAMESPACE}.svc:5432"
# Of the environment, for who brings their own: variable → the Secret that is its source.
BROUGHT = {
    "ADMIN_DATABASE_URL": "bootstrap",
    "KAFKA_PASSWORD": "bootstrap",
    "CONNECT_PASSWORD": "keeper",
    "JWT_SECRET": "person",
    "PROVIDER_KEY": "provider",
}
TRIES = 5  # each is lost to another writer only


class ClusterError(Refusal):
    """The cluster does not answer, or refused."""


class Cluster:
    """The Secrets of namespace demae, by kubectl and its current context. A `keeping.Store`."""

    def get(self, name: str) -> dict[str, str]:
        """Its values; empty when there is no such Secret."""
        return _values(self._find(name))

    def complete(self, name: str, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Adds the values that are missing, overwrites none; -> all it holds then, and the names of those added."""
        for _ in range(TRIES):
            found = self._find(name)
            held = _values(found)
            missing = {variable: value for variable, value in wanted.items() if variable not in held}
            if found is not None and not missing:
                return held, []
            if self._write(name, found, missing):
                return {**held, **missing}, list(missing)
        raise ClusterError(f"Secret {name} changes faster than it can be written.")

    def prepare(self, namespace: Path) -> None:
        """Makes the namespace where it is missing."""
        if not _demand(["get", "namespace", NAMESPACE, "--ignore-not-found", "--output=name"]).strip():
            _demand(["create", "--filename", str(namespace)])

    def _find(self, name: str) -> dict[str, Any] | None:
        said = _demand(["get", "secret", name, "--ignore-not-found", "--output=json"]).strip()
        found: dict[str, Any] | None = json.loads(said) if said else None
        return found

    def _write(self, name: str, found: dict[str, Any] | None, missing: Mapping[str, str]) -> bool:
        """False: another writer was first."""
        coded = {variable: b64encode(value.encode()).decode() for variable, value in missing.items()}
        whole = {**(found or _new(name)), "data": {**((found or {}).get("data") or {}), **coded}}
        # `replace` says which version was read.
        done = _kubectl(["replace" if found else "create", "--filename=-"], json.dumps(whole))
        if done.returncode != 0 and not any(word in done.stderr for word in ("Conflict", "AlreadyExists")):
            raise ClusterError(f"Secret {name} could not be written: {done.stderr.strip()[-500:]}")
        return done.returncode == 0


def make(root: Path, tell: Callable[[str], None]) -> None:
    """Makes what is missing, and says what. Raises Refusal."""
    store = Cluster()
    store.prepare(root / "deploy" / "k8s" / "base" / "namespace.yaml")
    for variable, name in BROUGHT.items():
        if value := os.environ.get(variable):
            held, added = store.complete(name, {variable: value})
            if not added and held[variable] != value:
                tell(f"Secret {name} has another {variable}: left as it is")
    made: list[str] = []
    keeping.keep(store, root / "services", DATABASE, ADDRESS, made.append, tell)
    for line in made or ["every Secret is there"]:
        tell(line)


def _new(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demae"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}


def _values(secret: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: b64decode(value).decode() for name, value in ((secret or {}).get("data") or {}).items()}


def _demand(words: list[str]) -> str:
    done = _kubectl(words)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise ClusterError(f"kubectl's current cluster does not do it: {last}")
    return done.stdout


def _kubectl(words: list[str], text: str = "") -> "subprocess.CompletedProcess[str]":
    command = [kubectl(), "--request-timeout=20s", "--namespace", NAMESPACE, *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)
