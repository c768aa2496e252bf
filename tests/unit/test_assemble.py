"""What an image's own code is: the member, those it depends on, the files it asks for; and the locks of images."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import assemble
from containers import images
from runtime.layout import ROOT

PROJECT = '[project]\nname = "{name}"\ndependencies = {needs}\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`shop` depends on `base-parts` by its distribution's name; `other` is another service."""
    files = {
        "chassis/pyproject.toml": PROJECT.format(name="Base_Parts", needs='["structlog>=1"]'),
        "chassis/src/base_parts/__init__.py": "",
        "services/shop/pyproject.toml": PROJECT.format(name="shop", needs='["base-parts", "httpx[http2]>=0.28"]'),
        "services/shop/__main__.py": "import base_parts\n",
        "services/shop/README.md": "for people\n",
        "services/shop/__pycache__/old.cpython-311.pyc": "",
        "services/shop/migrations/0001_one.sql": "SELECT 1;\n",
        "services/other/pyproject.toml": PROJECT.format(name="other", needs="[]"),
        "services/other/__main__.py": "",
        "services/other/migrations/0001_two.sql": "SELECT 2;\n",
        "contracts/topics.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def held(tree: Path, target: Path) -> set[str]:
    """The files of the assembled copy, without bytecode."""
    assemble.assemble(tree, tree / "services" / "shop", target)
    return {
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }


def test_copy_has_own_members_only(tree: Path, tmp_path: Path) -> None:
    """Nothing of the other service, nothing for people, nothing of an older Python."""
    assert held(tree, tmp_path / "app") == {
        "__main__.py",
        "chassis/src/base_parts/__init__.py",
        "services/shop/__main__.py",
        "services/shop/migrations/0001_one.sql",
        "services/shop/pyproject.toml",
    }
    assert not list((tmp_path / "app").rglob("old.*"))


@pytest.mark.parametrize(("test", "there"), [("", False), ("1", True)])
def test_fakes_are_for_test_builds(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str, there: bool
) -> None:
    """What the library's users need for their tests, and failpoints hang on, is in no image for people."""
    fake = tree / "chassis/src/chassis/testing/log.py"
    fake.parent.mkdir(parents=True)
    fake.write_text("")
    monkeypatch.setenv("TEST", test)
    assert ("chassis/src/chassis/testing/log.py" in held(tree, tmp_path / "app")) is there


def test_pyproject_names_more_files(tree: Path, tmp_path: Path) -> None:
    """Patterns from the root, as bootstrap has them."""
    project = tree / "services" / "shop" / "pyproject.toml"
    project.write_text(
        project.read_text() + '[tool.demae.image]\nfiles = ["services/*/migrations", "contracts/topics.json"]\n'
    )
    more = {"contracts/topics.json", "services/other/migrations/0001_two.sql"}
    assert more <= held(tree, tmp_path / "app")
    project.write_text(project.read_text().replace("topics.json", "none.json"))
    with pytest.raises(SystemExit, match="nothing is there"):
        held(tree, tmp_path / "again")


def test_same_sources_same_bytes(tree: Path, tmp_path: Path) -> None:
    """Whatever the files' dates: an image's layer changes only with its sources."""
    assemble.assemble(tree, tree / "services" / "shop", tmp_path / "one")
    for path in tree.rglob("*.py"):
        path.touch()
    assemble.assemble(tree, tree / "services" / "shop", tmp_path / "two")
    one, two = (
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*.py*")} for top in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_dependencies_beside_members(tree: Path) -> None:
    """Members' needs are needs; members themselves are not."""
    folders = assemble.closure(tree, tree / "services" / "shop")
    assert assemble.outside(tree, folders) == ["httpx[http2]>=0.28", "structlog>=1"]


def test_copy_starts_as_its_name(tree: Path, tmp_path: Path) -> None:
    """The program of the copy becomes `python -m shop`, with its arguments, in the same process."""
    (tree / "services/shop/__main__.py").write_text("import sys\nprint(__spec__.parent, sys.argv[1:])\n")
    assemble.assemble(tree, tree / "services" / "shop", tmp_path / "app")
    path = f"{tmp_path}/app/services:{tmp_path}/app/chassis/src"
    folder = Path(sys.executable).parent
    said = subprocess.run(
        [sys.executable, tmp_path / "app", "http", "-v"],
        env={"PYTHONPATH": path, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "shop ['http', '-v']\n"


def test_locks_of_images_agree() -> None:
    """Every image has a lock, every lock has an image, and all have the versions that the tests run on."""
    locks = {path.stem: pins(path) for path in (ROOT / "requirements" / "images").glob("*.txt")}
    assert set(locks) == {image.name for image in images.images(ROOT)} - {"edge"}
    dev = pins(ROOT / "requirements" / "dev.txt")
    assert {pin for lock in locks.values() for pin in lock} <= dev


@pytest.mark.parametrize("image", [image for image in images.images(ROOT) if image.folder], ids=lambda one: one.name)
def test_lock_has_what_is_declared(image: images.Image) -> None:
    """A dependency that was added to a pyproject and not locked would be missing in the image."""
    folder = ROOT / image.folder / image.name
    declared = assemble.outside(ROOT, assemble.closure(ROOT, folder))
    locked = {pin.split("==")[0] for pin in pins(ROOT / "requirements" / "images" / f"{image.name}.txt")}
    assert {assemble.package(need) for need in declared} <= locked


def pins(lock: Path) -> set[str]:
    """`name==version` of a lock."""
    return set(re.findall(r"^[a-z0-9-]+==[^ \\;]+", lock.read_text(), re.MULTILINE))
