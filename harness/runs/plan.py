"""The plan of a run, made once and passed on: its evals, its fit, their ids, and where files go.

Needs no torch: answers can be scored where no model can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.common.errors import PluginError
from harness.common.results_folder import ResultsFolder
from harness.config.identity import content_hash, identity, plain
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.eval import Eval
from harness.runs.record import SCHEMA_VERSION
from harness.runs.tracking import Tracking
from harness.text.data.corpus import Corpus
from harness.training.fit_folder import fit_digest


@dataclass(frozen=True)
class EvalPlan:
    """The evals of a run, and the fit that they are asked of."""

    fit_id: str
    decoding_id: str
    """The hash of the decoding strategy."""
    evals: Mapping[str, Eval]
    broken_evals: Mapping[str, PluginError]
    """Evals that were picked but whose code fails, by name."""
    corpus: Corpus
    seed: int
    tracking: Tracking
    config: Mapping[str, Any]
    """The whole configuration as plain values; what config.yaml holds."""
    results: ResultsFolder
    experiment: str

    @cached_property
    def run_id(self) -> str:
        """model-decoding-seed-hash: the hash is of the fit, the decoding strategy and the evals.

        For an eval that can't be imported, the hash is over its plain values.
        """
        broken = {name: self.config["evals"][name] for name in self.broken_evals}
        evals = identity({**self.evals, **broken})
        content = content_hash({"fit": self.fit_id, "decoding": self.decoding_id, "evals": evals})
        names = self.config["names"]
        return f"{names['model']}-{names['decoding']}-s{self.seed}-{content[:8]}"

    @property
    def eval_options(self) -> dict[str, Any]:
        """Each eval's options, its version, and the hash of a plugin's source."""
        options = {}
        for name, eval in self.evals.items():
            about = {key: value for key, value in identity(eval).items() if key not in ("class", "fields")}
            options[name] = {**plain(eval), **about}
        return {**options, **{name: self.config["evals"][name] for name in self.broken_evals}}

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
