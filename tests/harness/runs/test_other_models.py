"""The model of another run is loaded by the run's name, and stays loaded until another is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.runs import RunRecord
from harness.runs.other_models import OtherModels
from harness.training.workshop import Workshop

CPU = torch.device("cpu")


def test_a_run_and_its_fit_are_one_model_and_the_latest_is_kept(results: Path, record: RunRecord) -> None:
    models = OtherModels(Workshop(ResultsFolder(results), CPU))
    model, tokenizer = models(record.run_id)
    assert model.config.family == "bigram"
    assert tokenizer.vocab_size == model.vocab_size
    assert models(record.run_id)[0] is model
    by_fit, _ = models(record.fit_id)
    assert by_fit is not model
    for name, value in model.tensors().items():
        assert torch.equal(by_fit.tensors()[name], value)


def test_a_fit_that_the_settings_found_elsewhere_is_taken_from_there(
    results: Path, record: RunRecord, tmp_path: Path
) -> None:
    folder = results / "fits" / record.fit_id
    here = Workshop(ResultsFolder(tmp_path), CPU)
    with pytest.raises(UserError, match="no run"):
        OtherModels(here)(record.fit_id)
    there = Workshop(ResultsFolder(tmp_path), CPU, elsewhere={record.fit_id: folder})
    assert OtherModels(there)(record.fit_id)[0].config.family == "bigram"
