"""The local runtime alone: its supervisor."""

import psutil

from ground.stack_local import LocalStack
from local import supervise, up


def test_killed_supervisor_leaves_nothing(local: LocalStack) -> None:
    """Its processes run on; the next `up` sweeps them, starts anew, and the data is there."""
    supervisor = supervise.supervisor_process(local.known)
    assert supervisor is not None
    orphans = supervisor.children(recursive=True)
    supervisor.kill()
    up.bring(local.known)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in orphans)
    assert up.bring(local.known) == []
