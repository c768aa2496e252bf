"""Kafka Connect's REST interface, as much of it as the keeper needs."""

from collections.abc import Mapping
from typing import Any

import httpx

from chassis.errors import Transient
from keeper.domain import Connector

# A PUT waits for the connector's own check of its configuration, which opens a database connection.
TIMEOUT_SECONDS = 30.0


def http(user: str = "", password: str = "") -> httpx.Client:
    """The client for it; with a user for who asks for one."""
    return httpx.Client(timeout=TIMEOUT_SECONDS, auth=(user, password) if user else None)


class Connect:
    """One connector of one Connect cluster. Every call blocks up to TIMEOUT_SECONDS.

    Transient: Connect is away, starting (it answers `/` before `/connectors`), rebalancing, or refuses.
    """

    def __init__(self, url: str, name: str, client: httpx.Client) -> None:
        self._client = client
        self._connector = f"{url.rstrip('/')}/connectors/{name}"

    def status(self) -> Connector | None:
        """None: no connector of this name, or one so young that it has no status."""
        body = self._call("GET", "/status")
        if body is None:
            return None
        return Connector(body["connector"]["state"], [task["state"] for task in body["tasks"]])

    def configuration(self) -> dict[str, str] | None:
        """As registered; None when it is not."""
        body = self._call("GET", "/config")
        return None if body is None else {str(key): str(value) for key, value in body.items() if key != "name"}

    def register(self, configuration: Mapping[str, str]) -> None:
        """Create the connector or give it another configuration (its tasks start anew)."""
        self._call("PUT", "/config", configuration)

    def restart(self) -> None:
        """Restart what is FAILED, connector or task, and nothing else."""
        self._call("POST", "/restart?includeTasks=true&onlyFailed=true")

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        try:
            answer = self._client.request(method, f"{self._connector}{path}", json=body)
        except httpx.HTTPError as error:
            raise Transient(f"connect: {type(error).__name__}: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND and method == "GET":
            return None
        if answer.is_error:
            raise Transient(f"connect: {method} {path}: {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None
