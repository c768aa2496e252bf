"""What the `demae` command needs of its environment, and the tokens it makes."""

from pathlib import Path
from typing import cast
from urllib.parse import parse_qs

import jwt
import pytest

from cli.configuration import Configuration, configuration
from cli.errors import CommandError
from cli.session import page_of
from cli.tokens import AUDIENCE, Role, mint
from demae_client import Order

SECRET = "a development secret of enough bytes"


def test_environment_is_read() -> None:
    """The address loses its trailing slash."""
    known = configuration({"DEMAE_URL": "http://127.0.0.1:8000/", "JWT_SECRET": SECRET})
    assert (known.url, known.jwt_secret) == ("http://127.0.0.1:8000", SECRET)


def test_secret_may_be_a_file(tmp_path: Path) -> None:
    """As the services' are; the environment wins."""
    (tmp_path / "JWT_SECRET").write_text(f"{SECRET}\n")
    given = {"DEMAE_URL": "http://127.0.0.1:8000", "SECRETS": str(tmp_path)}
    assert configuration(given).jwt_secret == SECRET
    assert configuration({**given, "JWT_SECRET": SECRET[::-1]}).jwt_secret == SECRET[::-1]


def test_every_missing_variable_is_named() -> None:
    """One failure names them all, with the exit code of a configuration error."""
    with pytest.raises(CommandError, match=r"(?s)DEMAE_URL.*JWT_SECRET") as failure:
        configuration({})
    assert failure.value.exit_code == 78


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "localhost", "ftp://x", "http://"])
def test_unusable_address_is_refused(url: str) -> None:
    """An address without scheme or host is named, not tried."""
    with pytest.raises(CommandError, match="must look like"):
        configuration({"DEMAE_URL": url, "JWT_SECRET": SECRET})


@pytest.mark.parametrize("role", list(Role))
def test_token_carries_its_claims(role: Role) -> None:
    """A service that checks signature, audience and expiry accepts the token."""
    claims = jwt.decode(mint("you", role, SECRET), SECRET, algorithms=["HS256"], audience=AUDIENCE)
    assert (claims["sub"], claims["role"]) == ("you", role.value)


def test_expired_token_is_refused() -> None:
    """The hours are real."""
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(mint("you", Role.CUSTOMER, SECRET, -1), SECRET, algorithms=["HS256"], audience=AUDIENCE)


def test_page_carries_order_and_token() -> None:
    """The page's address names the order, and its customer's token, in the fragment: it opens no other order."""
    order = cast(Order, {"id": "0199-a", "customerId": "ann"})
    address = page_of(Configuration("http://127.0.0.1:8000", SECRET), order)
    path, _, fragment = address.partition("#")
    asked = parse_qs(fragment)
    claims = jwt.decode(asked["token"][0], SECRET, ["HS256"], audience=AUDIENCE)
    assert (path, asked["order"], claims["role"]) == ("http://127.0.0.1:8000/", ["0199-a"], "customer")
