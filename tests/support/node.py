"""What a node does with rendered manifests, as far as a container engine alone can: a container for each workload.

One replica each; users, groups, capabilities, read-only roots, limits, volumes, variables, arguments, init containers
and probes are as the manifest says, a Service is a name in the network. Secrets are those that the API server holds,
and a pod waits for its own. Network policies and rolling updates are a cluster's, and are not here.
"""

import http.client
import os
import re
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.manifests import Manifest, Manifests, Workload, behind, configuration, name_of, of_kind, workloads
from containers.engine import Engine
from ground.container_runs import labels

NAMESPACE = "demae"
WAIT_SECONDS = 240.0
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# An anonymous volume: a plain tmpfs takes the rights of the image's folder below it.
MEMORY = (
    "type=volume,dst={path},volume-nocopy,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"
    '"volume-opt=o=gid={group},mode=2775"'
)
UNITS = {"Mi": "m", "Gi": "g"}


@dataclass
class Node:
    """`images`: image in the manifests → image on the engine; `secrets`: Secret → values; `account`: a pod's token."""

    manifests: Manifests
    network: str
    folder: Path
    images: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, Any]]
    account: Path
    server: tuple[str, int]
    engine: Engine = field(default_factory=Engine)
    faults: list[Exception] = field(default_factory=list)

    def start(self) -> None:
        """Starts every workload, all at once as a cluster does; returns when all are ready."""
        with ThreadPoolExecutor(len(self.workloads)) as pool:
            list(pool.map(self._start, self.workloads))
        if self.faults:
            raise self.faults[0]  # the others gave up for it

    @property
    def workloads(self) -> list[Workload]:
        return workloads(self.manifests)

    def named(self, name: str) -> Workload:
        return next(one for one in self.workloads if one.name == name)

    def _start(self, workload: Workload) -> None:
        try:
            self._bring_up(workload)
        except Exception as fault:
            self.faults.append(fault)

    def _bring_up(self, workload: Workload) -> None:
        for container in workload.pod.get("initContainers", []):
            self._run(workload, container, f"{self.network}-{workload.name}-{container['name']}", wait=True)
        self._run(workload, workload.main, self.container(workload), wait=False)
        self._wait(workload, "startupProbe")
        self._wait(workload, "readinessProbe")

    def container(self, workload: Workload) -> str:
        return f"{self.network}-{workload.name}"

    def address(self, workload: Workload) -> str:
        """Of the pod."""
        found = self.engine.inspect("container", [self.container(workload)])[0]
        return str(found["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def restarts(self, workload: Workload) -> int:
        """How often it ended by itself, as far as anybody may see."""
        found = self.engine.inspect("container", [self.container(workload)])[0]
        return int(found["RestartCount"]) + (not found["State"]["Running"])

    def logs(self, workload: Workload) -> str:
        said = self.engine.attempt("logs", "--tail", "20", self.container(workload))
        return said.out + said.err

    def stop(self, workload: Workload) -> int:
        """SIGTERM, and the time that its manifest grants; -> the exit code."""
        grace = str(workload.pod.get("terminationGracePeriodSeconds", 30))
        self.engine.ask("stop", "--time", grace, self.container(workload))
        return int(self.engine.inspect("container", [self.container(workload)])[0]["State"]["ExitCode"])

    def replace(self, workload: Workload) -> None:
        """A rolling update of one replica, when none may be too many: the old one ends, then the new one is ready."""
        self.stop(workload)
        self.engine.ask("start", self.container(workload))
        self._wait(workload, "startupProbe")
        self._wait(workload, "readinessProbe")

    def _run(self, workload: Workload, container: Manifest, name: str, *, wait: bool) -> None:
        given = [
            word for key, value in self._variables(workload, container).items() for word in ("--env", f"{key}={value}")
        ]
        said = [word for key, value in labels().items() for word in ("--label", f"{key}={value}")]
        words = ["run", *([] if wait else ["--detach", "--restart=on-failure"]), "--name", name, *said, *given]
        words += [*self._rights(workload, container), *self._net(workload, wait), *self._mounts(workload, container)]
        begun = container.get("command", [])
        words += ["--entrypoint", begun[0]] if begun else []
        words += [self.images.get(container["image"], container["image"]), *begun[1:], *container.get("args", [])]
        done = self.engine.attempt(*words)
        if done.code != 0:
            raise AssertionError(f"{name}: {done.err}{done.out}")

    @staticmethod
    def _rights(workload: Workload, container: Manifest) -> list[str]:
        pod, own = workload.pod["securityContext"], container["securityContext"]
        limit = container["resources"]["limits"]["memory"]
        words = ["--user", f"{pod['runAsUser']}:{pod['runAsGroup']}", "--group-add", str(pod["fsGroup"])]
        words += ["--memory", limit[:-2] + UNITS[limit[-2:]], "--pull", "never"]
        words += [word for one in own["capabilities"]["drop"] for word in ("--cap-drop", one)]
        words += ["--read-only"] if own["readOnlyRootFilesystem"] else []
        return [*words, *([] if own["allowPrivilegeEscalation"] else ["--security-opt", "no-new-privileges"])]

    def _net(self, workload: Workload, first: bool) -> list[str]:
        names = [name_of(one) for one in of_kind(self.manifests, "Service") if workload in behind(one, self.manifests)]
        pods = [f"{workload.name}-0.{name}" for name in names if workload.manifest["kind"] == "StatefulSet"]
        every = [known for name in [*names, *pods] for known in (name, f"{name}.{NAMESPACE}.svc")]
        aliases = [] if first else [word for name in every for word in ("--network-alias", name)]
        return ["--network", self.network, *aliases]

    def _mounts(self, workload: Workload, container: Manifest) -> list[str]:
        volumes = {one["name"]: one for one in workload.pod.get("volumes", [])}
        group, words = workload.pod["securityContext"]["fsGroup"], []
        for mount in container.get("volumeMounts", []):
            volume = volumes.get(mount["name"], {})
            if "secret" in volume:
                source = self._files(volume["secret"]["secretName"], workload.name, group)
                words += ["--volume", f"{source}:{mount['mountPath']}:ro"]
            else:  # what the kubelet makes of an emptyDir, or of a claim, for a pod with this fsGroup
                words += ["--mount", MEMORY.format(path=mount["mountPath"], group=group)]
        return [*words, *(["--volume", f"{self.account}:{TOKEN}:ro"] if self._has_account(workload) else [])]

    def _files(self, secret: str, workload: str, group: int) -> Path:
        """A Secret as files; waits until there is one, as a kubelet does."""
        deadline = time.monotonic() + WAIT_SECONDS
        while secret not in self.secrets:
            if self.faults or time.monotonic() > deadline:
                raise AssertionError(f"nobody made Secret {secret}")
            time.sleep(0.1)
        folder = self.folder / workload
        folder.mkdir(exist_ok=True)
        for name, value in self.secrets[secret].items():
            (folder / name).write_text(value)
            (folder / name).chmod(0o440 if os.geteuid() == 0 else 0o444)
            if os.geteuid() == 0:
                os.chown(folder / name, 0, group)
        return folder

    def _variables(self, workload: Workload, container: Manifest) -> dict[str, str]:
        host, port = self.server
        given = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}
        for source in container.get("envFrom", []):
            given |= configuration(source["configMapRef"]["name"], self.manifests)
        pod = {
            "metadata.name": f"{workload.name}-0",
            "metadata.namespace": NAMESPACE,
            "metadata.labels['apps.kubernetes.io/pod-index']": "0",
            "status.podIP": workload.name,
        }
        for one in container.get("env", []):
            value = one["value"] if "value" in one else pod[one["valueFrom"]["fieldRef"]["fieldPath"]]
            given[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], value)
        return given

    @staticmethod
    def _has_account(workload: Workload) -> bool:
        return bool(workload.pod["automountServiceAccountToken"])

    def _wait(self, workload: Workload, probe: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while reason := self.refused(workload, probe):
            if self.faults or self.restarts(workload) > 0 or time.monotonic() > deadline:
                raise AssertionError(f"{workload}: {probe}: {reason}\n{self.logs(workload)}")
            time.sleep(0.5)

    def refused(self, workload: Workload, probe: str) -> str:
        """Asks once, as a kubelet does; -> why not, empty when it passes."""
        asked = workload.main[probe]
        if "exec" in asked:
            said = self.engine.attempt("exec", self.container(workload), *asked["exec"]["command"])
            return "" if said.code == 0 else f"exit code {said.code} {said.err}"
        port = (asked.get("httpGet") or asked["tcpSocket"])["port"]
        try:
            where = self.address(workload), workload.ports[port]
            return _get(*where, asked["httpGet"]["path"]) if "httpGet" in asked else _connect(*where)
        except (OSError, IndexError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__


def _get(host: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return "" if answer.status < 400 else f"{answer.status} {answer.read(500).decode()}"
    finally:
        connection.close()


def _connect(host: str, port: int) -> str:
    socket.create_connection((host, port), timeout=5).close()
    return ""
