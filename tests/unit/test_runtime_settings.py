"""What a person may set for `make up` stands in the page of each runtime."""

import pytest

from runtime.layout import ROOT
from runtime.system import PASSED


@pytest.mark.parametrize("page", ["deploy/local/README.md", "deploy/containers/README.md"])
@pytest.mark.parametrize("name", PASSED)
def test_setting_is_told(page: str, name: str) -> None:
    """In its table of settings."""
    table = (ROOT / page).read_text("utf-8").split("\n## Settings\n")[1].split("\n## ")[0]
    assert f"`{name}`" in table
