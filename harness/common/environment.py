"""The machine and the code of a run: versions, git, memory; and a check that no other package hides ours."""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.common.errors import UserError

_ROOT = Path(__file__).resolve().parents[2]
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# options of mallopt(3); the second is at most 32 MiB
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MOST_FROM_HEAP_BYTES = 1 << 25
_MOST_KEPT_BYTES = 1 << 28
_RECORDED = (
    "bakeoff",
    "torch",
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "hydra-core",
    "tokenizers",
    "safetensors",
    "wandb",
    "lm_eval",
)


def check_packages() -> None:
    """UserError where Python would import another package in place of one of ours with the same name."""
    for name in ("models", "evals", "rewards"):
        spec = importlib.util.find_spec(name)
        folder = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if folder is None and spec and spec.submodule_search_locations:
            folder = Path(next(iter(spec.submodule_search_locations))).resolve()
        if folder != _ROOT / name:
            where = f"another one in {folder} comes first" if folder else "it is missing"
            raise UserError(
                f"bakeoff needs its own package '{name}' from {_ROOT / name}, but {where} on Python's path. "
                "Rename or move the other one, take its folder out of PYTHONPATH, or install bakeoff "
                "into an environment of its own."
            )


def versions() -> dict[str, str]:
    """Python's and the main libraries' versions."""
    return dict(_versions())


@functools.cache
def _versions() -> Mapping[str, str]:
    versions = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_state() -> dict[str, Any]:
    """The git checkout that bakeoff runs from: {'commit', 'dirty'}; both None outside a checkout."""

    def git(*words: str) -> str | None:
        try:
            process = subprocess.run(
                ["git", "-C", str(_ROOT), *words], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return process.stdout.strip()

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != _ROOT:
        return {"commit": None, "dirty": None}
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def _from_c_library(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None)


def memory_bytes() -> int | None:
    """The memory of the machine, or the limit of this process's control group (Linux); None where it isn't known."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    try:
        limit = _GROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


def keep_freed_memory() -> None:
    """Let the C library keep what the process frees for what it allocates next, where it can (glibc); for the rest of
    the process.

    Otherwise it returns the tensors of each training step to the system, which clears the same pages again at the next
    step: up to a tenth of a step's time (results/LOG.md).
    """
    if set_option := _from_c_library("mallopt"):
        set_option(_MMAP_THRESHOLD, _MOST_FROM_HEAP_BYTES)
        set_option(_TRIM_THRESHOLD, _MOST_KEPT_BYTES)


def start_measuring_memory() -> None:
    """Reset the process's peak memory, where the system can (Linux); memory that is freed but kept isn't in it."""
    if give_back := _from_c_library("malloc_trim"):
        give_back(0)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_bytes() -> int:
    """The process's peak resident memory: since `start_measuring_memory` on Linux, else since the process began."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
