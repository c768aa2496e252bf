"""`docker build`, several at once: a line for each image that is there, and the end of the log of one that is not."""

import concurrent.futures
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from containers.engine import Engine, EngineError
from runtime.errors import Refusal

AT_ONCE = 3
TAIL = 12  # lines of a log that say why
BUILDX = "Docker's plug-in buildx is missing: install docker-buildx-plugin (of Docker) or docker-buildx (of Debian)."


class BuildError(Refusal):
    """An image could not be built; its log is kept."""


@dataclass(frozen=True)
class Build:
    """One image: a target of a Dockerfile under the root, which is the context."""

    name: str
    tag: str
    dockerfile: str
    target: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[str] = ()

    def words(self, root: Path) -> list[str]:
        pairs = [("--build-arg", self.arguments), ("--label", self.labels)]
        said = [word for option, values in pairs for k, v in values.items() for word in (option, f"{k}={v}")]
        start = ["docker", "build", "--progress=plain", "--file", str(root / self.dockerfile), "--target", self.target]
        return [*start, *said, *self.more, "--tag", self.tag, str(root)]


def refuse_unfit() -> None:
    """Raises Refusal when no engine answers, when it is too old, or when it cannot build."""
    engine = Engine()
    engine.refuse_unfit()
    if engine.attempt("buildx", "version").code != 0:
        raise EngineError(BUILDX)


def build(root: Path, builds: Sequence[Build], say: Callable[[str], None]) -> None:
    """Builds all of them. Raises EngineGone, or BuildError for those that failed, when the others are done."""
    failed = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_build, root, one) for one in builds]
        try:
            for done in concurrent.futures.as_completed(running):
                try:
                    say(done.result())
                except BuildError as error:
                    failed.append(str(error))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        Engine().ask("version")
        raise BuildError("\n".join(failed))


def _build(root: Path, one: Build) -> str:
    """-> one line with size and seconds."""
    began = time.monotonic()
    log = root / ".run" / "images" / f"{one.name.replace(':', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(one.words(root), stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        end = log.read_text(errors="replace").splitlines()[-TAIL:]
        raise BuildError("\n".join([f"{one.tag} is not built; the end of {log}:", *end]))
    return line(one.name, one.tag, time.monotonic() - began)


def line(name: str, tag: str, seconds: float) -> str:
    """`payment  62 MB  3.1 s`"""
    size = int(Engine().ask("image", "inspect", "--format", "{{.Size}}", tag)) / 1e6
    return f"{name:<24} {size:>4.0f} MB {seconds:>6.1f} s"
