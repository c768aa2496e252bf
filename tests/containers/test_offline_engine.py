"""`deploy/offline/engine`: after `down` the machine is as before, also when the daemon was killed.

Needs root and the programs that `engine up` installs. In namespaces of its own: it disturbs no engine that runs.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.layout import ROOT

ENGINE = str(ROOT / "deploy" / "offline" / "engine")
INSTALLED = Path(os.environ.get("DEMAE_ENGINE") or Path.home() / ".cache" / "demae-engine")
# Prints what is there before and after; in between a container, a network, a published port.
SCENE = r"""
set -eu
look() {
  for save in iptables-save ip6tables-save; do $save | grep -E '^-A|DROP' || true; done
  ip -o link | cut -d: -f2
  cut -d' ' -f5 /proc/self/mountinfo | grep -F "$DEMAE_ENGINE" || true
  cat /proc/sys/net/ipv4/ip_forward
  find /sys/fs/cgroup -maxdepth 2 -name 'demae-engine*'
  ps -eo args | grep -F "$DEMAE_ENGINE" | grep -v grep || true
  ps -eo args | grep '^/bin/sleep 98765' || true
  ls "$DEMAE_ENGINE" | grep -v -e '^data$' -e '^dockerd.log$'
}
ip link set lo up
look >"$1/before"
"$ENGINE" up
eval "$("$ENGINE" env)"
[ "$(docker info --format '{{.CgroupDriver}}')" = cgroupfs ]
tar -ch /bin/sleep $(ldd /bin/sleep | grep -o '/[^ ]*') 2>/dev/null | docker import - sleeper >/dev/null
docker network create net >/dev/null
docker run --detach --init --network net --publish 127.0.0.1:7999:80 sleeper /bin/sleep 98765 >/dev/null
[ -n "$(ps -eo args | grep '^/bin/sleep 98765')" ]
[ "$2" = stop ] || kill -KILL "$(cat "$DEMAE_ENGINE/dockerd.pid")"
"$ENGINE" down
look >"$1/after"
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for one engine, with a short name: a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="demae-e", dir="/tmp") as name:
        yield Path(name)
        subprocess.run([ENGINE, "down", "--purge"], env={**os.environ, "DEMAE_ENGINE": name}, check=True)
        Path(name).mkdir(exist_ok=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="an engine needs root")
@pytest.mark.skipif(not (INSTALLED / "programs" / "done").exists(), reason="not installed: deploy/offline/engine up")
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_down_leaves_nothing(home: Path, tmp_path: Path, end: str) -> None:
    """No process, link, firewall rule, mount, cgroup or socket."""
    for name in ("programs", "client"):
        (home / name).symlink_to(INSTALLED / name)
    variables = {**os.environ, "DEMAE_ENGINE": str(home), "ENGINE": ENGINE}
    words = [
        "unshare",
        "--net",
        "--mount",
        "--propagation",
        "private",
        "bash",
        "-c",
        SCENE,
        "scene",
        str(tmp_path),
        end,
    ]
    said = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()


def refused(home: str, *before: str, command: str = "up") -> str:
    """What `engine COMMAND` says when it does nothing."""
    words = [*before, ENGINE, *command.split()]
    variables = {**os.environ, "DEMAE_ENGINE": home}
    said = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert not said.stdout
    return said.stderr


@pytest.fixture
def someone() -> list[str]:
    """Words before a command, so that it is not root's."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--reuid", "65534", "--clear-groups"]
    if (
        not shutil.which("setpriv")
        or subprocess.run([*words, "ls", ENGINE], capture_output=True, check=False).returncode
    ):
        pytest.skip("another user cannot see this checkout")
    return words


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody can read."""
    with tempfile.TemporaryDirectory(prefix="demae-e", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_refuses_without_root(someone: list[str]) -> None:
    """Says what else there is."""
    assert "needs root" in refused("/tmp/demae-nobody", *someone)


# Never as root: what is not refused would be removed, and processes of other engines ended.
@pytest.mark.parametrize("command", ["up", "down", "down --purge"])
def test_refuses_folder_of_other_things(folder: Path, someone: list[str], command: str) -> None:
    """DEMAE_ENGINE=$HOME: `programs` may be somebody's folder, too."""
    (folder / "programs").mkdir()
    said = refused(str(folder), *someone, command=command)
    assert said == f"{folder} is no engine's folder, and not empty: set DEMAE_ENGINE to a new or an empty one.\n"
    assert (folder / "programs").exists()


@pytest.mark.parametrize("mark", ["begun", "done"])
def test_knows_its_folder(folder: Path, someone: list[str], mark: str) -> None:
    """Also after an `up` that was interrupted while it installed."""
    (folder / "programs").mkdir()
    (folder / "programs" / mark).touch()
    assert "only root can stop it" in refused(str(folder), *someone, command="down --purge")


@pytest.mark.skipif(os.geteuid() != 0, reason="an engine needs root")
@pytest.mark.skipif(not shutil.which("apt-get"), reason="no Debian")
def test_refuses_long_path() -> None:
    """A socket's path has a limit that nobody knows by heart."""
    home = f"/tmp/{'long' * 30}"
    assert "set DEMAE_ENGINE to a shorter folder" in refused(home)
    assert not Path(home).exists()
