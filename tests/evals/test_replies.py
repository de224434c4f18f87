"""Gold of replies and of what people said, by hand."""

from __future__ import annotations

import pytest

from evals.replies import Replies
from harness.completion.sequence import Completion
from harness.evaluation.eval import Material
from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizer

TALK = "Human: Do you like music?\n\nAssistant: Yes, music is very nice indeed.\n\nHuman: Why?\n\nAssistant: Because."


def document(number: int, text: str = TALK) -> Document:
    return Document(f"d{number}", text, "talk", f"c{number}", "human_assistant")


MATERIAL = Material(
    Corpus("toy", (document(0), document(1)), (), (document(2), document(3), Document("t", "A text.", "plays", "t"))),
    ByteTokenizer(),
)


def completion(text: str, finish_reason: str = "stop") -> Completion:
    return Completion(text, tuple(range(len(text))), (), (), finish_reason, "\n\nHuman:")  # type: ignore[arg-type]


def test_one_turn_of_each_conversation_and_then_another_is_asked_with_its_history() -> None:
    samples = list(Replies(num_samples=3).samples(MATERIAL))
    assert len({sample.cluster for sample in samples[:2]}) == 2
    assert {sample.target for sample in Replies().samples(MATERIAL)} == {"Yes, music is very nice indeed.", "Because."}
    assert len(list(Replies().samples(MATERIAL))) == 4
    [request] = Replies(max_new_tokens=9).requests(samples[0], MATERIAL)
    assert (request.stop, request.max_new_tokens) == (("\n\nHuman:",), 9)  # type: ignore[union-attr]
    longest = max(sample.prompt.count("\n\n") for sample in Replies(max_history_turns=1).samples(MATERIAL))
    assert longest == 1


@pytest.mark.parametrize(
    ("reply", "gold"),
    [
        # of a training text of so few words all are usual, so nothing is on topic
        (" Yes, music is very nice indeed.", 1 / 2),  # 31 characters, all words known
        (" Yes, it is very nice indeed, yes.", 6 / 7 / 2),  # 'it' is unknown
        (" Indeed.", 7 / 20 / 2),
        (" Music?", 0),  # an echo
        ("", 0),
    ],
)
def test_gold_is_the_product_of_its_shares(reply: str, gold: float) -> None:
    sample = next(s for s in Replies().samples(MATERIAL) if s.target.startswith("Yes"))
    values = Replies().score(sample, [completion(reply)], MATERIAL).values
    assert values["gold"] == pytest.approx(gold)
    assert values["reply_characters"] == len(reply.strip())
    assert (values["real_gold"], values["real_reply_characters"]) == (1 / 2, 31)
    assert Replies().score(sample, [completion(reply, "length")], MATERIAL).values["gold"] == 0
