"""What must be there before anything else: prerequisites, and the virtual environment with exactly the locked packages.

Runs on whatever Python the machine has, with the standard library only: `python3 deploy/local/prepare.py run|dev`.
For `run`, Java is a prerequisite where processes are local, a fit engine where they are in containers; with `--no-java`
neither is.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON, JAVA = (3, 11), 17
PYTHON_LINE = "apt install python3 python3-venv, or brew install python"
MAVEN_LINE = "install it with: apt install maven (brings a Java), or brew install maven"
# Each file of locked packages has those of the files before it.
LOCKS = ("run", "dev")


def missing(lock: str, more: bool) -> list[str]:
    """One line for each prerequisite that is not there, saying how to install it; `more` than Python, too."""
    if os.pathsep in str(ROOT):
        return [
            f"The folder {ROOT} has a colon in its name, which separates folders in search paths: move the checkout"
        ]
    if lines := python_missing():
        return lines
    if not more:
        return []
    return runtime_missing() if lock == "run" else java_missing()


def runtime_missing() -> list[str]:
    """What the runtime needs that `make up` will take. It is looked for with a Python that is new enough only."""
    sys.path.insert(0, str(ROOT / "deploy"))
    from containers.engine import Engine  # noqa: PLC0415
    from runtime import choose, errors, layout  # noqa: PLC0415

    where = layout.from_environment()
    state = where.state
    try:
        layout.refuse_strange(where)
        if choose.choose(state) == choose.COMPOSE:
            Engine().refuse_unfit()
            return []
        lines = java_missing()
        free = not choose.forced() and not choose.remembered(state)
        return [choose.nothing_here(lines)] if lines and free else lines
    except errors.Refusal as refused:
        return [str(refused)]


def python_missing() -> list[str]:
    version = ".".join(str(part) for part in PYTHON)
    if sys.version_info < PYTHON:
        return [f"Python {version} or newer is missing; install it with: {PYTHON_LINE}"]
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        return ["Python's module venv is missing; install it with: apt install python3-venv"]
    return []


def java_missing() -> list[str]:
    lines = []
    version = java_version()
    if version is None or version < JAVA:
        found = "missing" if version is None else f"too old (it is {version})"
        lines.append(f"Java {JAVA} or newer is {found}; {MAVEN_LINE}")
    if shutil.which("mvn") is None:
        lines.append(f"Maven is missing; {MAVEN_LINE}")
    return lines


def java_version() -> "int | None":
    """The major version of JAVA_HOME's or the path's Java."""
    home = Path(os.environ.get("JAVA_HOME", "/none")) / "bin" / "java"
    program = str(home) if home.exists() else "java"
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else None


def environment(lock: str) -> bool:
    """Makes the virtual environment as `requirements/<lock>.txt` says; False when it is so already."""
    venv = ROOT / ".venv"
    if any(_stamp(venv, name) == _digest(name) for name in LOCKS[LOCKS.index(lock) :]):
        return False
    python = venv / "bin" / "python"
    if not _works(venv):
        print("  making the virtual environment .venv", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    print(f"  installing requirements/{lock}.txt", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements" / f"{lock}.txt")], check=True)
    (venv / f"demae-{lock}").write_text(_digest(lock))
    return True


def _works(venv: Path) -> bool:
    """False when it was moved (its programs hold absolute paths), or when its Python is gone."""
    program = venv / "bin" / "pip"
    if not program.exists() or str(venv) not in program.read_text():
        return False
    return subprocess.run([str(venv / "bin" / "python"), "-c", ""], capture_output=True, check=False).returncode == 0


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{lock}.txt").read_bytes()).hexdigest()


def _stamp(venv: Path, lock: str) -> "str | None":
    path = venv / f"demae-{lock}"
    return path.read_text() if path.exists() and (venv / "bin" / "python").exists() else None


def main() -> int:
    lock = sys.argv[1]
    if lines := missing(lock, more="--no-java" not in sys.argv):
        print("\n".join(lines), file=sys.stderr)
        return 1
    try:
        environment(lock)
    except subprocess.CalledProcessError as failed:
        print(
            f"The virtual environment could not be made: {' '.join(map(str, failed.cmd[:4]))} … failed.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
