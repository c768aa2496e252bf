"""Secrets of a Kubernetes namespace, through the API server, by the pod's own service account.

It needs the verbs get, create and update on secrets of its namespace.
"""

import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from chassis.errors import Transient

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TRIES = 10  # each is lost to another writer only
TIMEOUT_SECONDS = 10.0


class Secrets:
    """The Secrets of one namespace. Transient: the API server is away, or says no."""

    def __init__(self, client: httpx.Client, token: Path, namespace: str) -> None:
        """`client` has the API server as its base; `token` is read for each call, because it is exchanged hourly."""
        self._client = client
        self._token = token
        self._folder = f"/api/v1/namespaces/{namespace}/secrets"

    def get(self, name: str) -> dict[str, str]:
        """Its values; empty when there is no such Secret."""
        found = self._call("GET", f"{self._folder}/{name}")
        return _values(found) if found is not None else {}

    def complete(self, name: str, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Adds the values that are missing, overwrites none; -> all that it holds then, and the names of those added.

        Safe from several places at once: an update says which version it has read, and begins again when that is old.
        """
        for _ in range(TRIES):
            found = self._call("GET", f"{self._folder}/{name}")
            held = _values(found) if found is not None else {}
            missing = {variable: value for variable, value in wanted.items() if variable not in held}
            if found is not None and not missing:
                return held, []
            if self._write(name, found, missing):
                return {**held, **missing}, list(missing)
        raise Transient(f"kubernetes: Secret {name} changes faster than it can be written")

    def _write(self, name: str, found: dict[str, Any] | None, missing: Mapping[str, str]) -> bool:
        """False: another writer was first."""
        coded = {variable: b64encode(value.encode()).decode() for variable, value in missing.items()}
        if found is None:
            return self._call("POST", self._folder, _new(name, coded)) is not None
        whole = {**found, "data": {**(found.get("data") or {}), **coded}}
        return self._call("PUT", f"{self._folder}/{name}", whole) is not None

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """None: not there (GET), or not as it was read (POST, PUT)."""
        try:
            bearer = {"Authorization": f"Bearer {self._token.read_text().strip()}"}
            answer = self._client.request(method, path, json=body, headers=bearer)
        except (httpx.HTTPError, OSError) as error:
            raise Transient(f"kubernetes: {type(error).__name__}: {error}") from error
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
            return None
        if answer.is_error:
            raise Transient(f"kubernetes: {method} {path}: {answer.status_code}: {_message(answer)}")
        found: dict[str, Any] = answer.json()
        return found


def in_cluster(account: Path = ACCOUNT) -> Secrets:
    """The namespace that this pod runs in. Raises Transient where there is no service account."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        namespace = (account / "namespace").read_text().strip()
        trust = ssl.create_default_context(cafile=str(account / "ca.crt"))
    except OSError as error:
        raise Transient(f"kubernetes: this pod has no service account: {error}") from error
    address = f"[{host}]" if ":" in host else host
    client = httpx.Client(base_url=f"https://{address}:{port}", verify=trust, timeout=TIMEOUT_SECONDS, trust_env=False)
    return Secrets(client, account / "token", namespace)


def _values(secret: Mapping[str, Any]) -> dict[str, str]:
    return {name: b64decode(value).decode() for name, value in (secret.get("data") or {}).items()}


def _new(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demae"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "type": "Opaque",
        "data": data,
    }


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
