"""Which processes are found in the folders."""

from pathlib import Path

from runtime import discovery
from runtime.layout import ROOT


def service(root: Path, name: str, said: str = "") -> None:
    """A folder as a service has it."""
    folder = root / "services" / name
    folder.mkdir(parents=True)
    (folder / "__main__.py").touch()
    (folder / "pyproject.toml").write_text(said)


def test_new_folder_is_one_process(tmp_path: Path) -> None:
    """A service that says nothing about processes is `python -m NAME`."""
    service(tmp_path, "loyalty")
    assert discovery.processes(tmp_path) == [discovery.Process("loyalty", "loyalty")]


def test_pyproject_names_the_processes(tmp_path: Path) -> None:
    """One service, two processes, each with its argument and the needs of the service."""
    said = '[tool.demae]\nneeds = ["http"]\n[tool.demae.processes]\nhttp = ["http"]\nprojector = ["projector"]\n'
    service(tmp_path, "api", said)
    needs = frozenset({"http"})
    assert discovery.processes(tmp_path) == [
        discovery.Process("api-http", "api", ("http",), needs),
        discovery.Process("api-projector", "api", ("projector",), needs),
    ]


def test_folder_without_program_is_left(tmp_path: Path) -> None:
    """Migrations alone are a schema, not a process."""
    (tmp_path / "services" / "draft" / "migrations").mkdir(parents=True)
    assert discovery.processes(tmp_path) == []


def test_every_service_here_is_found() -> None:
    """The tree's own services, with both processes of api."""
    names = {process.name for process in discovery.processes(ROOT)}
    assert names >= {"api-http", "api-projector", "delivery", "keeper", "notifier", "payment", "restaurant"}
    assert ("provider" in names) == (ROOT / "demo").exists()
