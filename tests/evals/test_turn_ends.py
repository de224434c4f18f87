"""Where a turn could end, what is asked, and how forecasts are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from evals.turn_ends import TurnEnds, auc, average_precision, places
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.questions import questions, scored
from harness.evaluation.requests import ScoreContinuation
from harness.evaluation.rows import measured
from harness.statistics.leave_one_out import jackknife
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import HUMAN
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from tests.evals.speakers import TOKENIZER, Speaker, changed, corpus, judged, table
from tests.harness.text.formats import CHATML
from tests.toys import ScriptedModel

EVAL = TurnEnds()
MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)
STOP = "\n\nHuman:"

# By falling probability: happened, didn't, happened, didn't.
FORECASTS = [(0.9, True), (0.8, False), (0.7, True), (0.1, False)]


def test_a_turn_could_end_after_each_word_and_does_at_its_end() -> None:
    body = " Well,  I never\ndid."
    assert [body[:place] for place in places(body, 10, "")] == [" Well,", " Well,  I", " Well,  I never", body]
    assert places("Yes.", 10, "") == [4]


def test_fewer_places_are_a_part_of_more_and_include_the_end() -> None:
    body = " ".join(["word"] * 40)
    few, more, every = (places(body, most, "x") for most in (5, 12, 100))
    assert (len(few), len(more), len(every)) == (5, 12, 40)
    assert set(few) < set(more) < set(every)
    assert few == sorted(few)
    assert few[-1] == len(body)
    assert places(body, 5, "y") != few
    assert places(body, 1, "x") == [len(body)]


def test_the_areas_equal_values_by_hand() -> None:
    # Of the 4 pairs of an event that happened and one that didn't, 3 are in order.
    assert auc(FORECASTS) == 0.75
    # Precision at the first event that happened is 1, at the second 2/3.
    assert average_precision(FORECASTS) == pytest.approx((1 + 2 / 3) / 2)
    assert auc([(0.5, True), (0.5, False)]) == 0.5
    assert average_precision([(0.5, True), (0.5, False), (0.5, False)]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("statistic", [auc, average_precision])
@pytest.mark.parametrize("forecasts", [[], [(0.5, True)], [(0.5, False), (0.1, False)]])
def test_without_both_outcomes_there_is_no_area(statistic, forecasts) -> None:  # type: ignore[no-untyped-def]
    assert statistic(forecasts) is None


def test_an_area_has_an_interval_over_clusters() -> None:
    draws = np.random.default_rng(0)
    forecasts = [(float(p), bool(p > draws.random())) for p in draws.random(240)]
    area = jackknife(auc, forecasts, [place // 12 for place in range(240)], "")
    assert area.value is not None
    assert area.ci_low is not None
    assert area.ci_high is not None
    assert 0.5 < area.ci_low < area.value < area.ci_high


def test_a_bound_of_the_statistic_is_one_of_its_interval() -> None:
    forecasts = [(0.9, True), (0.1, False), (0.8, True), (0.2, False), (0.3, True), (0.4, False)] * 2
    clusters = [place // 2 for place in range(12)]
    free, bound = jackknife(auc, forecasts, clusters, ""), jackknife(auc, forecasts, clusters, "", bounds=(0.0, 1.0))
    assert free.ci_high is not None
    assert free.ci_high > 1
    assert (bound.value, bound.ci_low, bound.ci_high) == (free.value, free.ci_low, 1.0)


def test_the_brier_score_is_scikit_learn_s() -> None:
    rows = table(changed(ends=lambda ended: 0.8 if ended else 0.1), HUMAN_ASSISTANT, EVAL)
    ours = measured(rows, "turn_end_brier").mean()
    assert ours == pytest.approx(brier_score_loss(measured(rows, "turn_end"), measured(rows, "turn_end_probability")))


def test_each_measure_has_the_score_of_guessing() -> None:
    metrics = judged(Speaker(), HUMAN_ASSISTANT, [EVAL])
    rate = metrics["turn_end_base_rate"].value
    assert rate is not None
    assert 0 < rate < 0.5
    assert metrics["turn_end_auc"].chance == 0.5
    assert metrics["turn_end_average_precision"].chance == rate
    assert metrics["turn_end_brier"].chance == pytest.approx(rate * (1 - rate))


def test_every_word_s_end_is_a_place_and_nothing_else() -> None:
    document = next(document for document in MATERIAL.corpus.test if document.id == "t0")
    samples = [sample for sample in EVAL.samples(MATERIAL) if sample.cluster == "t0"]
    turn = samples[-1].prompt.rpartition("Assistant:")[2]
    assert [sample.target == STOP for sample in samples] == [False] * (len(turn.split()) - 1) + [True]
    for sample in samples:
        assert document.text.startswith(sample.prompt + sample.target)


def test_a_long_turn_is_asked_about_at_some_places_and_its_end() -> None:
    few, many = list(TurnEnds(max_places=3).samples(MATERIAL)), list(EVAL.samples(MATERIAL))
    assert len(few) == 3 * 8
    assert {sample.id for sample in few} < {sample.id for sample in many}
    assert sum(sample.target == STOP for sample in few) == 8


@pytest.mark.parametrize("form", [HUMAN_ASSISTANT, CHATML], ids=lambda form: form.name)
def test_the_question_is_the_stop_text_in_the_run_s_format(form: TranscriptFormat) -> None:
    material = Material(corpus(form), TOKENIZER)
    [question] = EVAL.requests(next(iter(EVAL.samples(material))), material)
    assert isinstance(question, ScoreContinuation)
    assert question.continuation == form.stop_text(HUMAN)


def test_a_model_that_gives_a_place_no_probability_has_no_forecasts_to_be_judged() -> None:
    eval_questions = questions(EVAL, MATERIAL, seed=0)
    model = ScriptedModel(TOKENIZER, lambda text: "x")
    answers = ask(
        Respondent(model, TOKENIZER, DecodingStrategy(Greedy())), eval_questions.requests, eval_questions.seeds, "test"
    )
    metrics = {
        metric.metric: metric
        for metric in EVAL.metrics(scored(EVAL, eval_questions, answers, MATERIAL).rows)
        if metric.slice == "all"
    }
    for name in ("turn_end_auc", "turn_end_average_precision", "turn_end_brier"):
        assert metrics[name].value is None
        assert "no probability" in (metrics[name].reason or "")
    assert metrics["turn_end_base_rate"].value is not None


class Mute(ScriptedModel):
    """Raises when it is asked anything."""

    def start(self, num_rows: int = 1) -> None:  # type: ignore[override]
        raise AssertionError("it was asked again")


def test_another_strategy_over_the_same_fit_scores_no_likelihood_again(tmp_path: Path) -> None:
    eval_questions = questions(EVAL, MATERIAL, seed=0)
    assert len(eval_questions.requests) > 50

    def answers(model: ScriptedModel, decoding_id: str) -> object:
        store = AnswerStore(tmp_path, "fit", decoding_id, "weights")
        strategy = DecodingStrategy(Greedy())
        return ask(Respondent(model, TOKENIZER, strategy), eval_questions.requests, eval_questions.seeds, "test", store)

    first = answers(ScriptedModel(TOKENIZER, lambda text: {"\n", "x"}), "greedy")
    assert answers(Mute(TOKENIZER, lambda text: ""), "top_p") == first


def test_fewer_samples_are_a_part_of_more() -> None:
    few, many = ([sample.id for sample in TurnEnds(num_samples=count).samples(MATERIAL)] for count in (2, 8))
    assert 0 < len(few) < len(many) == len(set(many))
    assert few == many[: len(few)]


def test_only_whole_turns_of_a_transcript_within_the_limit_are_read() -> None:
    for sample in TurnEnds(max_history_chars=60).samples(MATERIAL):
        assert len(sample.prompt.rpartition("Assistant:")[0]) <= 60


@pytest.mark.parametrize("name", ["num_samples", "max_places", "max_history_chars"])
def test_numbers_are_one_or_more(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 is not allowed"):
        TurnEnds(**{name: 0})  # type: ignore[arg-type]


def test_conversations_in_which_one_side_speaks_and_plays_give_no_samples() -> None:
    one_sided = Document("c", "Human: Hello?\n\nHuman: Anybody?", "chat", "c", "human_assistant")
    play = Document("p", "ROMEO: Ay me.\n\nJULIET: Ay.\n\nROMEO: Ay.", "shakespeare", "p", "play")
    for document in (one_sided, play):
        assert list(EVAL.samples(Material(Corpus("toy", (), (), (document,)), TOKENIZER))) == []
