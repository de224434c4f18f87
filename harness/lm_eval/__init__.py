"""lm-evaluation-harness (the package lm_eval), in both directions. No other part of bakeoff knows it.

Out: its tasks asked of our families, by its own command.
    model.py       a fit as a model of lm_eval's: `--model bakeoff --model_args run=RUN`
    __main__.py    lm_eval's own command that knows this name: `python -m harness.lm_eval`
    command.py     `bakeoff lm-eval RUN --tasks ...`
In: its tasks as an eval of ours (`evals=lm_eval`), in our records and reports.
    questions.py   tasks become questions, questions become requests, answers become values
    metrics.py     values become numbers with intervals
Both ways:
    messages.py    lm_eval's messages as a transcript of ours
    generation.py  what it means by until, max_gen_toks, do_sample, ...
Our evals for everybody's models:
    exported.py    an eval of ours as a task of lm_eval's
    tasks/         those that are offered, one YAML each

This module itself needs nothing of lm_eval.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from harness.common.errors import UserError

TASKS_FOLDER = Path(__file__).resolve().parent / "tasks"
"""Our evals as tasks, for `--include_path`."""
MODEL_NAME = "bakeoff"
"""What lm_eval calls our models."""


def prepare() -> None:
    """To be called before anything of lm_eval is imported. UserError where it isn't installed.

    From here on nothing is looked for on a network, unless the user has set HF_HUB_OFFLINE=0.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise UserError(
            "this needs the package lm-eval, which isn't installed. In the folder of bakeoff's source, install it "
            "with: pip install '.[lm-eval]'."
        )
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", os.environ["HF_HUB_OFFLINE"])


def register() -> None:
    """Add ours to lm_eval's list of models, in this process; the model itself is imported when it is asked for.

    Once this is called, `lm_eval.simple_evaluate(model="bakeoff", model_args="run=RUN", ...)` works too. UserError
    where lm_eval isn't installed.
    """
    prepare()
    import lm_eval.models  # noqa: F401  (reads the list)
    from lm_eval.api.registry import model_registry

    if MODEL_NAME not in model_registry:
        model_registry.register(MODEL_NAME, target="harness.lm_eval.model:BakeoffLM")
