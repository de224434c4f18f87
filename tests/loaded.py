"""Loads what most commands load sooner or later. It is for the process that the tests' commands are forks of."""

from __future__ import annotations

import gc
import importlib

_LIBRARIES = (
    *("scipy.stats", "sklearn.metrics", "pyarrow.dataset", "matplotlib.figure", "pydantic"),
    "torch._dynamo",  # the first step of an optimizer loads it
)
_OURS = (
    *("harness.cli.main", "harness.chat.terminal", "harness.completion.engine", "harness.config.hydra_compose"),
    *("harness.report", "harness.runs.run", "harness.workers.driver", "harness.workers.worker"),
    *(f"evals.{name}" for name in ("perplexity", "arithmetic", "turn_taking", "format_questions", "turn_ends")),
    *("evals.next_speaker", "evals.showcase", "models.ngram", "models.lstm", "models.transformer"),
)

for _module in (*_LIBRARIES, *_OURS):
    importlib.import_module(_module)
gc.freeze()  # a fork need not look through all of it for what can be freed
