"""Tests of what is made for containers; those that start some are skipped where no engine answers."""

import os

import pytest

from containers import base_images
from containers.engine import Engine
from runtime.errors import Refusal
from runtime.layout import ROOT


@pytest.fixture(scope="session")
def engine() -> None:
    """An engine that answers."""
    try:
        Engine().refuse_unfit()
    except Refusal as refused:
        if os.environ.get("RUNTIME") == "compose":
            pytest.fail(str(refused))
        pytest.skip(str(refused))


@pytest.fixture(scope="session")
def base_image(engine: None) -> str:
    """Some image that is on the engine, with a shell and `sleep`."""
    return base_images.overrides(ROOT).get("POSTGRES_IMAGE", "postgres:17")
