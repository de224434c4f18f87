"""What torchrun told this process."""

from __future__ import annotations

import pytest

from harness.common import torchrun

TOLD = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_torchrun_did_not_start_is_the_first_and_only_one() -> None:
    assert (torchrun.is_used(), torchrun.num_processes(), torchrun.rank(), torchrun.local_rank()) == (False, 1, 0, 0)


def test_a_process_knows_its_number_and_that_on_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    assert (torchrun.is_used(), torchrun.num_processes(), torchrun.rank(), torchrun.local_rank()) == (True, 4, 3, 1)


@pytest.mark.parametrize("change", [{"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}, {"MASTER_PORT": None}])
def test_one_process_or_the_variables_of_another_program_are_no_torchrun(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None]
) -> None:
    for name, value in (TOLD | change).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    assert not torchrun.is_used()
    assert torchrun.rank() == 0
