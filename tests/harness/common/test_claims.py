"""Claims: who has one, and when another process takes it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from harness.common import claims
from harness.common.claims import Claim
from harness.common.errors import ClaimLost

FORK = multiprocessing.get_context("fork")


def hold(path: Path, is_held: Event) -> None:
    claim = Claim(path)
    assert claim.take()
    is_held.set()
    signal.pause()


@pytest.fixture
def held(tmp_path: Path) -> multiprocessing.process.BaseProcess:
    """Another process that has the claim."""
    is_held = FORK.Event()
    process = FORK.Process(target=hold, args=(tmp_path / "claim", is_held), daemon=True)
    process.start()
    assert is_held.wait(20)
    return process


def test_one_process_at_a_time_has_a_claim(tmp_path: Path, held: multiprocessing.process.BaseProcess) -> None:
    assert not Claim(tmp_path / "claim").take()
    assert held.pid is not None
    os.kill(held.pid, signal.SIGSTOP)  # as long as its process is there on this machine, it keeps it
    assert not Claim(tmp_path / "claim").take()
    held.kill()


def test_the_claim_of_a_process_that_died_here_is_taken_at_once(
    tmp_path: Path, held: multiprocessing.process.BaseProcess
) -> None:
    held.kill()
    held.join()
    claim = Claim(tmp_path / "claim")
    assert claim.take()
    claim.check()
    claim.release()
    assert Claim(tmp_path / "claim").take()


def test_the_claim_of_another_machine_is_taken_when_it_is_not_renewed_whatever_its_clock_says(
    tmp_path: Path, held: multiprocessing.process.BaseProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "claim"
    monkeypatch.setattr("filelock._identity.host_name", lambda: "another")
    monkeypatch.setattr(claims, "_SECONDS_WITHOUT_RENEWAL", 60.0)
    claim = Claim(path)
    os.utime(path, (time.time() - 600, time.time() - 600))  # a clock that is ten minutes slow
    now = time.monotonic()
    monkeypatch.setattr("filelock._soft.time.monotonic", lambda: now)
    assert not claim.take()
    now += 59
    assert not claim.take()
    os.utime(path, (time.time() + 600, time.time() + 600))  # a renewal, by a clock that is ten minutes fast
    now += 59
    assert not claim.take()
    now += 61
    assert claim.take()
    held.kill()


@pytest.fixture
def claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Claim:
    """One that is taken, in a folder of its own, and is renewed often."""
    monkeypatch.setattr(claims, "_SECONDS_BETWEEN_RENEWALS", 0.02)
    monkeypatch.setattr(claims, "_SECONDS_WITHOUT_RENEWAL", 0.06)
    (tmp_path / "run").mkdir()
    claim = Claim(tmp_path / "run" / "claim")
    assert claim.take()
    claim.check()
    return claim


def test_a_process_that_was_taken_for_dead_notices_before_it_publishes(claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "run" / "claim").unlink()
    lose(claim)
    with pytest.raises(ClaimLost, match=r"another process took over.*Nothing is lost"):
        claim.check()


def test_a_folder_that_is_removed_while_it_is_worked_on_is_told_as_that(claim: Claim, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "run")
    lose(claim)
    with pytest.raises(ClaimLost, match=r"run was removed while it was being worked on.*same command again"):
        claim.check()


def lose(claim: Claim) -> None:
    """Wait until its holder knows that it is lost."""
    deadline = time.monotonic() + 20
    while claim._lease.compromise is None and time.monotonic() < deadline:
        time.sleep(0.02)
