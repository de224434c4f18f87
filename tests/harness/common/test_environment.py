"""The machine and the code that a run ran on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.common import environment
from harness.common.errors import UserError
from tests.conftest import ROOT


def test_versions_are_those_of_the_installed_packages() -> None:
    versions = environment.versions()
    assert versions["torch"] == importlib.metadata.version("torch")
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_package_with_our_name_in_another_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    code = "from harness.common.environment import check_packages; check_packages()"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"another one in {tmp_path / 'models'} comes first" in done.stderr
    environment.check_packages()  # only our package is correct


def test_a_missing_package_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="it is missing"):
        environment.check_packages()


_FAULTS_OF_STEPS = """
import resource, sys, numpy
from harness.common import environment
if sys.argv[1] == "kept":
    environment.keep_freed_memory()
for step in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [numpy.ones(500_000) for _ in range(30)]  # 120 MB
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
environment.start_measuring_memory()
print(environment.peak_memory_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other settings")
def test_memory_that_a_step_frees_is_kept_for_the_next_and_not_counted_afterwards() -> None:
    def measured(which: str) -> tuple[int, int]:
        done = subprocess.run(
            [sys.executable, "-c", _FAULTS_OF_STEPS, which], cwd=ROOT, capture_output=True, text=True, check=True
        )
        faults, peak = done.stdout.split()
        return int(faults), int(peak)

    faults, peak = measured("kept")
    faults_without, peak_without = measured("given back")
    assert faults < faults_without / 10
    assert abs(peak - peak_without) < 40e6


def test_the_commit_is_git_s_and_a_change_makes_the_checkout_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", "-C", str(tmp_path), *identity, *words], capture_output=True, check=True)
        return done.stdout.decode().strip()

    monkeypatch.setattr(environment, "_ROOT", tmp_path.resolve())
    assert environment.git_state() == {"commit": None, "dirty": None}
    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-qm", "first")
    assert environment.git_state() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "new").touch()
    assert environment.git_state()["dirty"] is False
    (tmp_path / "file").write_text("b")
    assert environment.git_state()["dirty"] is True


@pytest.mark.parametrize(("limit", "share"), [("1048576\n", 1 << 20), ("max\n", None)])
def test_the_memory_is_the_machine_s_or_what_its_group_may_use(
    limit: str, share: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(environment, "_GROUP_LIMIT", tmp_path / "memory.max")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert environment.memory_bytes() == (share or total)


def test_the_peak_of_memory_is_what_was_held_at_once() -> None:
    environment.start_measuring_memory()
    before = environment.peak_memory_bytes()
    held = np.ones(8_000_000)  # 64 MB
    del held
    assert environment.peak_memory_bytes() >= before + 50_000_000
