"""Runs from Python, as in a notebook."""

from __future__ import annotations

import logging
import math
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.runs import OpenFit, RunRecord, make_run, open_fit, runs_frame
from tests.harness.runs.conftest import SMALL


@pytest.fixture(scope="module")
def fit(results: Path, record: RunRecord) -> OpenFit:
    return open_fit(record.run_id, results)


def test_a_finished_run_is_returned(results: Path, record: RunRecord) -> None:
    assert record.status == "complete"
    assert len(runs_frame(results)) == 2


def test_a_text_s_bits_are_those_of_its_tokens(fit: OpenFit) -> None:
    text = "What is AI? Ääh."
    logprobs = fit.fit.model.token_logprobs(torch.from_numpy(fit.fit.tokenizer.encode(text))[None])
    nats = fit.score(text).nats
    assert nats == pytest.approx(-float(logprobs.double().sum()), rel=1e-6)
    assert fit.bits_per_byte(text) == pytest.approx(nats / math.log(2) / len(text.encode()))
    assert fit.bits_per_byte("") is None


def test_the_same_seed_writes_the_same_text(fit: OpenFit) -> None:
    drawn = ["decoding=top_p", "decoding.transforms.top_p.p=0.9"]
    first, second = (fit.complete("Human:", drawn, max_new_tokens=20, seed=3) for _ in range(2))
    assert first == second
    assert len(first.tokens) == 20
    assert fit.complete("Human:", max_new_tokens=5).finish_reason == "length"


def test_what_is_wrong_is_said_as_on_the_command_line(results: Path) -> None:
    with pytest.raises(UserError, match="lstn"):
        make_run("model=lstn")
    for wrong in (["model=bigram"], 5):
        with pytest.raises(UserError, match=r'an override of make_run is .*as in make_run\("model=bigram"'):
            make_run(wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"the run of open_fit is None \(NoneType\): it must be a text"):
        open_fit(None, results)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no run 'nobody'"):
        open_fit("nobody", results)
    with pytest.raises(UserError, match="no folder"):
        runs_frame(results / "nowhere")


def test_a_text_or_a_number_of_the_wrong_kind_is_named(fit: OpenFit) -> None:
    with pytest.raises(UserError, match="max_new_tokens=-5"):
        fit.complete("a", max_new_tokens=-5)
    with pytest.raises(UserError, match="max_new_tokens='many'"):
        fit.complete("a", max_new_tokens="many")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="the prompt is 5"):
        fit.complete(5)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"stop='ab'.*stop=\['ab'\]"):
        fit.complete("a", stop="ab")
    with pytest.raises(UserError, match=r"what is scored is b'abc' \(bytes\)"):
        fit.bits_per_byte(b"abc")  # type: ignore[arg-type]


def test_nothing_global_is_left_behind(results: Path, tmp_path: Path) -> None:
    from hydra.core.global_hydra import GlobalHydra

    def state() -> list[Any]:
        parts: list[Callable[[], Any]] = [
            lambda: list(logging.getLogger("bakeoff").handlers),
            lambda: dict(os.environ),
            lambda: os.getcwd(),
            lambda: list(sys.argv),
            lambda: list(sys.meta_path),
            lambda: list(sys.path),
            random.getstate,
            lambda: str(np.random.get_state()),  # noqa: NPY002
            lambda: torch.get_rng_state().tolist(),
            torch.get_num_threads,
            lambda: GlobalHydra.instance().hydra,
        ]
        return [part() for part in parts]

    make_run(
        "model=rnn", *SMALL, "budget.tokens=2_000", f"results_dir={tmp_path}"
    )  # import everything before the comparison
    before = state()
    done = make_run("model=lstm", *SMALL, "budget.tokens=2_000", f"results_dir={tmp_path}")
    open_fit(done.run_id, tmp_path).complete("a", "temperature", max_new_tokens=3)
    assert state() == before
