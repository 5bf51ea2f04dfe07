"""Work in measured children: order, errors and ends that are not clean."""

from __future__ import annotations

import os
import sys
import time

import pytest

from monitor.baselines.workers import default_jobs, in_children

MIB = 2**20


@pytest.fixture(scope="module")
def done():
    ended = []

    def work(at):
        if at == 0:
            return "x" * 200_000  # more than a pipe holds
        if at == 1:
            block = bytearray(64 * MIB)
            return len(block), os.environ["OMP_NUM_THREADS"]
        if at == 2:
            end = time.process_time() + 0.2
            while time.process_time() < end:
                pass
            sys.stdout.write("what an estimator prints\n")
            return os.getpid()
        return os.getpid()

    answers = in_children(work, 4, jobs=2, preload="os", finished=lambda: ended.append(1))
    assert len(ended) == 4
    return answers


def test_results_come_back_in_order(done):
    assert [len(done[0].result), done[1].result] == [200_000, (64 * MIB, "1")]
    assert all(one.error is None for one in done)


def test_each_piece_has_a_process_of_its_own(done):
    assert len({done[2].result, done[3].result, os.getpid()}) == 3


def test_memory_and_seconds_are_those_of_the_piece_alone(done):
    assert done[1].peak_memory - done[3].peak_memory > 48 * MIB
    assert done[2].cpu_seconds - done[3].cpu_seconds > 0.1


def test_after_an_error_the_rest_is_not_begun():
    answers = in_children(lambda at: 1 // (at - 1), 50, jobs=1, preload="os", finished=lambda: None)
    assert answers[0].result == -1
    assert answers[1].error.startswith("raised ZeroDivisionError: integer division or modulo by zero (test_workers.py:")
    assert len(answers) < 50


def test_a_killed_child_is_an_error_and_not_a_crash():
    (killed,) = in_children(lambda _at: os.kill(os.getpid(), 9), 1, jobs=1, preload="os", finished=lambda: None)
    assert killed.error == "was ended by signal 9 (out of memory?)"


def test_what_calls_exit_is_an_error_too():
    (left,) = in_children(lambda _at: sys.exit(3), 1, jobs=1, preload="os", finished=lambda: None)
    assert left.error.startswith("raised SystemExit: 3")


def test_by_default_there_is_a_worker_for_every_core_that_may_be_used():
    assert 1 <= default_jobs() <= (os.cpu_count() or 1)
