"""lm-evaluation-harness (the package lm_eval), in both directions. Only this room and evals/lm_eval.py use it.

Out: its own command, run on our models.
    model.py       a fit as an lm_eval model: `--model bakeoff --model_args run=RUN`
    __main__.py    lm_eval's command with our model registered: `python -m harness.lm_eval`
    command.py     `bakeoff lm-eval RUN --tasks ...`
    flags.py       what can be said of its flags before lm_eval is loaded
In: its tasks as one of our evals (`evals=lm_eval`), in our records and reports.
    questions.py   from tasks to questions, from questions to requests, from answers to values
    metrics.py     from values to numbers with intervals
Both ways:
    messages.py    lm_eval's chat messages as one of our transcripts
    generation.py  its options until, max_gen_toks, do_sample, ... as our settings
Our evals for any model:
    exported.py    one of our evals as an lm_eval task
    tasks/         the exported tasks, one YAML each

This module itself imports nothing from lm_eval.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from harness.common.errors import UserError

TASKS_FOLDER = Path(__file__).resolve().parent / "tasks"
"""Our evals as tasks, for `--include_path`."""
MODEL_NAME = "bakeoff"
"""The name of our models in lm_eval."""


def prepare() -> None:
    """Call this before importing lm_eval. UserError where lm_eval isn't installed.

    Afterwards lm_eval uses no network, unless the user has set HF_HUB_OFFLINE=0.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise UserError(
            "this needs the package lm-eval, which isn't installed. Install it with: pip install lm-eval; or, in the "
            "folder of bakeoff's source, with: pip install '.[lm-eval]'."
        )
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", os.environ["HF_HUB_OFFLINE"])


def register() -> None:
    """Register our model with lm_eval in this process. The model's module is imported on first use.

    After this, `lm_eval.simple_evaluate(model="bakeoff", model_args="run=RUN", ...)` works too. UserError
    where lm_eval isn't installed.
    """
    prepare()
    import lm_eval.models  # noqa: F401  (reads the list)
    from lm_eval.api.registry import model_registry

    if MODEL_NAME not in model_registry:
        model_registry.register(MODEL_NAME, target="harness.lm_eval.model:BakeoffLM")
