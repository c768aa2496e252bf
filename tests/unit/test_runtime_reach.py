"""Where programs of this machine find the system's database."""

import errno
from pathlib import Path
from unittest import mock

import pytest

from runtime import layout, reach
from runtime.errors import NotUpError


def test_given_address_wins_over_everything(tmp_path: Path) -> None:
    """A cluster's database has no state folder here."""
    given = {"DATABASE_URL": "postgresql://verify@elsewhere/demae", "DEMAE_STATE": str(tmp_path)}
    with reach.database("verify", given) as url:
        assert url == given["DATABASE_URL"]


@pytest.mark.parametrize("runtime", ["", "local"])
def test_stopped_system_is_one_sentence(tmp_path: Path, runtime: str) -> None:
    """Whether it never was up or is down."""
    state = tmp_path / "state"
    layout.Layout(layout.ROOT, state, tmp_path, 0).make()
    if runtime:
        layout.remember(state, runtime=runtime)
    with pytest.raises(NotUpError, match="make up"), reach.database("verify", {"DEMAE_STATE": str(state)}):
        pass


def test_door_closes_on_every_system() -> None:
    """macOS refuses to shut a socket down that only listens: the block's own end is what counts."""
    server = mock.MagicMock()
    server.__enter__.return_value = server
    server.accept.side_effect = server.shutdown.side_effect = OSError(errno.ENOTCONN, "Socket is not connected")
    with (
        mock.patch("socket.create_server", return_value=server),
        pytest.raises(KeyError, match="the block's own"),
        reach.door("true"),
    ):
        raise KeyError("the block's own")
    server.shutdown.assert_called_once()
