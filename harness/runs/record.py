"""The run record: a run's settings and results, as plain files.

`run.json` is written last and atomically: a folder without it is an unfinished run. It holds the SHA-256 of the run's
other files and of itself (harness/common/sealed.py). Reports and wandb read only these files.
This module needs neither torch nor Hydra.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import shlex
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from harness.common.errors import PluginError, TrainingFailed, UserError, one_line
from harness.common.results_folder import (
    CONFIG_FILE,
    CURVE_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    TEXT_FOLDER,
    ResultsFolder,
)
from harness.common.sealed import (
    Damaged,
    check_file,
    check_itself,
    read_object,
    read_sealed,
    without_seal,
    write_sealed,
)
from harness.config.settings import TARGET
from harness.evaluation.metric import Metric, headlines

log = logging.getLogger("bakeoff")

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA_VERSION = 4
MISSED_BY = ("tokens_missed_by", "seconds_missed_by", "flops_missed_by", "num_params_missed_by")
"""Of a record's budget: by what share of each limit the fit spent more, or (below 0) less."""
_LARGEST = 2**63 - 1  # an integer in a table


@dataclass(frozen=True)
class Failure:
    """A part of a run that failed."""

    where: str
    """'fit', or 'eval NAME'."""
    error: str
    """The exception's class and message."""
    traceback: str
    """'' where the message for the user says everything."""

    @classmethod
    def of(cls, where: str, error: BaseException) -> Failure:
        """From an exception: its message with notes, and its traceback (a plugin's own where it can't be loaded)."""
        said = [str(error) if isinstance(error, UserError) else one_line(error), *getattr(error, "__notes__", ())]
        details = "" if isinstance(error, UserError | TrainingFailed) else "".join(traceback.format_exception(error))
        if isinstance(error, PluginError):
            details = error.details
        return cls(where, *(text.encode("utf-8", "backslashreplace").decode() for text in ("; ".join(said), details)))


@dataclass(frozen=True)
class RunRecord:
    """The fields of run.json."""

    run_id: str
    fit_id: str
    experiment: str
    status: str
    """'complete'; 'partial' (some evals failed, the others are valid); 'failed'."""
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
    deterministic: bool
    """Whether the fit would be the same with any other seed."""
    budget: dict[str, Any]
    """The fit's limits: tokens, seconds, flops, num_params (None: no limit); and by what share of each the fit spent
    more, or (below 0) less: 'tokens_missed_by' and so on."""
    spent: dict[str, Any]
    """tokens, flops, seconds, steps of the fit; episodes, written_tokens, read_tokens, ratings of its stages of
    post-training. With stages, each is the sum over the whole line of fits."""
    cost: dict[str, Any]
    """num_params, model_bytes, flops_per_token, state_bytes_at_context."""
    metrics: list[Metric]
    versions: dict[str, str]
    git: dict[str, Any]
    """commit (None outside a checkout), dirty."""
    device: str
    """'cpu', or a graphics card and its name, as 'cuda (NVIDIA H100 80GB HBM3)'."""
    num_threads: int
    peak_memory_bytes: int
    wandb: dict[str, Any]
    """mode, run_id, url; 'warning' where the mirror failed."""
    errors: list[Failure] = field(default_factory=list)
    """Each part that failed, with its traceback."""
    notes: list[str] = field(default_factory=list)
    """What a user should know although nothing failed: about the data, how the fit ended, evals without samples; one
    sentence each."""
    glossary: dict[str, dict[str, str]] = field(default_factory=dict)
    """By eval and metric: what the metric is, in a sentence."""
    plugins: dict[str, str] = field(default_factory=dict)
    """The plugin files that the run used: each module's path."""
    decoding_id: str = ""
    """The hash of the decoding strategy; fit_id and decoding_id say where the answers are stored."""
    recipes: dict[str, str] = field(default_factory=dict)
    """For each fit that the settings name (the one that training continues from, a draft), by its id: the id of the
    same fit with seed 0. It is equal for all seeds of one fit."""
    rescored_from: str | None = None
    """The run whose answers were scored again to make this one."""
    post: dict[str, Any] = field(default_factory=lambda: {"name": "none"})
    """'name' (the stages of post-training in order, as 'sft+rloo'; 'none') and by stage every option's value."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    """For each stage of post-training: its name, the id of its fit, what it alone spent, and what else it says."""
    num_processes: int = 1
    """How many processes shared the fit (torchrun)."""
    fit_digest: str | None = None
    """The digest of the fit's weights, settings and tokenizer: a fit that is made again may differ. None: no fit."""
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def outcome(self) -> str:
        """The status, and how many notes there are."""
        if not self.notes:
            return self.status
        return f"{self.status}, with {len(self.notes)} note{'s' if len(self.notes) > 1 else ''}"

    @property
    def measured(self) -> frozenset[str]:
        """The evals that measured something."""
        return frozenset(metric.eval for metric in self.metrics if metric.n_total)

    @property
    def rewards(self) -> str:
        """What stages of post-training rewarded, as 'hands_back_in_time+length'; '' without rewards."""
        return "+".join(sorted({name for stage in _mappings(self.post) for name in _mapping(stage.get("rewards"))}))

    @property
    def ratings(self) -> str:
        """Where the ratings came from that stages of post-training learnt from, as 'simulated'; '' without ratings."""
        from harness.config.options import name_of_class

        learners = [
            learner for stage in _mappings(self.post) for learner in (stage, *_mappings(_mapping(stage.get("rewards"))))
        ]
        sources = [_mapping(learner.get("ratings")) for learner in learners]
        return "+".join(
            sorted({name_of_class("ratings", str(source[TARGET])) for source in sources if TARGET in source})
        )

    def headlines(self) -> list[Metric]:
        """One metric of each eval, over all samples (see harness.evaluation.metric.headlines)."""
        of_all = (metric for metric in self.metrics if metric.slice == "all")
        return headlines(metric for metric in of_all if metric.is_judged or metric.n_total)

    def write(self, folder: Path) -> None:
        """Write run.json with the digests of the run's other files."""
        texts = sorted(path.relative_to(folder).as_posix() for path in (folder / TEXT_FOLDER).glob("*.txt"))
        files = [name for name in (CONFIG_FILE, SAMPLES_FILE, CURVE_FILE) if (folder / name).is_file()]
        write_sealed(folder / RUN_FILE, dataclasses.asdict(self), [*files, *texts])

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read run.json. UserError where it is missing, damaged, or of another schema version.

        Its digests are not checked: see `check_run`.
        """
        path = folder / RUN_FILE
        try:
            raw = read_object(path, _named(folder))
        except FileNotFoundError:
            raise UserError(
                f"{folder} holds no finished run (no {RUN_FILE}). Run the same command again to finish it."
            ) from None
        except Damaged as error:
            raise error.mended_by(command_again(folder)) from None
        if raw.get("schema_version") != SCHEMA_VERSION:
            raise UserError(
                f"{path} has schema version {raw.get('schema_version')}; this bakeoff reads {SCHEMA_VERSION}. "
                "Run it again with this version, or read it with the version that wrote it."
            )
        try:
            metrics = [Metric(**metric) for metric in raw["metrics"]]
            errors = [Failure(**failure) for failure in raw.get("errors", [])]
            record = cls(**{**without_seal(raw), "metrics": metrics, "errors": errors})
            items: list[DataclassInstance] = [record, *metrics, *errors]
            for item in items:
                _check_types(item)
            _check_numbers(record.spent | record.cost)
            return record
        except (TypeError, KeyError, AttributeError) as error:
            damaged = Damaged(path, _named(folder), f"it is no run record ({error})")
            raise damaged.mended_by(command_again(folder)) from None

    @classmethod
    def read_noting_damage(cls, folder: Path) -> RunRecord:
        """As `read`, but warn where a file of the run changed after it was written."""
        record = cls.read(folder)
        warn_of_damage(folder)
        return record


def _mapping(value: object) -> Mapping[str, Any]:
    """A part of a record; empty where it is no mapping."""
    return value if isinstance(value, dict) else {}


def _mappings(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The mappings that are values of a mapping."""
    return [value for value in node.values() if isinstance(value, dict)]


def _check_types(item: DataclassInstance) -> None:
    """TypeError where a field holds something else than it is declared to."""
    for name, types in _types_of(type(item)).items():
        value = getattr(item, name)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"{name} is {str(value)[:40]}")
        _check_numbers({name: value} if isinstance(value, int | float) else {})


def _check_numbers(values: Mapping[str, Any]) -> None:
    """TypeError where a value is neither a number that a table can hold nor None."""
    for name, value in values.items():
        if not (value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST)):
            raise TypeError(f"{name} is {str(value)[:40]}")


@functools.cache
def _types_of(of: type[DataclassInstance]) -> dict[str, tuple[type, ...]]:
    """The classes that each field's value may have."""
    types: dict[str, tuple[type, ...]] = {}
    for name, hint in get_type_hints(of).items():
        parts = get_args(hint) if get_origin(hint) is UnionType else (hint,)
        allowed = [get_origin(part) or part for part in parts]
        types[name] = (*allowed, int) if float in allowed else tuple(allowed)
    return types


def check_run(folder: Path) -> None:
    """Damaged where a file of a finished run is missing, or changed after it was written."""
    try:
        read_sealed(folder / RUN_FILE, _named(folder))
    except Damaged as error:
        raise error if error.path.name == CONFIG_FILE else error.mended_by(command_again(folder)) from None


def warn_of_damage(folder: Path) -> None:
    """Warn where a file of a finished run is missing, or changed after it was written."""
    try:
        check_run(folder)
    except Damaged as error:
        log.warning("%s", error)


def check_config(folder: Path) -> None:
    """Damaged where a run's config.yaml changed after it was written. Not checked where the run isn't finished or its
    record is damaged."""
    path = folder / RUN_FILE
    try:
        content = read_object(path, _named(folder))
        check_itself(path, content, _named(folder))
    except (FileNotFoundError, Damaged):
        return
    check_file(path, content, CONFIG_FILE, _named(folder))


def command_again(folder: Path) -> str:
    """The command line that makes a run again, and what is missing or damaged of its fit."""
    results = ResultsFolder.around(folder).path
    return shlex.join(["bakeoff", "run", "--config-from", str(folder.resolve()), f"results_dir={results}"])


def _named(folder: Path) -> str:
    return f"run {folder.name}"
