"""What every eval keeps to (harness/evaluation/eval.py), as checks.

The eval is put to models that play a part (harness/plugin_kit/actor.py), through the same engine and scorers as in a
run. A check's name is the sentence that it checks.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from harness.common.results_folder import ResultsFolder
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.completion.sequence import Completion
from harness.config.settings import build
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Eval, Material
from harness.evaluation.metric import Metric, headlines
from harness.evaluation.questions import Questions, questions, scored
from harness.evaluation.requests import Answer, Complete, Request, Sample, ScoreContinuation, ScoreText
from harness.evaluation.rows import number, parsed
from harness.evaluation.validity import check_metrics
from harness.plugin_kit.actor import Actor
from harness.plugin_kit.elsewhere import is_the_same_elsewhere
from harness.plugin_kit.outcome import Outcome, Skipped, hold, outcomes
from harness.plugin_kit.picked import DEFAULTS, picked
from harness.runs.settings import built_evals
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import DataSource
from harness.text.tokenizers.tokenizer import TokenizerSettings
from harness.training.references import ReferenceModels
from harness.training.workshop import Workshop

_SHARE = "share"
_NONSENSE = " xqzx"
_PERFECT = "give samples a target, or write perfect_answer(self, sample, request)"


class EvalOnTrial:
    """An eval, the material that it makes samples from, and what it finds about models that play a part."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.name, self.overrides = name, overrides
        self._config = picked("eval", name, overrides)

    def new(self) -> Eval:
        """The eval, made again. PluginError where it can't be."""
        [made] = built_evals(self._config).values()
        return made

    @cached_property
    def ingredients(self) -> tuple[DataSource, TokenizerSettings]:
        """The settings of the corpus and of the tokenizer."""
        return (
            build(self._config["data"], DataSource, "data"),  # type: ignore[type-abstract]
            build(self._config["tokenizer"], TokenizerSettings, "tokenizer"),  # type: ignore[type-abstract]
        )

    @cached_property
    def material(self) -> Material:
        """A corpus and a tokenizer."""
        source, settings = self.ingredients
        corpus = source.load()
        self._scratch = tempfile.TemporaryDirectory()
        references = ReferenceModels(corpus, Workshop(ResultsFolder(Path(self._scratch.name)), torch.device("cpu")))
        return Material(corpus, settings.train(corpus.train), references)

    @cached_property
    def asked(self) -> Questions:
        """What it asks."""
        return questions(self.new(), self.material, seed=0)

    @cached_property
    def right_answers(self) -> list[tuple[Request, str | None]]:
        """Every request with what a perfect model writes; None where that isn't known."""
        eval = self.new()
        return [(request, eval.perfect_answer(sample, request)) for sample, asked in self._pairs() for request in asked]

    @property
    def perfect(self) -> Actor:
        """A model that knows every right answer."""
        actor = self._playing(answer for _, answer in self.right_answers)
        # whatever else is asked about, as far as what is right leaves a choice
        for request, _ in self.right_answers:
            if isinstance(request, ScoreText):
                actor.learn((), self.material.tokenizer.encode(request.text))
        return actor

    def confused(self) -> Actor:
        """A model that gives the right answer to another question; nonsense where all have the same."""
        answers = [answer for _, answer in self.right_answers]
        known = list(dict.fromkeys(answer for answer in answers if answer is not None))
        another = dict(zip(known, [*known[1:], *known[:1]], strict=True)) if len(known) > 1 else {}
        return self._playing(None if answer is None else another.get(answer, _NONSENSE) for answer in answers)

    def rambling(self, before: bool, after: bool) -> Actor:
        """A model that writes the right answer within a longer word or number; nonsense where there is no room for it,
        or no letter or digit at the edge of the answer."""
        encode = self.material.tokenizer.encode
        answers: list[str | None] = []
        for request, answer in self.right_answers:
            if answer is None:
                answers.append(None)
                continue
            longer = _within(answer, before, after)
            has_room = not isinstance(request, Complete) or len(encode(longer)) <= request.max_new_tokens
            answers.append(longer if has_room and longer != answer else _NONSENSE)
        return self._playing(answers)

    def _playing(self, answers: Iterable[str | None]) -> Actor:
        """A model that gives these answers, one for each of `right_answers`; None: it says nothing."""
        actor, encode = self.silent, self.material.tokenizer.encode
        for (request, _), answer in zip(self.right_answers, answers, strict=True):
            if answer is None:
                continue
            if isinstance(request, Complete):
                stop = next(iter(request.stop), "")
                actor.learn(encode(request.prompt), encode(answer + stop))
            elif isinstance(request, ScoreContinuation):
                actor.learn(encode(request.prompt), encode(answer))
            elif isinstance(request, ScoreText) and request.text == answer:
                actor.learn((), encode(answer))
        return actor

    @property
    def silent(self) -> Actor:
        """A model that says nothing."""
        tokenizer = self.material.tokenizer
        return Actor(tokenizer.vocab_size, tokenizer.start_token)

    def rows(self, model: Actor, writer: Actor | None = None) -> pd.DataFrame:
        """What the eval finds of each sample when it is put to a model. writer: who writes in its place."""
        answers = self.answers(model)
        if writer is not None:
            answers = [
                [text if isinstance(text, Completion) else answer for answer, text in zip(*pair, strict=True)]
                for pair in zip(answers, self.answers(writer), strict=True)
            ]
        return scored(self.new(), self.asked, answers, self.material).rows

    def answers(self, model: Actor) -> list[list[Answer]]:
        """What a model says to everything that is asked."""
        respondent = Respondent(model, self.material.tokenizer, DecodingStrategy(Greedy()))
        return ask(respondent, self.asked.requests, self.asked.seeds, "check")

    @cached_property
    def perfect_rows(self) -> pd.DataFrame:
        """What it finds of the model that knows."""
        return self.rows(self.perfect)

    def headline(self, rows: pd.DataFrame) -> Metric | None:
        """The metric that stands for the eval; None where none can be better or worse."""
        return next(iter(headlines(one for one in self.metrics(rows).values() if one.is_judged)), None)

    @cached_property
    def silent_rows(self) -> pd.DataFrame:
        """What it finds of the model that says nothing."""
        return self.rows(self.silent)

    def metrics(self, rows: pd.DataFrame) -> dict[str, Metric]:
        """Those of all samples together, by name."""
        return {one.metric: one for one in self.every_metric(rows) if one.slice == "all"}

    def every_metric(self, rows: pd.DataFrame) -> list[Metric]:
        """Those of every slice, each of them looked at."""
        eval = self.new()
        found = list(eval.metrics(rows))
        check_metrics(eval, found, rows)
        return found

    def digest(self) -> str:
        """A hash of every sample and request."""
        plain = [[asdict(sample), [asdict(request) for request in asked]] for sample, asked in self._pairs()]
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()

    def _pairs(self) -> Iterator[tuple[Sample, Sequence[Request]]]:
        return zip(self.asked.samples, self.asked.requests, strict=True)


def it_says_its_name_and_its_version(of: EvalOnTrial) -> None:
    eval = of.new()
    hold(eval.name.isidentifier(), f"its name is {eval.name!r}: use letters, digits and '_'")
    hold(eval.version >= 1, f"its version is {eval.version}: count from 1 up")


def it_has_samples_with_ids_of_their_own_and_asks_something_about_each(of: EvalOnTrial) -> None:
    made_from = " ".join(of.overrides) or " ".join(DEFAULTS["eval"])
    hold(len(of.asked.samples) > 0, f"it has no samples for {made_from} ({of.new().why_no_samples})")
    for sample, asked in of._pairs():
        hold(len(asked) > 0, f"it asks nothing about the sample {sample.id!r}")


def its_samples_are_the_same_each_time(of: EvalOnTrial) -> None:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            again = questions(of.new(), of.material, seed=0)
            hold(again == of.asked, "samples or requests changed when they were asked for again")
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


def its_samples_are_the_same_in_another_process(of: EvalOnTrial) -> None:
    hold(is_the_same_elsewhere(of), "they are others there: does their order hang on a set, or on a hash?")


def it_says_whether_it_depends_on_decoding(of: EvalOnTrial) -> None:
    completes = any(isinstance(request, Complete) for asked in of.asked.requests for request in asked)
    hold(of.new().uses_decoding or not completes, "it asks for completions, but says uses_decoding = False")


def a_model_that_knows_gets_full_marks(of: EvalOnTrial) -> None:
    best, worst = of.metrics(of.perfect_rows), of.metrics(of.silent_rows)
    judged = {name: one for name, one in best.items() if one.higher_is_better is not None and one.value is not None}
    if not judged:
        raise Skipped(f"no metric is better or worse for it; {_PERFECT}")
    for name, one in judged.items():
        assert one.value is not None
        if one.unit == _SHARE:
            full = 1.0 if one.higher_is_better else 0.0
            hold(abs(one.value - full) < 1e-9, f"{name} is {one.value:g} for it, not {full:g}{_an_answer(of)}")
        elif (other := worst[name].value) is not None:
            better = one.value >= other if one.higher_is_better else one.value <= other
            hold(better, f"{name} is {one.value:g} for it, and better for a model that says nothing: {other:g}")


def a_model_that_answers_wrongly_gets_less(of: EvalOnTrial) -> None:
    best = of.headline(of.perfect_rows)
    if not of.new().has_wrong_answers:
        raise Skipped("it says that no answer is wrong (has_wrong_answers)")
    if best is None or best.value is None or all(answer is None for _, answer in of.right_answers):
        raise Skipped(f"no right answer is known; {_PERFECT}")
    confused, ignorant = of.confused(), of.silent
    for how, scorer, writer in (
        ("gives the right answer to another question", confused, confused),
        ("finds all answers equally likely, and gives a wrong one", ignorant, confused),
        ("goes on after the right answer within the same word or number", confused, of.rambling(False, True)),
        ("begins the word or number of the right answer with something else", confused, of.rambling(True, False)),
        ("writes the right answer within a longer word or number", confused, of.rambling(True, True)),
    ):
        value = of.metrics(of.rows(scorer, writer))[best.metric].value
        hold(
            value is None or (value < best.value if best.higher_is_better else value > best.value),
            f"{best.metric} is {value} for a model that {how}, and {best.value:g} for one that knows. Compare whole "
            "answers and words, give ties no more than their share, and name the measure that tells right from wrong "
            "first. If no answer is wrong, say has_wrong_answers = False",
        )


def a_model_that_says_nothing_gets_the_floor(of: EvalOnTrial) -> None:
    talks = [any(isinstance(request, Complete) for request in asked) for asked in of.asked.requests]
    if not any(talks):
        raise Skipped("it asks for nothing that could be said")
    eval, silent = of.new(), of.silent
    silent.is_shy = True  # of what is only scored, whoever says nothing may have the right one
    said = [not any(eval.perfect_answer(sample, request) == "" for request in asked) for sample, asked in of._pairs()]
    if not any(said):
        raise Skipped("silence is right everywhere")
    for name, one in of.metrics(of.rows(silent)[said]).items():
        if one.unit == _SHARE and one.higher_is_better and one.value is not None:
            floor = one.chance or 0.0
            hold(
                one.value <= floor + 1e-9,
                f"{name} is {one.value:g} for it, above {floor:g}. Where silence is right, let perfect_answer give "
                "''; where guessing has a share, give the measure its chance",
            )


def a_model_that_can_not_tell_answers_apart_gets_chance(of: EvalOnTrial) -> None:
    requests = [request for asked in of.asked.requests for request in asked]
    if not all(isinstance(request, ScoreContinuation) for request in requests):
        raise Skipped("it asks for more than how probable answers are")
    equal: list[list[Answer]] = [[Likelihood(1.0, 1, False) for _ in asked] for asked in of.asked.requests]
    metrics = of.metrics(scored(of.new(), of.asked, equal, of.material).rows)
    known = [metrics[one.name] for one in of.new().measures if metrics[one.name].chance is not None]
    if not known:
        raise Skipped("no measure says what guessing gets (chance)")
    for one in known:
        assert one.chance is not None
        hold(
            one.value is None or abs(one.value - one.chance) < 1e-9,
            f"{one.metric} is {one.value} for it, and guessing gets {one.chance:g}. Give each of the answers that are "
            "equally probable its part: of two, half",
        )


def missing_is_never_zero(of: EvalOnTrial) -> None:
    rows = of.perfect_rows
    blank = rows.assign(
        nats=np.nan,
        values=[json.dumps(dict.fromkeys(parsed(values))) for values in rows["values"]],
    )
    known = of.metrics(rows)
    for name, one in of.metrics(blank).items():
        # what rests on the samples alone, as a baseline, has its value all the same
        counted = one.higher_is_better is not None and one.value is not None and one.value != known[name].value
        hold(not counted, f"{name} is {one.value} where every measure is missing: it must be None, with a reason")


def a_model_without_probabilities_costs_values_and_not_the_run(of: EvalOnTrial) -> None:
    shy = of.perfect
    shy.is_shy = True
    of.every_metric(of.rows(shy))


def what_rests_on_a_missing_probability_is_missing(of: EvalOnTrial) -> None:
    # one model is sure of what it is asked about, the other is sure of something else
    for known, shy in ((of.perfect, of.perfect), (of.confused(), of.confused())):
        shy.is_shy = True
        with_probabilities, without = of.rows(known), of.rows(shy)
        for id, before, after in zip(
            without["sample_id"], _measures(with_probabilities), _measures(without), strict=True
        ):
            for name, value in after.items():
                hold(
                    value is None or math.isclose(value, number(before[name]), rel_tol=1e-4, abs_tol=1e-4),
                    f"{name} of sample {id!r} is {value} where the model has no probabilities (nats is None), and "
                    f"{before[name]} where it has. Give None",
                )


def every_metric_is_there_whatever_the_model_says(of: EvalOnTrial) -> None:
    perfect, silent = ({(one.metric, one.slice) for one in of.every_metric(rows)} for rows in _both(of))
    apart = sorted(perfect ^ silent)
    hold(not apart, f"{apart[:3]} is there for one model and not for another: a missing value is None, with a reason")
    for one in of.new().measures:
        for rows in _both(of):
            absent = [
                name
                for name, values in zip(rows["sample_id"], rows["values"], strict=True)
                if one.name not in parsed(values)
            ]
            hold(not absent, f"the measure {one.name!r} is not among the values of sample {absent[:1]}")


def each_sample_is_scored_by_itself(of: EvalOnTrial) -> None:
    asked, answers = of.asked, of.answers(of.perfect)
    backwards = Questions(asked.samples[::-1], asked.requests[::-1], asked.seeds[::-1])
    turned = scored(of.new(), backwards, answers[::-1], of.material).rows[::-1].reset_index(drop=True)
    hold(turned.equals(of.perfect_rows), "scores change with the order of the samples")


def what_it_finds_survives_storage(of: EvalOnTrial) -> None:
    for rows in _both(of):
        again = pd.read_parquet(io.BytesIO(rows.to_parquet()))
        hold(again.equals(rows), "rows read back from a file are not what was written")
        before, after = of.every_metric(rows), of.every_metric(again)
        hold(before == after, "metrics of rows read back from a file are others")
        json.dumps([asdict(one) for one in after], allow_nan=False)


def no_global_random_state_is_touched(of: EvalOnTrial) -> None:
    def states() -> list[str]:
        return [repr(random.getstate()), repr(np.random.get_state()), repr(torch.get_rng_state().tolist())]  # noqa: NPY002

    answers = of.answers(of.perfect)
    before = states()
    asked = questions(of.new(), of.material, seed=0)
    of.every_metric(scored(of.new(), asked, answers, of.material).rows)
    drawn = [name for name, one, two in zip(("random", "numpy", "torch"), before, states(), strict=True) if one != two]
    hold(not drawn, f"it draws from {', '.join(drawn)}'s global generator: make one of your own from a seed")


def _measures(rows: pd.DataFrame) -> list[dict[str, float | None]]:
    """Of each row: its measures, and its nats."""
    nats = [None if math.isnan(value) else value for value in rows["nats"]]
    return [{**parsed(values), "nats": total} for values, total in zip(rows["values"], nats, strict=True)]


def _an_answer(of: EvalOnTrial) -> str:
    """What the model that knows was taken to answer, for a message."""
    known = [answer for _, answer in of.right_answers if answer is not None]
    if not known:
        return f": no right answer is known; {_PERFECT}"
    return f", when it answers as {known[0]!r}. If something else is right, {_PERFECT}"


def _within(answer: str, before: bool, after: bool) -> str:
    """An answer with a letter or a digit before or after it that makes a longer word or number of it."""
    word = answer.strip()
    front = _more(word[0]) if word and before else ""
    back = _more(word[-1]) if word and after else ""
    begin = len(answer) - len(answer.lstrip())
    return answer[:begin] + front + word + back + answer[begin + len(word) :]


def _more(edge: str) -> str:
    return "9" if edge.isdecimal() else "q" if edge.isalpha() else ""


def _both(of: EvalOnTrial) -> tuple[pd.DataFrame, pd.DataFrame]:
    return of.perfect_rows, of.silent_rows


CHECKS: tuple[Callable[[EvalOnTrial], None], ...] = (
    it_says_its_name_and_its_version,
    it_has_samples_with_ids_of_their_own_and_asks_something_about_each,
    its_samples_are_the_same_each_time,
    its_samples_are_the_same_in_another_process,
    it_says_whether_it_depends_on_decoding,
    a_model_that_knows_gets_full_marks,
    a_model_that_answers_wrongly_gets_less,
    a_model_that_says_nothing_gets_the_floor,
    a_model_that_can_not_tell_answers_apart_gets_chance,
    missing_is_never_zero,
    a_model_without_probabilities_costs_values_and_not_the_run,
    what_rests_on_a_missing_probability_is_missing,
    every_metric_is_there_whatever_the_model_says,
    each_sample_is_scored_by_itself,
    what_it_finds_survives_storage,
    no_global_random_state_is_touched,
)


def check_eval(name: str, overrides: Sequence[str] = ()) -> Iterator[Outcome]:
    """Hold an eval, an option of evals= or a file, to what every eval keeps to. UserError where there is none, or
    an override is wrong."""
    trial = EvalOnTrial(name, overrides)
    _ = trial.new(), trial.ingredients
    return outcomes(CHECKS, trial)
