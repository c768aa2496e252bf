"""Copies of the checkout, in which a test may change whatever it likes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, checkout_copy


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """This tree as it is now, committed."""
    with checkout_copy(tmp_path / "checkout") as copy:
        yield copy
