"""A guard behind a model: what it refuses is written again, and in the end a sentence stands there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.guard.guard import Guard
from harness.completion.searches.guarded import Guarded
from harness.completion.sequence import Prompt
from harness.text.tokenizers.char import CharTokenizer
from tests.toys import ScriptedModel

TOKENIZER = CharTokenizer([*range(128)])
PROMPTS = [Prompt("Say: ", 20, ("\n",), seed) for seed in range(40)]


@pytest.fixture
def guard(tmp_path: Path) -> str:
    """It refuses what has 'ba' in a word."""
    Guard(["ba"], np.ones(1), np.array([10.0]), -5.0, 0.5).save(tmp_path / "guard")
    return str(tmp_path / "guard")


def script(text: str) -> set[str] | str:
    written = text.removeprefix("Say: ")
    if not written:
        return {"b", "m"}
    return f"{written[0]}ah\n"[len(written) :]


def engine(search: Guarded, greedy: bool = False) -> Engine:
    return Engine(
        ScriptedModel(TOKENIZER, script), TOKENIZER, DecodingStrategy(Greedy() if greedy else Draw(), {}, search)
    )


def test_what_passes_is_what_the_plain_strategy_writes_and_the_rest_is_written_again(guard: str) -> None:
    plain = Engine(ScriptedModel(TOKENIZER, script), TOKENIZER, DecodingStrategy(Draw())).complete(PROMPTS)
    counted = []
    guarded = engine(Guarded(guard, num_tries=30)).complete(PROMPTS, counted.append)
    assert {completion.text for completion in plain} == {"bah", "mah"}
    assert {completion.text for completion in guarded} == {"mah"}
    assert sum(counted) == len(PROMPTS)
    for before, after in zip(plain, guarded, strict=True):
        assert before == after or before.text == "bah"


def test_after_the_last_try_the_sentence_stands_there_and_hands_over(guard: str) -> None:
    for search in (Guarded(guard, num_tries=1, sentence="No"), Guarded(guard, num_tries=2, sentence="No")):
        texts = [completion.text for completion in engine(search).complete(PROMPTS)]
        assert set(texts) == {"mah", "No"}
    share = texts.count("No") / len(texts)
    assert 0.1 < share < 0.4  # a quarter: two tries of one half
    # greedily the model would write the same again, so there is one try; of equals the first letter is taken
    [refused] = engine(Guarded(guard, num_tries=9, sentence="No"), greedy=True).complete(PROMPTS[:1])
    assert (refused.text, refused.finish_reason, refused.stop_text) == ("No", "stop", "\n")
    assert TOKENIZER.decode(list(refused.tokens)) == "No\n"
    assert refused.logprobs[0] == -np.inf  # this model would never have said it
    assert set(refused.sampler_logprobs) == {0.0}


def test_a_sentence_that_is_too_long_is_cut_and_one_without_a_stop_text_ends(guard: str) -> None:
    search = Guarded(guard, num_tries=1, sentence="No, never")
    [cut] = engine(search, greedy=True).complete([Prompt("Say: ", 3, ("\n",))])
    assert (cut.text, cut.finish_reason) == ("No,", "length")
    [whole] = engine(search, greedy=True).complete([Prompt("Say: ", 30)])
    assert (whole.text, whole.finish_reason) == ("No, never", "length")


def test_another_guard_of_the_same_name_is_another_strategy_and_none_is_refused(guard: str, tmp_path: Path) -> None:
    first = Guarded(guard).with_fits(str)
    assert first == Guarded(guard).with_fits(str) != Guarded(guard)
    Guard(["ba"], np.ones(1), np.array([9.0]), -5.0, 0.5).save(tmp_path / "guard")
    assert Guarded(guard).with_fits(str) != first
    with pytest.raises(UserError, match=r"needs a guard\. Name its folder, as decoding\.search\.guard=my_guard"):
        Guarded().with_fits(str)
    with pytest.raises(ValueError, match="sentence"):
        Guarded(guard, sentence=" ")
