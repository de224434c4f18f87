"""The plan of a run, made once and passed on: its evals, its fit, their ids, and where files go.

`plan_evals` needs no torch: answers can be scored where no model can run, a sweep is planned at once, and a run that is
not possible is refused at once. `plan` needs it at its end, to pick a device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.config.identity import content_hash, identity, plain
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.eval import Eval
from harness.runs.lookup import BEST, LATEST, find_fit, find_run
from harness.runs.record import SCHEMA_VERSION
from harness.runs.same_split import check_split
from harness.runs.settings import RunSettings, run_id
from harness.runs.tracking import Tracking
from harness.text.data.corpus import Corpus
from harness.training.continuing import check_continues
from harness.training.fit_folder import fit_digest, fit_facts
from harness.training.fits import FitSettings, check_device, fit_id, pick_device
from harness.training.workshop import Prepared, Workshop


@dataclass(frozen=True)
class EvalPlan:
    """The evals of a run, and the fit that they are asked of."""

    fit_id: str
    decoding_id: str
    """The hash of the decoding strategy."""
    evals: Mapping[str, Eval]
    corpus: Corpus
    seed: int
    tracking: Tracking
    config: Mapping[str, Any]
    """The whole configuration as plain values; what config.yaml holds."""
    results: ResultsFolder
    experiment: str

    @cached_property
    def run_id(self) -> str:
        """Model, decoding, seed and a hash: of the fit, the decoding strategy and the evals."""
        evals = identity(dict(self.evals))
        content = content_hash({"fit": self.fit_id, "decoding": self.decoding_id, "evals": evals})
        names = self.config["names"]
        return run_id("+".join([names["model"], *self.config["post"]]), names["decoding"], self.seed, content)

    @property
    def eval_options(self) -> dict[str, Any]:
        """Each eval's options, its version, and the hash of a plugin's source."""
        options = {}
        for name, eval in self.evals.items():
            about = {key: value for key, value in identity(eval).items() if key not in ("class", "fields")}
            options[name] = {**plain(eval), **about}
        return options

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.results.run(self.experiment, self.run_id)

    @property
    def fit_digest(self) -> str:
        """The digest of the fit that answers and scores depend on; Damaged where there is no fit."""
        return fit_digest(self.results.fit(self.fit_id))

    @property
    def answers(self) -> AnswerStore:
        """The fit's stored answers under this decoding strategy."""
        return AnswerStore(self.results.path, self.fit_id, self.decoding_id, self.fit_digest)

    def scores_path(self, eval: Eval) -> Path:
        """The file with an eval's scored rows, shared by runs. A sealed file of the same name beside it names the
        fit."""
        depends_on = {"schema": SCHEMA_VERSION, "fit": self.fit_id, "eval": identity(eval)}
        if eval.uses_decoding:
            depends_on["decoding"] = self.decoding_id
        return self.results.scores(content_hash(depends_on))


@dataclass(frozen=True)
class RunPlan(EvalPlan):
    """The plan of a whole run: its evals, and the fit that is loaded or trained for them."""

    settings: RunSettings
    """The settings, with ids of fits where the user named runs."""
    fit_settings: FitSettings
    workshop: Workshop
    recipes: Mapping[str, str]
    """For each fit that the settings name, by its id: the id of the same fit with seed 0."""


def plan_evals(settings: RunSettings, prepared: Prepared) -> EvalPlan:
    """The plan of a run's evals. UserError where the run can't be done; whether its device is here isn't asked."""
    return _plan_evals(_with_fits(settings)[0], prepared)[0]


def names_fits(settings: RunSettings) -> bool:
    """Whether the settings name fits of other runs. UserError where there is no such run."""
    return bool(_with_fits(settings)[1])


def plan(settings: RunSettings, prepared: Prepared) -> RunPlan:
    """The plan of a run with these settings. UserError where it can't run here."""
    check_device(settings.device)
    settings, elsewhere = _with_fits(settings)
    planned, fit_settings = _plan_evals(settings, prepared)
    return RunPlan(
        **{field.name: getattr(planned, field.name) for field in dataclasses.fields(planned)},
        settings=settings,
        fit_settings=fit_settings,
        workshop=Workshop(planned.results, pick_device(settings.device), prepared, elsewhere),
        recipes={name: fit_facts(folder)["recipe"] for name, folder in elsewhere.items()},
    )


def _plan_evals(settings: RunSettings, prepared: Prepared) -> tuple[EvalPlan, FitSettings]:
    """The plan of the evals, and the settings of the fit that they are asked of. settings: with ids of fits."""
    results = ResultsFolder(settings.results_dir)
    corpus = prepared.corpus(settings.data)
    fit_settings = FitSettings(
        settings.model,
        settings.tokenizer,
        settings.training,
        settings.budget,
        settings.seed,
        settings.post,
    )
    fit = fit_id(fit_settings, corpus)
    results.check(fit)
    for name, stage in settings.post.items():
        if (why := stage.why_nothing_to_learn(corpus)) is not None:
            raise UserError(f"{name} has nothing to learn: {why}, or leave {name} out of post=.")
    check_split(results, settings.data, corpus)
    planned = EvalPlan(
        fit_id=fit,
        decoding_id=content_hash(identity(settings.decoding)),
        evals=settings.evals,
        corpus=corpus,
        seed=settings.seed,
        tracking=settings.tracking,
        config=settings.resolved,
        results=results,
        experiment=settings.experiment_name,
    )
    return planned, fit_settings


def _with_fits(settings: RunSettings) -> tuple[RunSettings, dict[str, Path]]:
    """The settings, with the ids of fits in place of the names of runs; and the folders of these fits, by id."""
    folders: dict[str, Path] = {}

    def fit_id_of(name: str) -> str:
        if name.rpartition("/")[2] in (LATEST, BEST):
            run = find_run(name, settings.results_dir)
            raise UserError(
                f"{name} can't be a setting, because it may mean another run later. It means {run.name} now: name that "
                "run."
            )
        folder = find_fit(name, settings.results_dir)
        folders[folder.name] = folder
        return folder.name

    training, decoding = settings.training, settings.decoding
    if (run := training.continue_from) is not None:
        training = dataclasses.replace(training, continue_from=fit_id_of(run))
        check_continues(run, folders[fit_id_of(run)], settings.model, settings.budget)
    decoding = dataclasses.replace(decoding, search=decoding.search.with_fits(fit_id_of))
    return dataclasses.replace(settings, training=training, decoding=decoding), folders
