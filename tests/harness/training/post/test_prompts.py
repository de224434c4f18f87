"""What is asked of a model, from the training text."""

from __future__ import annotations

from harness.text.data.corpus import Corpus, Document
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT
from harness.training.post.prompts import Asked, Prompts

SAID = ((HUMAN, "A?"), (ASSISTANT, "B."), (HUMAN, "C?"), (ASSISTANT, "D."))
TALK = Transcript(tuple(Turn(who, text) for who, text in SAID))
CHAT = Document("chat", HUMAN_ASSISTANT.render(TALK), source="chat", cluster="chat", format="human_assistant")
SUMS = Document("sums", "12+7=19\n3-5=-2\nand 1+1=2\n4+4=?", source="arithmetic", cluster="sums")
CORPUS = Corpus("mine", train=(CHAT, SUMS), validation=(), test=())
TOKENIZER = ByteTokenizerSettings().train([CHAT])


def asked(kind: str, most_tokens: int | None = None, max_turns: int = 6) -> dict[str, Asked]:
    prompts = Prompts(CORPUS, kind, max_turns, TOKENIZER, most_tokens, seed=0)  # type: ignore[arg-type]
    return {prompt.text: prompt for prompt in prompts.take(0, 10)}


def test_every_turn_of_the_assistant_is_asked_for_with_what_came_before() -> None:
    whole = "Human: A?\n\nAssistant: B.\n\nHuman: C?\n\nAssistant:"
    prompts = asked("conversations")
    assert {*prompts} == {"Human: A?\n\nAssistant:", whole}
    assert prompts[whole].target == "D."
    assert prompts[whole].stop == ("\n\nHuman:",)
    assert TOKENIZER.decode(prompts[whole].tokens) == whole


def test_a_conversation_that_is_too_long_loses_its_first_turns() -> None:
    assert {*asked("conversations", max_turns=1)} == {"Human: A?\n\nAssistant:", "Human: C?\n\nAssistant:"}
    shortened = "Assistant: B.\n\nHuman: C?\n\nAssistant:"
    assert {*asked("conversations", most_tokens=40)} == {"Human: A?\n\nAssistant:", shortened}
    assert {*asked("conversations", most_tokens=30)} == {"Human: A?\n\nAssistant:", "Human: C?\n\nAssistant:"}
    assert asked("conversations", most_tokens=3) == {}


def test_sums_are_lines_of_text_without_a_format() -> None:
    prompts = asked("sums")
    assert {text: prompt.target for text, prompt in prompts.items()} == {"12+7=": "19", "3-5=": "-2"}
    assert prompts["12+7="].stop == ("\n",)


def test_after_the_last_prompt_comes_the_first() -> None:
    prompts = Prompts(CORPUS, "sums", 6, TOKENIZER, None, seed=0)
    assert prompts.take(0, 4) == prompts.take(0, 2) * 2 == prompts.take(2, 4)
    assert {prompt.text for prompt in prompts.take(5, 2)} == {"12+7=", "3-5="}
