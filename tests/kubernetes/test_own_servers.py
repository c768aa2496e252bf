"""The overlay for who brings Kafka, Postgres and Connect: complete, and nothing of ours is left to lead to."""

import os

import pytest

from cluster import facts, policy, schema
from cluster.manifests import Manifests
from cluster.render import RenderError, kubectl, read, render
from runtime.layout import ROOT

OVERLAY = ROOT / "deploy" / "bring-your-own" / "kubernetes"
OURS = {"postgres", "kafka", "connect"}


@pytest.fixture(scope="module")
def rendered() -> Manifests:
    """What kubectl would apply."""
    try:
        kubectl()
    except RenderError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return read(render(OVERLAY))


def test_overlay_keeps_every_rule(rendered: Manifests) -> None:
    """The same policies and schemas as the system itself: every variable is known, every reference resolves."""
    assert policy.violations(rendered, facts.collect(ROOT)) == []
    assert schema.faults(rendered) == []


def test_no_server_of_ours_is_left(rendered: Manifests) -> None:
    """Neither they nor what belongs to them."""
    assert not {one["metadata"]["name"] for one in rendered} & OURS
