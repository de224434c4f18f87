"""Several processes that share a fit (data parallel): each takes some rows of every step, and all add up the gradients.

torchrun starts them. The first does a run as if it were alone; the others only help with its fits by gradients, and
write nothing. All hold the same weights, because they start from the same and add up the same gradients
(torch's DistributedDataParallel: Li et al. 2020). Without torchrun there is one process, which does all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from harness.common import torchrun
from harness.common.errors import one_line
from harness.common.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    import torch.distributed as dist
    from torch import Tensor, nn
    from torch.distributed.distributed_c10d import Store

    from models.carried import Carry
    from models.neural_model import NeuralModel
else:
    torch, dist = LazyModule("torch"), LazyModule("torch.distributed")

# One process may wait long for another, as where the first validates. torchrun ends all where one fails.
_TIMEOUT = timedelta(days=7)
_SECONDS_TO_SAY_WHY = 2.0
_LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer")


class Lost(RuntimeError):
    """Another process of the fit ended before its time."""


class Processes:
    """The processes that share the fits of a run. Without arguments: this one, alone."""

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None) -> None:
        """rank: of this process, from 0; size: how many there are; store: what all of them can read and write."""
        self.rank, self.size, self._store = rank, size, store
        self._num_fits = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files, validates and says how it goes."""
        return self.rank == 0

    def call(self, fit_id: str) -> None:
        """The first process asks the others to help with a fit. An empty id: there is none any more."""
        if self._store is not None and self.is_first:
            self._store.set(f"fit {self._num_fits}", fit_id)
            self._num_fits += 1

    def next_fit(self) -> str:
        """What the first process called next; it is waited for."""
        assert self._store is not None
        self._store.wait([f"fit {self._num_fits}"], _TIMEOUT)
        self._num_fits += 1
        return str(self._store.get(f"fit {self._num_fits - 1}"), "utf-8")

    def rows(self, num_rows: int) -> slice:
        """This process's share of a step's rows."""
        return slice(self.rank * num_rows // self.size, (self.rank + 1) * num_rows // self.size)

    def sharing(self, model: NeuralModel) -> nn.Module:
        """The model, such that its gradients become the mean of those of all processes."""
        if self.size == 1:
            return model
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model)

    def adding_up(self, shared: nn.Module, is_last: bool) -> AbstractContextManager[Any]:
        """A block for a part of a step; the gradients of all processes are added up at the last. shared: from
        `sharing`."""
        return nullcontext() if is_last or self.size == 1 else shared.no_sync()  # type: ignore[operator]

    def add_up(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def join_rows(self, carry: Carry | None, rows: slice, num_rows: int) -> Carry | None:
        """The carry of all rows of a step. carry: that of this process's rows."""
        if self.size == 1 or carry is None:
            return carry
        return tuple(self.add_up(_in_rows(part, rows, num_rows)) for part in carry)

    def agreed(self, seconds: float, is_due: bool, stops: bool) -> tuple[float, bool, bool]:
        """(the first process's seconds and whether something is due there, whether any process stops)."""
        if self.size > 1:
            first = [seconds, float(is_due)] if self.is_first else [0.0, 0.0]
            sums = self.add_up(torch.tensor([*first, float(stops)], dtype=torch.float64)).tolist()
            seconds, is_due, stops = sums[0], sums[1] > 0, sums[2] > 0
        return seconds, is_due, stops

    def have_the_same(self, number: int) -> bool:
        """Whether a number is the same in all processes."""
        numbers = torch.zeros(self.size, dtype=torch.int64)
        numbers[self.rank] = number
        return bool((self.add_up(numbers) == number).all())

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Where another process ends in this block, the first raises Lost with what it said; the others leave word of
        their own errors."""
        try:
            yield
        except Exception as error:
            if self._store is None:
                raise
            if not self.is_first:
                if not _is_of_a_lost_one(error):
                    self._store.set("failure", f"process {self.rank} of {self.size}: {one_line(error)}")
                raise
            if not _is_of_a_lost_one(error):
                raise
            why = "it gave no reason"
            with contextlib.suppress(RuntimeError):  # as where it was killed
                self._store.wait(["failure"], timedelta(seconds=_SECONDS_TO_SAY_WHY))
                why = self._store.get("failure").decode()
            raise Lost(
                f"another of the {self.size} processes that shared the fit ended ({why}). Run the same command again: "
                "the fit continues from its last checkpoint, if there is one."
            ) from error


ALONE = Processes()


@contextmanager
def connected(device: torch.device) -> Iterator[Processes]:
    """A block in which the processes that torchrun started can share fits; ALONE without torchrun. device: of this
    one."""
    if not torchrun.is_used():
        yield ALONE
        return
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", timeout=_TIMEOUT))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=PrefixStore("gradients", store), rank=rank, world_size=size)
    processes = Processes(rank, size, store)
    processes.add_up(torch.zeros(1))  # one that ends at once must not leave before the others have found it
    try:
        yield processes
    finally:
        with contextlib.suppress(RuntimeError):  # the others may have ended before
            processes.call("")
    dist.destroy_process_group()


def _in_rows(part: Tensor, rows: slice, num_rows: int) -> Tensor:
    """A tensor for all rows (dimension 1), zero outside of these."""
    joined = part.new_zeros(part.shape[0], num_rows, *part.shape[2:])
    joined[:, rows] = part
    return joined


def _is_of_a_lost_one(error: BaseException) -> bool:
    """Whether an exception says that another process could not be reached."""
    is_said = isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)
    return is_said or isinstance(error, dist.DistError)
