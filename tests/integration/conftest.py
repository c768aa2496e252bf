"""Every row that an integration test makes a service publish is held against the contracts."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.contracts import assert_rows_keep_the_contract


@pytest.fixture
def service_database(service_database: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """As in tests/conftest.py; at the end each outbox and journal row of the test's databases must validate."""
    used: set[str] = set()

    def url(role: str, *, fresh: bool = False) -> str:
        given = service_database(role, fresh=fresh)
        used.add(service_database("postgres"))
        return given

    yield url
    for admin_url in used:
        assert_rows_keep_the_contract(admin_url)
