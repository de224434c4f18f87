"""Turn-taking: a perfect speaker gets full marks, each fault is caught only by the measures meant for it, and no
trivial speaker wins the headline."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from evals.turn_taking import TurnTaking
from harness.completion.sequence import Completion
from harness.evaluation.eval import Material
from harness.evaluation.requests import Complete
from harness.evaluation.rows import measured
from harness.text.data.corpus import Corpus, Document
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from tests.evals.speakers import (
    TOKENIZER,
    Speaker,
    changed,
    conversation,
    corpus,
    handing,
    judged,
    knows_second_best,
    table,
)
from tests.harness.text.formats import CHATML

BOTH = pytest.mark.parametrize("form", [HUMAN_ASSISTANT, CHATML], ids=lambda form: form.name)
MATERIAL = Material(corpus(HUMAN_ASSISTANT), TOKENIZER)
EVAL = TurnTaking(max_new_tokens=150)
# Measures for which 0 is the best value.
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
    """The real text with another mark at its end."""
    return real[:-1] + "."


def stranger(form: TranscriptFormat, name: str) -> str:
    return form.end + form.between + form.before_name + name + form.after_name


def late(form: TranscriptFormat, real: str, line: str) -> str:
    return closed(real) + " and so on" * 5 + "." + handing(form, HUMAN)


# Each bad speaker, the measures that catch it, and the measures that then have no value.
BROKEN: dict[str, tuple[Speaker, set[str], set[str]]] = {
    "never stops": (
        changed(says=lambda form, real, line: " la" * 60),
        {"took_its_turn", "handed_back"},
        {"within_reason", "ended_in_mid_word", "turn_tokens_distance", "alternation", "wellformed_labels"},
    ),
    "hands over to somebody else": (
        changed(says=lambda form, real, line: closed(real) + handing(form, SYSTEM)),
        {"took_its_turn", "handed_back"},
        {"within_reason", "ended_in_mid_word", "turn_tokens_distance"},
    ),
    "quotes the stop text": (
        changed(says=lambda form, real, line: f'{closed(real)} Write "' + handing(form, HUMAN) + " so."),
        {"took_its_turn", "handed_back", "wrote_for_the_other"},
        {"within_reason", "ended_in_mid_word", "turn_tokens_distance"},
    ),
    "stops at once": (
        changed(says=lambda form, real, line: handing(form, HUMAN)),
        {"took_its_turn", "within_reason", "empty_turn"},
        {"ended_in_mid_word", "turn_tokens_distance"},
    ),
    "says blanks": (
        changed(says=lambda form, real, line: " \t " + handing(form, HUMAN)),
        {"took_its_turn", "within_reason", "empty_turn"},
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
        {"took_its_turn", "echoed"},
        set(),
    ),
    "stops late": (changed(says=late), {"took_its_turn", "within_reason"}, {"turn_tokens_distance"}),
    "always says one word": (
        changed(says=lambda form, real, line: " Yes." + handing(form, HUMAN)),
        {"took_its_turn", "within_reason"},
        {"turn_tokens_distance"},
    ),
    "always says the same": (
        changed(says=lambda form, real, line: " That is a nice thing that you say to me." + handing(form, HUMAN)),
        {"took_its_turn", "turn_tokens_distance"},
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
# In a format with end texts the stop text names nobody: the next speaker shows only in a free run.
ONLY_WITHOUT_ENDS = {"hands over to somebody else"}


def caught(speaker: Speaker, form: TranscriptFormat) -> tuple[set[str], set[str]]:
    """(judging measures below full marks, those without a value, all of which say why)."""
    metrics = {name: metric for name, metric in judged(speaker, form).items() if metric.higher_is_better is not None}
    missing = {name for name, metric in metrics.items() if metric.value is None}
    assert all(metrics[name].reason for name in missing)
    return {
        name
        for name, metric in metrics.items()
        if metric.value is not None and metric.value != pytest.approx(0.0 if name in LOWER else 1.0, abs=1e-6)
    }, missing


@BOTH
def test_a_perfect_speaker_gets_full_marks_on_every_measure(form: TranscriptFormat) -> None:
    assert caught(Speaker(), form) == (set(), NO_TOKENS)


@BOTH
@pytest.mark.parametrize("manner", BROKEN)
def test_a_bad_speaker_is_caught_by_the_measure_meant_for_it_and_by_no_other(
    manner: str, form: TranscriptFormat
) -> None:
    if form.end and manner in ONLY_WITHOUT_ENDS:
        pytest.skip("in a format that closes its turns nobody is named in handing over")
    speaker, measures, missing = BROKEN[manner]
    assert caught(speaker, form) == (measures, missing | NO_TOKENS)


def test_real_turns_have_the_same_measures() -> None:
    metrics = judged(BROKEN["always says one word"][0], HUMAN_ASSISTANT, [EVAL])
    real = [len(turn.text) + 1 for turn in conversation("Anna").turns if turn.speaker == ASSISTANT]
    assert metrics["turn_tokens"].value == len(" Yes.")
    assert min(real) <= (metrics["real_turn_tokens"].value or 0) <= max(real)
    shares = ("real_took_its_turn", "real_within_reason", "real_echoed")
    assert [metrics[name].value for name in shares] == [1.0, 1.0, 0.0]
    assert metrics["real_same_reply"].value == 1 / 16
    assert {name for name, metric in metrics.items() if metric.baseline} == {
        name for name in metrics if name.startswith("real_")
    }


def test_three_ways_to_end_are_counted_separately() -> None:
    def ends(form: TranscriptFormat, real: str, line: str) -> str:
        """How a reply ends: by handing over, by ending the document, or never."""
        return {"A": real + handing(form, HUMAN), "B": real}.get(line[18:19], " la" * 60)

    held = held_out([(f"Hello there, I am {initial}.", f"Hello, {initial}.") for initial in "AABBBCCC"])
    metrics = judged(changed(says=ends), HUMAN_ASSISTANT, [EVAL], held)
    assert (metrics["handed_back"].value, metrics["ended_by_end_token"].value) == (2 / 8, 3 / 8)
    assert metrics["took_its_turn"].value == 2 / 8


def held_out(pairs: list[tuple[str, str]]) -> Corpus:
    """Conversations of one line and its answer."""
    texts = [HUMAN_ASSISTANT.render(Transcript((Turn(HUMAN, line), Turn(ASSISTANT, said)))) for line, said in pairs]
    test = tuple(Document(f"d{n}", text, "chat", f"d{n}", HUMAN_ASSISTANT.name) for n, text in enumerate(texts))
    return Corpus("toy", test[:1], test[:1], test)


# Forty answers as people give them: four say "Yes.", four say a lot, all others different things.
LINES = [f"What do you think of number {number}, if you have seen it?" for number in range(40)]
REPLIES = [
    *["Yes."] * 4,
    *[f"Well, number {number} is {'fine and ' * (number % 4)}good." for number in range(4, 36)],
    *[f"I like number {number} " + "really, " * (number - 30) + "very much." for number in range(36, 40)],
]
PEOPLE = held_out(list(zip(LINES, REPLIES, strict=True)))


def number_in(line: str) -> str:
    [number] = re.findall(r"\d+", line)
    return str(number)


MARKS = ("took_its_turn", "handed_back", "ended_by_end_token", "within_reason", "empty_turn", "echoed", "same_reply")
# What each speaker writes, and its scores.
SILLY: dict[str, tuple[Callable[[TranscriptFormat, str, str], str], list[float | None]]] = {
    "the same word": (lambda form, real, line: " Indeed." + handing(form, HUMAN), [0, 1, 0, 1, 0, 0, 1]),
    "Yes.": (lambda form, real, line: " Yes." + handing(form, HUMAN), [0, 1, 0, 1, 0, 0, 1]),
    "the same sentence": (
        lambda form, real, line: " That is good to know." + handing(form, HUMAN),
        [0, 1, 0, 1, 0, 0, 1],
    ),
    "the same number": (lambda form, real, line: " 30" + handing(form, HUMAN), [0, 1, 0, 0, 0, 0, 1]),
    "a number": (lambda form, real, line: f" {number_in(line)}" + handing(form, HUMAN), [0, 1, 0, 0, 0, 0, 1 / 40]),
    "the human's line": (lambda form, real, line: f" {line}" + handing(form, HUMAN), [0, 1, 0, 1, 0, 1, 1 / 40]),
    "the human's line, shouted": (
        lambda form, real, line: f" {line.upper()}!" + handing(form, HUMAN),
        [0, 1, 0, 1, 0, 1, 1 / 40],
    ),
    "the human's line, nearly": (
        lambda form, real, line: f" {line[:-1]}, eh?" + handing(form, HUMAN),
        [0, 1, 0, 1, 0, 1, 1 / 40],
    ),
    "nothing": (lambda form, real, line: handing(form, HUMAN), [0, 1, 0, 0, 1, 0, 1]),
    "nothing at all": (lambda form, real, line: "", [0, 0, 1, None, 1, 0, 1]),
    "no end": (lambda form, real, line: " and on" * 40, [0, 0, 0, None, 0, 0, 1]),
}


@pytest.mark.parametrize("says", SILLY)
def test_no_silly_speaker_wins_the_headline(says: str) -> None:
    speaks, marks = SILLY[says]
    metrics = judged(changed(says=speaks), HUMAN_ASSISTANT, [EVAL], PEOPLE)
    assert [metrics[name].value for name in MARKS] == marks


def test_an_invisible_reply_takes_no_turn_however_long_it_is() -> None:
    material = Material(PEOPLE, TOKENIZER)
    sample = next(iter(EVAL.samples(material)))
    said = Completion(" \u200b\u2060" * 6, (), (), (), "stop", HUMAN_ASSISTANT.stop_text(HUMAN))
    [score] = EVAL.score_together([sample], [EVAL.score(sample, [said, said], material)], material)
    assert (score.values["handed_back"], score.values["within_reason"]) == (True, True)
    assert (score.values["empty_turn"], score.values["took_its_turn"]) == (True, False)


def test_a_speaker_who_speaks_as_people_do_scores_as_people_do() -> None:
    metrics = judged(Speaker(), HUMAN_ASSISTANT, [EVAL], PEOPLE)
    assert metrics["took_its_turn"].value == 38 / 40  # two are longer than the 95th percentile
    for name in ("took_its_turn", "within_reason", "echoed", "same_reply"):
        assert metrics[name].value == metrics[f"real_{name}"].value
    assert metrics["same_reply"].value == 4 / 40


def test_the_headline_is_first_and_each_sample_has_it() -> None:
    rows = table(Speaker(), HUMAN_ASSISTANT, EVAL)
    first = EVAL.metrics(rows)[0]
    assert (first.metric, first.slice, first.unit, first.higher_is_better) == ("took_its_turn", "all", "share", True)
    assert measured(rows, "took_its_turn").tolist() == [1.0] * len(rows)


@BOTH
def test_questions_and_answers_use_the_run_s_format(form: TranscriptFormat) -> None:
    material = Material(corpus(form), TOKENIZER)
    reply = next(sample for sample in EVAL.samples(material) if sample.cluster == "t3")
    stopped, free = EVAL.requests(reply, material)
    assert isinstance(stopped, Complete)
    assert stopped.stop == (form.stop_text(HUMAN),)
    assert isinstance(free, Complete)
    assert free.stop == ()
    document = next(document for document in material.corpus.test if document.id == "t3")
    assert document.text.startswith(reply.prompt + form.body(Turn(ASSISTANT, reply.target)) + form.stop_text(HUMAN))


def test_ids_are_the_same_each_time() -> None:
    ids = [[sample.id for sample in EVAL.samples(MATERIAL)] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 16


def test_every_conversation_is_asked_once_before_any_is_asked_twice() -> None:
    clusters = [sample.cluster for sample in EVAL.samples(MATERIAL)]
    assert set(clusters[:8]) == set(clusters[8:]) == {f"t{number}" for number in range(8)}


def test_fewer_samples_are_a_part_of_more() -> None:
    few, many = (list(TurnTaking(num_samples=count).samples(MATERIAL)) for count in (2, 8))
    assert (len(few), len(many)) == (2, 8)
    assert few == many[:2]


@pytest.mark.parametrize("name", ["num_samples", "max_history_turns", "max_new_tokens"])
def test_numbers_are_one_or_more(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 is not allowed"):
        TurnTaking(**{name: 0})  # type: ignore[arg-type]


def test_no_conversations_give_no_samples() -> None:
    plays = Corpus("plays", (), (), (Document("p", "ROMEO: Ay me.", "shakespeare", "p", "play"),))
    assert list(EVAL.samples(Material(plays, TOKENIZER))) == []
    one_sided = Document("c", "Human: Hello?\n\nHuman: Anybody?", "chat", "c", "human_assistant")
    assert list(EVAL.samples(Material(Corpus("chat", (), (), (one_sided,)), TOKENIZER))) == []


def test_sums_are_no_conversations() -> None:
    sums = Document("sums", "Human: What is 1 plus 1?\n\nAssistant: 2", "arithmetic", "s", "human_assistant")
    assert list(EVAL.samples(Material(Corpus("sums", (), (), (sums,)), TOKENIZER))) == []
