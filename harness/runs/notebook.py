"""Runs from Python, as in a notebook: make a run, open its fit, complete and score text.

Changes nothing global: no logging handler, no environment variable, no random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, Prompt
from harness.config.compose import compose
from harness.config.settings import build
from harness.runs.lookup import find_fit
from harness.runs.other_models import OtherModels
from harness.runs.plan import plan
from harness.runs.record import RunRecord
from harness.runs.run import run
from harness.runs.settings import typed
from harness.runs.tracking import Mirror
from harness.scoring.answers import BITS_PER_NAT, Likelihood
from harness.scoring.likelihood import document_likelihood, document_logprobs
from harness.text.utf8 import encode_utf8
from harness.training.fits import Fit, load_fit, pick_device
from harness.training.workshop import Prepared, Workshop


def make_run(*overrides: str) -> RunRecord:
    """Make one run, or return it if it is finished: `make_run("model=lstm", "budget.tokens=200_000")`, with the
    overrides of `bakeoff run`.

    UserError where the overrides are wrong. Where a fit or an eval fails, the record says so.
    """
    for override in overrides:
        _check_text(override, "an override of make_run", 'make_run("model=bigram", "seed=1")')
    settings = typed(compose(overrides))
    with Mirror() as mirror:
        return run(plan(settings, Prepared()), mirror)


def _check_text(value: object, what: str, example: str) -> None:
    if not isinstance(value, str):
        raise UserError(f"{what} is {value!r} ({type(value).__name__}): it must be a text, as in {example}.")


def open_fit(name: str | Path, results: str | Path = "results", device: str = "auto") -> OpenFit:
    """Open a fit. name: the fit's id, or the run that used it: its id, a unique prefix of it, or its folder."""
    name = str(name) if isinstance(name, Path) else name
    _check_text(name, "the run of open_fit", 'open_fit("lstm-top_p")')
    workshop = Workshop(ResultsFolder(Path(results)), pick_device(device))
    return OpenFit(load_fit(find_fit(name, workshop.results.path), workshop.device), workshop)


@dataclass(frozen=True)
class OpenFit:
    """A fitted model with its tokenizer, ready to complete and score text."""

    fit: Fit
    workshop: Workshop

    def complete(
        self,
        prompt: str,
        decoding: str | Sequence[str] = "greedy",
        max_new_tokens: int = 100,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> Completion:
        """The model's completion of a prompt. decoding: the name of a strategy, or overrides, as
        ["decoding=top_p", "decoding.transforms.top_p.p=0.8"]."""
        if isinstance(stop, str):
            raise UserError(f"stop={stop!r} is not allowed: it must be several texts, as stop=[{stop!r}].")
        picked = [f"decoding={decoding}"] if isinstance(decoding, str) else list(decoding)
        strategy = build(compose(picked)["decoding"], DecodingStrategy, "decoding")
        fit = self.fit
        strategy = strategy.of_fit(fit.finished)
        engine = Engine(fit.model, fit.tokenizer, strategy, find_model=OtherModels(self.workshop))
        [completion] = engine.complete([Prompt(prompt, max_new_tokens, tuple(stop), seed)])
        return completion

    def score(self, text: str) -> Likelihood:
        """The likelihood of a whole text, from its first token."""
        _check_text(text, "what is scored", 'fit.score("some text")')
        tokens = self.fit.tokenizer.encode(text)
        [logprobs] = document_logprobs(self.fit.model, [tokens])
        return document_likelihood(self.fit.model, logprobs)

    def bits_per_byte(self, text: str) -> float | None:
        """Bits per byte of UTF-8 of a text; None where the text has probability 0 or is empty."""
        nats, num_bytes = self.score(text).nats, len(encode_utf8(text))
        return None if nats is None or not num_bytes else nats * BITS_PER_NAT / num_bytes
