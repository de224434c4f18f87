"""Turn-taking: a perfect speaker gets full marks, and each bad manner is caught by the measure meant for it alone."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from sklearn.metrics import brier_score_loss

from evals.conversation_parts.turns import unfinished
from evals.turn_taking import QUESTIONS, TurnTaking
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy
from harness.completion.sequence import Completion
from harness.evaluation.answer_store import AnswerStore
from harness.evaluation.asking import Respondent, ask
from harness.evaluation.eval import Material
from harness.evaluation.questions import questions, scored
from harness.evaluation.requests import Complete, ScoreContinuation
from harness.evaluation.rows import measured
from harness.scoring.answers import Likelihood
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, PLAY, TranscriptFormat
from tests.evals.speakers import EVAL, TOKENIZER, Speaker, changed, conversation, corpus, handing, judged, table
from tests.harness.text.formats import CHATML
from tests.toys import ScriptedModel

BOTH = pytest.mark.parametrize("form", [HUMAN_ASSISTANT, CHATML], ids=lambda form: form.name)
MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)
# What is full marks, where it isn't 1.
LOWER = {
    "empty_turn",
    "ended_in_mid_word",
    "echoed",
    "wrote_for_the_other",
    "turn_tokens_distance",
    "cut_by_its_own_words",
    "cut_by_its_own_words_label_tokens",
    "turn_end_brier",
}
NO_TOKENS = {"cut_by_its_own_words_label_tokens"}


def closed(real: str) -> str:
    """What is really said, with another mark at its end."""
    return real[:-1] + "."


def stranger(form: TranscriptFormat, name: str) -> str:
    return form.end + form.between + form.before_name + name + form.after_name


def late(form: TranscriptFormat, real: str, line: str) -> str:
    return closed(real) + " and so on" * 5 + "." + handing(form, HUMAN)


def knows_second_best(true: str, others: list[str]) -> dict[str, float]:
    return {others[0]: 0.6, true: 0.3, **dict.fromkeys(others[1:], 0.1 / len(others[1:]))}


# What is wrong with each, the measures that catch it, and those that then have no value.
BROKEN: dict[str, tuple[Speaker, set[str], set[str]]] = {
    "never stops": (
        changed(says=lambda form, real, line: " la" * 60),
        {"handed_back"},
        {"within_reason", "ended_in_mid_word", "turn_tokens_distance", "alternation", "wellformed_labels"},
    ),
    "hands over to somebody else": (
        changed(says=lambda form, real, line: closed(real) + handing(form, SYSTEM)),
        {"handed_back"},
        {"within_reason", "ended_in_mid_word", "turn_tokens_distance"},
    ),
    "stops at once": (
        changed(says=lambda form, real, line: handing(form, HUMAN)),
        {"empty_turn"},
        {"ended_in_mid_word", "turn_tokens_distance"},
    ),
    "says blanks": (
        changed(says=lambda form, real, line: " \t " + handing(form, HUMAN)),
        {"empty_turn"},
        {"ended_in_mid_word", "turn_tokens_distance"},
    ),
    "writes the human's next line": (
        changed(
            says=lambda form, real, line: closed(real) + handing(form, HUMAN) + " Well." + handing(form, ASSISTANT)
        ),
        {"wrote_for_the_other"},
        set(),
    ),
    "repeats its own label": (
        changed(
            says=lambda form, real, line: closed(real) + handing(form, ASSISTANT) + " More." + handing(form, HUMAN)
        ),
        {"alternation"},
        set(),
    ),
    "invents a third speaker": (
        changed(
            says=lambda form, real, line: closed(real) + stranger(form, "Stranger") + " Boo." + handing(form, HUMAN)
        ),
        {"wellformed_labels"},
        set(),
    ),
    "misspells the label first": (
        changed(says=lambda form, real, line: closed(real) + stranger(form, "Humam") + handing(form, HUMAN)),
        {"wellformed_labels"},
        set(),
    ),
    "hands over in mid-word": (
        changed(
            says=lambda form, real, line: re.sub("!+$", lambda end: "q" * len(end[0]), real) + handing(form, HUMAN)
        ),
        {"ended_in_mid_word"},
        set(),
    ),
    "echoes": (
        changed(says=lambda form, real, line: form.body(Turn(ASSISTANT, line.upper())) + handing(form, HUMAN)),
        {"echoed"},
        set(),
    ),
    "stops late": (changed(says=late), {"within_reason"}, {"turn_tokens_distance"}),
    "always says one word": (
        changed(says=lambda form, real, line: " Yes." + handing(form, HUMAN)),
        {"turn_tokens_distance"},
        set(),
    ),
    "talks about the labels": (
        changed(explains=lambda form, begun: f' like this: "{handing(form, HUMAN)}". Clear?' + handing(form, HUMAN)),
        {"cut_by_its_own_words"},
        set(),
    ),
    "sees no turn end": (
        changed(ends=lambda ended: 0.3),
        {"turn_end_auc", "turn_end_average_precision", "turn_end_brier"},
        set(),
    ),
    "is sure of no turn end": (changed(ends=lambda ended: 0.51 if ended else 0.49), {"turn_end_brier"}, set()),
    "doesn't know who is next": (
        changed(expects=lambda true, others: dict.fromkeys([true, *others], 1 / (1 + len(others)))),
        {"next_speaker_accuracy", "next_speaker_mrr"},
        set(),
    ),
    "knows second best": (
        changed(expects=knows_second_best),
        {"next_speaker_accuracy", "next_speaker_mrr"},
        set(),
    ),
}
# Where turns are closed, handing over is that alone: to whom, shows only in a free run.
ONLY_WITHOUT_ENDS = {"hands over to somebody else"}


def caught(speaker: Speaker, form: TranscriptFormat) -> tuple[set[str], set[str]]:
    """(judging measures below full marks, those without a value, all of which say why)."""
    found = {name: one for name, one in judged(speaker, form).items() if one.higher_is_better is not None}
    missing = {name for name, one in found.items() if one.value is None}
    assert all(found[name].reason for name in missing)
    return {
        name
        for name, one in found.items()
        if one.value is not None and one.value != pytest.approx(0.0 if name in LOWER else 1.0, abs=1e-6)
    }, missing


@BOTH
def test_a_perfect_speaker_gets_full_marks_on_every_measure(form: TranscriptFormat) -> None:
    assert caught(Speaker(), form) == (set(), NO_TOKENS)


@BOTH
@pytest.mark.parametrize("manner", BROKEN)
def test_a_bad_manner_is_caught_by_the_measure_meant_for_it_and_by_no_other(
    manner: str, form: TranscriptFormat
) -> None:
    if form.end and manner in ONLY_WITHOUT_ENDS:
        pytest.skip("in a format that closes its turns nobody is named in handing over")
    speaker, measures, missing = BROKEN[manner]
    assert caught(speaker, form) == (measures, missing | NO_TOKENS)


def test_who_knows_second_best_has_half_a_rank_and_no_hit() -> None:
    found = judged(BROKEN["knows second best"][0], HUMAN_ASSISTANT)
    assert (found["next_speaker_accuracy"].value, found["next_speaker_mrr"].value) == (0.0, 0.5)


def test_what_stands_beside_the_measures_is_that_of_real_turns_and_of_guessing() -> None:
    found = judged(BROKEN["always says one word"][0], HUMAN_ASSISTANT)
    real = [len(turn.text) + 1 for turn in conversation("Anna").turns if turn.speaker == ASSISTANT]
    assert found["turn_tokens"].value == len(" Yes.")
    assert min(real) <= (found["real_turn_tokens"].value or 0) <= max(real)
    assert found["turn_tokens_distance"].value == 1.0
    assert (found["real_within_reason"].value, found["real_echoed"].value) == (1.0, 0.0)
    assert found["next_speaker_accuracy"].chance == pytest.approx(1 / 3)
    assert found["next_speaker_mrr"].chance == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    rate = found["turn_end_base_rate"].value
    assert rate is not None
    assert 0 < rate < 0.5
    assert found["turn_end_auc"].chance == 0.5
    assert found["turn_end_average_precision"].chance == rate
    assert found["turn_end_brier"].chance == pytest.approx(rate * (1 - rate))


def test_measures_count_the_samples_of_their_kind_alone() -> None:
    found = judged(Speaker(), HUMAN_ASSISTANT)
    assert found["handed_back"].n_total == found["turn_tokens_distance"].n_total == 8
    assert found["cut_by_its_own_words"].n_total == 2 * len(QUESTIONS)
    rows = table(Speaker(), HUMAN_ASSISTANT)
    assert found["turn_end_auc"].n_total == rows["sample_id"].str.startswith("turn_end:").sum()
    slices = {one.slice for one in EVAL.metrics(rows) if one.metric == "next_speaker_accuracy"}
    assert slices == {"all", "source=plays"}


def test_the_brier_score_is_scikit_learn_s() -> None:
    rows = table(changed(ends=lambda ended: 0.8 if ended else 0.1), HUMAN_ASSISTANT)
    rows = rows[rows["sample_id"].str.startswith("turn_end:")]
    ours = measured(rows, "turn_end_brier").mean()
    assert ours == pytest.approx(brier_score_loss(measured(rows, "turn_end"), measured(rows, "turn_end_probability")))


def test_every_word_s_end_is_a_place_and_nothing_else() -> None:
    samples = [sample for sample in EVAL.samples(MATERIAL) if sample.id.startswith("turn_end:t0")]
    document = next(document for document in MATERIAL.corpus.test if document.id == "t0")
    turn = samples[-1].prompt.rpartition("Assistant:")[2]
    assert [sample.target == "\n\nHuman:" for sample in samples] == [False] * (len(turn.split()) - 1) + [True]
    for sample in samples:
        assert document.text.startswith(sample.prompt + sample.target)


def test_a_long_turn_is_asked_about_at_some_places_its_end_among_them() -> None:
    few = [sample for sample in TurnTaking(max_places=3).samples(MATERIAL) if sample.id.startswith("turn_end:")]
    many = [sample for sample in TurnTaking().samples(MATERIAL) if sample.id.startswith("turn_end:")]
    assert len(few) == 3 * 8
    assert {sample.id for sample in few} < {sample.id for sample in many}
    assert sum(sample.target == "\n\nHuman:" for sample in few) == 8


def test_a_model_that_gives_a_place_no_probability_has_no_forecasts_to_be_judged() -> None:
    asked = questions(TurnTaking(num_scenes=0), MATERIAL, seed=0)
    model = ScriptedModel(TOKENIZER, lambda text: "x")
    answers = ask(Respondent(model, TOKENIZER, DecodingStrategy(Greedy())), asked.requests, asked.seeds, "test")
    found = {one.metric: one for one in EVAL.metrics(scored(EVAL, asked, answers, MATERIAL)) if one.slice == "all"}
    for name in ("turn_end_auc", "turn_end_average_precision", "turn_end_brier"):
        assert found[name].value is None
        assert "no probability" in (found[name].reason or "")
    assert found["turn_end_base_rate"].value is not None


class Mute(ScriptedModel):
    """Can't be asked anything."""

    def start(self, num_rows: int = 1) -> None:  # type: ignore[override]
        raise AssertionError("it was asked again")


def test_another_strategy_over_the_same_fit_scores_no_likelihood_again(tmp_path: Path) -> None:
    asked = questions(EVAL, MATERIAL, seed=0)
    both = list(zip(asked.requests, asked.seeds, strict=True))
    silent = [pair for pair in both if all(isinstance(one, ScoreContinuation) for one in pair[0])]
    assert len(silent) > 50
    requests, seeds = zip(*silent, strict=True)
    strategy = DecodingStrategy(Greedy())

    def answers(model: ScriptedModel, decoding_id: str) -> object:
        store = AnswerStore(tmp_path, "fit", decoding_id)
        return ask(Respondent(model, TOKENIZER, strategy), requests, seeds, "test", store)

    first = answers(ScriptedModel(TOKENIZER, lambda text: {"\n", "x"}), "greedy")
    assert answers(Mute(TOKENIZER, lambda text: ""), "top_p") == first


LABELS = ByteTokenizerSettings(speaker_tokens=True).train([])
QUOTED = 'It is " and then\n\nHuman:'


@pytest.mark.parametrize(
    ("said", "by_text", "by_token"),
    [
        # in letters, then as one token
        ((*QUOTED, *'". Yes.\n\n', "Human:"), 1.0, 0.0),
        ((*QUOTED[:-6], "Human:"), 1.0, 1.0),
        ((*" Yes.\n\n", "Human:"), 0.0, 0.0),
        ((*" Yes.",), 0.0, 0.0),
    ],
)
def test_a_label_that_is_a_token_of_its_own_is_told_from_its_letters(
    said: tuple[str, ...], by_text: float, by_token: float
) -> None:
    [sample, *_] = [one for one in EVAL.samples(MATERIAL) if one.id == "format:0"]
    material = Material(MATERIAL.corpus, LABELS)
    steps = {sample.prompt + "".join(said[:place]): part for place, part in enumerate(said)}
    model = ScriptedModel(LABELS, lambda text: steps.get(text, ""))
    requests = EVAL.requests(sample, material)
    assert len(requests) == 2
    [answers] = ask(Respondent(model, LABELS, DecodingStrategy(Greedy())), [requests], [[0, 0]], "test")
    values = EVAL.score(sample, answers, material).values
    assert values == {"cut_by_its_own_words": by_text, "cut_by_its_own_words_label_tokens": by_token}


def test_half_of_the_questions_about_the_format_have_an_answer_begun_that_can_t_end_there() -> None:
    for form in (HUMAN_ASSISTANT, CHATML):
        asked = [one for one in EVAL.samples(Material(corpus(form), TOKENIZER)) if one.id.startswith("format:")]
        begun = [one for one in asked if one.id.endswith("-begun")]
        assert len(asked) == 2 * len(begun) >= 8
        assert all(unfinished(form.parse(one.prompt).turns[-1].text) for one in begun)
        assert {form.parse(one.prompt).turns[-1].text for one in asked if one not in begun} == {""}


@BOTH
def test_the_run_s_own_format_is_asked_in_and_heard(form: TranscriptFormat) -> None:
    material = Material(corpus(form), TOKENIZER)
    samples = list(EVAL.samples(material))
    [reply] = [sample for sample in samples if sample.id == "reply:t3"]
    stopped = EVAL.requests(reply, material)[0]
    assert isinstance(stopped, Complete)
    assert stopped.stop == (form.stop_text(HUMAN),)
    document = next(document for document in material.corpus.test if document.id == "t3")
    assert document.text.startswith(reply.prompt + form.body(Turn(ASSISTANT, reply.target)) + form.stop_text(HUMAN))
    [question] = EVAL.requests(next(one for one in samples if one.id.startswith("turn_end:")), material)
    assert isinstance(question, ScoreContinuation)
    assert question.continuation == form.stop_text(HUMAN)


def test_ids_are_the_same_each_time_and_say_what_they_are() -> None:
    ids = [[sample.id for sample in EVAL.samples(MATERIAL)] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0])
    assert {name.partition(":")[0] for name in ids[0]} == {"reply", "format", "turn_end", "next_speaker"}


def test_fewer_samples_are_the_first_of_more() -> None:
    def of(eval: TurnTaking, kind: str) -> list[str]:
        return [one.id for one in eval.samples(MATERIAL) if one.id.startswith(kind)]

    for name, kind in (("num_samples", "reply"), ("num_turn_ends", "turn_end"), ("num_scenes", "next_speaker")):
        few, many = (of(dataclasses.replace(EVAL, **{name: count}), kind) for count in (2, 8))
        assert 0 < len(few) < len(many)
        assert few == many[: len(few)]
    assert set(of(TurnTaking(changes_per_scene=2), "next")) < set(of(EVAL, "next"))


def test_a_scene_is_asked_about_where_another_takes_over_and_two_have_been_heard() -> None:
    samples = [sample for sample in EVAL.samples(MATERIAL) if sample.id.startswith("next_speaker:p0")]
    assert {sample.id.rpartition("#")[2] for sample in samples} == {str(place) for place in range(2, 8)}
    for sample in samples:
        candidates = [request.continuation for request in EVAL.requests(sample, MATERIAL)]  # type: ignore[union-attr]
        assert len(candidates) == 3
        assert sample.target in candidates
        assert PLAY.between + PLAY.label(PLAY.parse(sample.prompt).turns[-1].speaker) not in candidates


def test_no_more_of_a_transcript_is_read_than_allowed_and_whole_turns_of_it() -> None:
    for sample in TurnTaking(max_history_chars=60).samples(MATERIAL):
        if sample.id.startswith("next_speaker:"):
            assert len(sample.prompt) <= 60
            assert sample.prompt.partition(":")[0] in ("ROMEO", "JULIET", "NURSE", "BENVOLIO")
        if sample.id.startswith("turn_end:"):
            assert len(sample.prompt.rpartition("Assistant:")[0]) <= 60


@pytest.mark.parametrize(
    ("material", "missing", "reason"),
    [
        (Material(corpus(HUMAN_ASSISTANT, num_scenes=0), TOKENIZER), "next_speaker_accuracy", "no held-out scene"),
        (Material(corpus(HUMAN_ASSISTANT, num=0), TOKENIZER), "handed_back", "no held-out conversations"),
        (Material(corpus(HUMAN_ASSISTANT, num=0), TOKENIZER), "cut_by_its_own_words", "no held-out conversations"),
        (Material(corpus(HUMAN_ASSISTANT, num=0), TOKENIZER), "turn_end_auc", "no held-out conversation"),
    ],
)
def test_what_the_data_set_lacks_is_missing_and_says_why(material: Material, missing: str, reason: str) -> None:
    asked = questions(EVAL, material, seed=0)
    answers = [
        [
            Likelihood(1.0, 1)
            if isinstance(one, ScoreContinuation)
            else Completion(" Yes.", (), (), (), "length", None)
            for one in requests
        ]
        for requests in asked.requests
    ]
    found = {one.metric: one for one in EVAL.metrics(scored(EVAL, asked, answers, material)) if one.slice == "all"}
    assert (found[missing].value, found[missing].n_total) == (None, 0)
    assert reason in (found[missing].reason or "")
    assert found.keys() == judged(Speaker(), HUMAN_ASSISTANT).keys()


def test_no_conversations_and_no_scenes_give_no_samples() -> None:
    plays = Corpus("plays", (), (), (Document("p", "ROMEO: Ay me.", "shakespeare", "p", "play"),))
    assert list(TurnTaking().samples(Material(plays, TOKENIZER))) == []


def test_sums_are_no_conversations() -> None:
    sums = Document("sums", "Human: What is 1 plus 1?\n\nAssistant: 2", "arithmetic", "s", "human_assistant")
    assert list(TurnTaking().samples(Material(Corpus("sums", (), (), (sums,)), TOKENIZER))) == []
