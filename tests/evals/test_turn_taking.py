"""Turn-taking measures on speakers whose manners are known."""

from __future__ import annotations

import pytest

from evals.turn_taking import TurnTaking, free_run_measures, reasonable_length
from harness.completion import Completion
from harness.evaluation import Complete, Material
from harness.text.byte_tokenizer import ByteTokenizerSettings
from harness.text.corpus import Corpus, Document
from harness.text.transcript import HUMAN_ASSISTANT, PLAY
from tests.harness.text.formats import CHATML

TOKENIZER = ByteTokenizerSettings().train([])
TALK = "Human: Hi.\n\nAssistant: Hello, how are you?\n\nHuman: Fine.\n\nAssistant: Good to hear."


def corpus(num: int = 8) -> Corpus:
    test = tuple(Document(f"t{n}", TALK, "chat", f"t{n}", "human_assistant") for n in range(num))
    other = (
        Document("plays", "ROMEO: Ay me.", "shakespeare", "p", "play"),
        Document("sums", "Human: What is 1 plus 1?\n\nAssistant: 2", "arithmetic", "s", "human_assistant"),
    )
    return Corpus("toy", test[:1], test[:1], (*other, *test))


MATERIAL = Material(corpus(), TOKENIZER)


def spoken(text: str) -> Completion:
    return Completion(text, (), (), (), "length", None)


def judged(reply: str, handed_back: bool, free: str) -> dict[str, float | None]:
    eval = TurnTaking()
    sample = next(iter(eval.samples(MATERIAL)))
    [stop] = [
        request.stop for request in eval.requests(sample, MATERIAL) if isinstance(request, Complete) and request.stop
    ]
    stopped = Completion(reply, (), (), (), "stop" if handed_back else "length", stop[0] if handed_back else None)
    return dict(eval.score(sample, [stopped, spoken(free)], MATERIAL).values)


def test_a_perfect_speaker_hands_back_in_time_and_alternates() -> None:
    values = judged(" Hello there.", True, " Hello there.\n\nHuman: Ok.\n\nAssistant: Fine.")
    assert values["handed_back"] == 1
    assert values["within_reason"] == 1
    assert values["empty_turn"] == 0
    assert values["alternation"] == 1.0
    assert values["wellformed_labels"] == 1.0


def test_one_who_never_stops_hands_nothing_back() -> None:
    values = judged(" la" * 60, False, " la" * 60)
    assert values["handed_back"] == 0
    assert values["within_reason"] == 0
    assert values["wrote_for_the_other"] == 0
    assert values["alternation"] is None
    assert values["wellformed_labels"] is None


def test_one_who_stops_late_is_not_within_reason() -> None:
    values = judged(" " + "x" * (int(reasonable_length(MATERIAL.corpus)) + 1), True, " x")
    assert (values["handed_back"], values["within_reason"]) == (1, 0)


def test_one_who_stops_at_once_has_an_empty_turn() -> None:
    assert judged(" \n", True, "")["empty_turn"] == 1


@pytest.mark.parametrize(
    ("free", "wrote", "alternation", "wellformed"),
    [
        (" Hi.\n\nHuman: I am fine.", 1, 1.0, 1.0),
        (" Hi.\n\nHuman:", 0, 1.0, 1.0),
        (" Hi.\n\nAssistant: And again.\n\nHuman: ok", 1, 0.5, 1.0),
        (" Hi.\n\nStranger: Boo.", 0, None, 0.0),
        (" Hi.\n\nHuman: ok\n\nHumam: hm", 1, 1.0, 0.5),
        (" I say Human: in a line.", 0, None, None),
        ("glued to the label", 0, None, None),
        ("", 0, None, None),
    ],
)
def test_what_a_free_run_does_with_the_labels(free: str, wrote: int, alternation: float, wellformed: float) -> None:
    assert free_run_measures(free, HUMAN_ASSISTANT) == {
        "wrote_for_the_other": wrote,
        "alternation": alternation,
        "wellformed_labels": wellformed,
    }


@pytest.mark.parametrize(
    ("free", "wrote", "alternation", "wellformed"),
    [
        ("Hi.<|im_end|>\n<|im_start|>user\nI am fine.<|im_end|>", 1, 1.0, 1.0),
        ("Hi.<|im_end|>", 0, None, None),
        ("Hi.<|im_end|>\n<|im_start|>stranger\nBoo.", 0, None, 0.0),
        ("Hi.\n\nHuman: la la", 0, None, None),
        ("", 0, None, None),
    ],
)
def test_what_a_free_run_does_with_the_markers_of_chatml(
    free: str, wrote: int, alternation: float, wellformed: float
) -> None:
    assert free_run_measures(free, CHATML) == {
        "wrote_for_the_other": wrote,
        "alternation": alternation,
        "wellformed_labels": wellformed,
    }


def test_the_run_s_own_format_is_asked_in_and_heard() -> None:
    talk = CHATML.render(HUMAN_ASSISTANT.parse(TALK))
    test = (Document("t", talk, "chat", "t", "chatml"), Document("u", TALK, "chat", "u", "human_assistant"))
    material = Material(Corpus("toy", test, test, test, formats=(PLAY, CHATML)), TOKENIZER)
    [sample] = TurnTaking().samples(material)
    stopped = TurnTaking().requests(sample, material)[0]
    assert isinstance(stopped, Complete)
    assert stopped.stop == ("<|im_end|>",)
    assert talk.startswith(f"{sample.prompt}{sample.target}<|im_end|>")
    reply = Completion("Hello.", (), (), (), "stop", "<|im_end|>")
    values = TurnTaking().score(sample, [reply, spoken("Hello.<|im_end|>")], material).values
    assert values["handed_back"] == values["within_reason"] == 1


def test_prompts_are_held_out_conversations_up_to_a_turn_of_the_assistant() -> None:
    samples = list(TurnTaking().samples(MATERIAL))
    assert {sample.id for sample in samples} == {f"t{n}" for n in range(8)}
    for sample in samples:
        assert sample.prompt.endswith("\n\nAssistant:")
        assert TALK.startswith(f"{sample.prompt} {sample.target}")


def test_fewer_samples_are_the_first_of_more() -> None:
    few, many = (list(TurnTaking(num_samples=count).samples(MATERIAL)) for count in (3, 8))
    assert few == many[:3]


def test_no_conversations_give_no_samples() -> None:
    plays = Corpus("plays", (), (), (Document("p", "ROMEO: Ay me.", "shakespeare", "p", "play"),))
    assert list(TurnTaking().samples(Material(plays, TOKENIZER))) == []
