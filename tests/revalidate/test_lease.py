"""Leases: a run belongs to its holder until it expires, or until the holder is dead for sure."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from monitor.revalidate.writing.lease import Lease, Machine, dead, here, holder, holds, renewed

MACHINE = Machine("here", "boot-1", {7: "100"}.get)


@pytest.mark.parametrize(
    ("who", "is_dead"),
    [
        ("here/boot-1/7/100", False),
        ("here/boot-1/7/99", True),
        ("here/boot-1/8/100", True),
        ("here/boot-2/8/100", False),
        ("there/boot-1/8/100", False),
        ("here/boot-1/x/100", False),
        ("somebody", False),
        ("", False),
        ("here/boot-1/7/unknown", True),
    ],
)
def test_a_holder_is_dead_only_where_its_process_is_gone_from_this_machine_since_this_boot(who, is_dead):
    assert dead(who, MACHINE) is is_dead


def test_a_lease_holds_for_ninety_seconds_from_its_renewal_unless_its_holder_is_dead():
    lease = renewed("here/boot-1/7/100", 1_000, "fold 1 of 2")
    assert lease == Lease("here/boot-1/7/100", 91_000, "fold 1 of 2")
    assert holds(lease, 90_999, MACHINE)
    assert not holds(lease, 91_000, MACHINE)
    gone = renewed("here/boot-1/8/100", 1_000)
    assert not holds(gone, 1_000, MACHINE)
    assert holds(gone, 1_000, None)


def test_this_process_is_alive_and_a_child_that_ended_is_dead_also_before_anybody_waited_for_it():
    machine = here()
    assert holder().count("/") >= 3
    assert not dead(holder(), machine)
    script = "from monitor.revalidate.writing.lease import holder; print(holder(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        told = child.stdout.readline().strip()
        assert not dead(told, machine)
        child.stdin.close()
        ended = threading.Event()
        while not dead(told, machine):  # a zombie by now, or soon
            assert not ended.wait(0.01)
        assert os.path.exists(f"/proc/{child.pid}")  # noqa: PTH110 - it is still there, and dead
    finally:
        child.stdout.close()
        child.wait(30)
    assert dead(told, machine)
