"""The run record: everything that a run was and found, as plain files.

`run.json` is written last and atomically: a folder without it is an unfinished run. Reports, the dashboard and wandb
read nothing but these files. This module needs neither torch nor Hydra.
"""

from __future__ import annotations

import dataclasses
import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.common.errors import PluginError, UserError, told
from harness.common.files import write_json
from harness.common.results_folder import RUN_FILE
from harness.evaluation.metric import Metric

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Failure:
    """A part of a run that failed."""

    where: str
    """'fit', or 'eval NAME'."""
    error: str
    """The exception's class and what it said."""
    traceback: str

    @classmethod
    def of(cls, where: str, error: BaseException) -> Failure:
        """What an exception says, its notes included, and its traceback; a plugin's own where it couldn't be loaded."""
        said = [str(error) if isinstance(error, UserError) else told(error), *getattr(error, "__notes__", ())]
        details = error.details if isinstance(error, PluginError) else "".join(traceback.format_exception(error))
        return cls(where, *(text.encode("utf-8", "backslashreplace").decode() for text in ("; ".join(said), details)))


@dataclass(frozen=True)
class RunRecord:
    """The fields of run.json."""

    run_id: str
    fit_id: str
    experiment: str
    status: str
    """'complete'; 'partial' (some evals failed, the rest stands); 'failed'."""
    error: str | None
    started_at: str
    """ISO 8601, UTC."""
    finished_at: str
    family: str
    """The model's family, as 'ngram'."""
    model: dict[str, Any]
    """'name' (the option of `model=` that was picked) and every option's value."""
    tokenizer: dict[str, Any]
    """'name', 'vocab_size', 'fingerprint'; every option's value under 'config'."""
    data: dict[str, Any]
    """name, fingerprint, train_bytes, validation_bytes, test_bytes, test_problems_seen_in_training; 'config'."""
    decoding: dict[str, Any]
    """'name' and every option's value."""
    training: dict[str, Any]
    """Every option's value."""
    evals: dict[str, Any]
    """By the eval's name: its class, its version and every option's value."""
    seed: int
    budget: dict[str, Any]
    """What the fit was allowed: tokens, seconds, flops, num_params (None: no limit), and 'num_params_missed_by' (a
    share)."""
    spent: dict[str, Any]
    """tokens, flops, seconds, steps of the fit."""
    cost: dict[str, Any]
    """num_params, model_bytes, flops_per_token, state_bytes_at_context."""
    metrics: list[Metric]
    versions: dict[str, str]
    git: dict[str, Any]
    """commit (None outside a checkout), dirty."""
    device: str
    num_threads: int
    peak_memory_bytes: int
    wandb: dict[str, Any]
    """mode, run_id, url; 'warning' where the mirror failed."""
    errors: list[Failure] = field(default_factory=list)
    """Each part that failed, with its traceback."""
    plugins: dict[str, str] = field(default_factory=dict)
    """The plugin files that the run was made with: each module's path."""
    decoding_id: str = ""
    """The hash of the decoding strategy; with fit_id it says where the answers are kept."""
    recipes: dict[str, str] = field(default_factory=dict)
    """Of each fit that the settings name (what training continues from, a draft), by its id: the id that it would have
    with seed 0, so the same for every seed of one fit."""
    rescored_from: str | None = None
    """The run whose answers were scored again to make this one."""
    schema_version: int = field(default=SCHEMA_VERSION)

    def write(self, folder: Path) -> None:
        """Write run.json, atomically."""
        write_json(folder / RUN_FILE, dataclasses.asdict(self))

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read run.json. UserError where the folder holds none, or one of another schema."""
        path = folder / RUN_FILE
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(
                f"{folder} holds no finished run (no {RUN_FILE}). Run the same command again to finish it."
            ) from None
        except ValueError as error:
            raise UserError(
                f"{path} is not valid JSON ({error}). Delete the folder and run the same command again."
            ) from None
        if raw.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{path} has schema version {raw.get('schema_version')}; this bakeoff reads {SCHEMA_VERSION}. "
                "Run it again with this version, or read it with the version that wrote it."
            )
        metrics = [Metric(**metric) for metric in raw["metrics"]]
        return cls(**{**raw, "metrics": metrics, "errors": [Failure(**one) for one in raw.get("errors", [])]})
