"""Who a connection_init payload says it is."""

from typing import Any

import jwt
import pytest

from notifier.domain import Principal, Role
from notifier.tokens import Denied, verifier
from tests.support.push import SECRET, token

VERIFY = verifier(SECRET)


@pytest.mark.parametrize("role", list(Role))
def test_reads_the_principal(role: Role) -> None:
    """Each role of the contract is one."""
    assert VERIFY({"authorization": f"Bearer {token('x', role.value)}"}).principal == Principal("x", role)


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_member_name_in_any_case(name: str) -> None:
    """As with HTTP's header."""
    assert VERIFY({name: f"Bearer {token()}"}).principal.id == "ada"


def test_says_until_when() -> None:
    """The expiry is the token's."""
    assert VERIFY({"authorization": f"Bearer {token(exp=4_000_000_000)}"}).expires == 4_000_000_000


CLAIMS = {"sub": "ada", "role": "customer", "aud": "demae", "exp": 4_000_000_000}


def signed(changed: dict[str, Any]) -> str:
    """A token whose claims differ; None leaves one out."""
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return jwt.encode(claims, SECRET, "HS256")


UNSIGNED = jwt.encode(CLAIMS, None, "none")
OTHER_KEY = jwt.encode(CLAIMS, SECRET[::-1], "HS256")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "Bearer x",
        {},
        {"authorization": None},
        {"authorization": token()},
        {"authorization": f"bearer {token()}", "Authorization": f"Bearer {token()}"},
        {"authorization": f"Bearer {UNSIGNED}"},
        {"authorization": f"Bearer {OTHER_KEY}"},
        *({"authorization": f"Bearer {signed({claim: None})}"} for claim in ("sub", "role", "aud", "exp")),
        {"authorization": f"Bearer {token(role='owner')}"},
        {"authorization": f"Bearer {token(sub='')}"},
        {"authorization": f"Bearer {token(sub='x' * 65)}"},
        {"authorization": f"Bearer {signed({'role': 1})}"},
        {"authorization": f"Bearer {signed({'sub': 7})}"},
        {"authorization": f"Bearer {token(aud='demae2')}"},
        {"authorization": f"Bearer {token(seconds=-1)}"},
    ],
)
def test_denies_the_rest(payload: object) -> None:
    """Missing, unsigned, foreign, expired, incomplete: one exception."""
    with pytest.raises(Denied):
        VERIFY(payload)
