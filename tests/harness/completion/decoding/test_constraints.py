"""Constrained decoding: everything written matches, and matching tokens keep their relative probabilities."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.constraints import Constrained
from harness.completion.decoding.transform import Chooser
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Prompt
from harness.plugin_kit.chain import TableModel
from harness.text.data.conversations import Chatterbot
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizer
from harness.text.tokenizers.tokenizer import Tokenizer
from tests.toys import LetterTokenizer

BYTES = ByteTokenizerSettings().train([])
BPE = BpeTokenizerSettings(vocab_size=400).train(Chatterbot().load().train[:100])


def engine(constrained: Constrained, tokenizer: Tokenizer, seed: int = 0, chooser: Chooser | None = None) -> Engine:
    size = tokenizer.vocab_size
    logits = torch.randn(size, size, generator=torch.Generator().manual_seed(seed)) * 2
    model = TableModel(logits, tokenizer.start_token)
    return Engine(model, tokenizer, DecodingStrategy(chooser or Draw(), {"constrained": constrained}))


@pytest.mark.parametrize("tokenizer", [BYTES, BPE], ids=["byte", "bpe"])
@pytest.mark.parametrize("pattern", [r" ?-?[0-9]+", r"(yes|no|maybe so)[.!]?", r"[a-c]{3}(x|yz)", r"\d\d:\d\d", r"é+ö"])
def test_what_is_written_matches_or_can_still_match(tokenizer: Tokenizer, pattern: str) -> None:
    prompts = [Prompt("Q: ", 14, seed=seed) for seed in range(25)]
    for completion in engine(Constrained(pattern), tokenizer).complete(prompts):
        if completion.finish_reason == "stop":
            assert re.fullmatch(pattern, completion.text), completion.text
        else:
            assert completion.finish_reason == "length"
            assert all(part not in completion.text for part in "\n\0~")


@pytest.mark.parametrize("tokenizer", [BYTES, BPE], ids=["byte", "bpe"])
def test_one_of_some_texts_is_written_whole(tokenizer: Tokenizer) -> None:
    texts = ["red", "green", "greenish", "(a|b)*", "blåbär"]
    prompts = [Prompt("Colour: ", 30, seed=seed) for seed in range(60)]
    completions = engine(Constrained(texts=texts), tokenizer).complete(prompts)
    assert {completion.text for completion in completions} <= set(texts)
    assert len({completion.text for completion in completions}) > 2
    assert all(completion.finish_reason == "stop" for completion in completions)


def test_a_closed_alphabet_writes_only_the_texts_that_it_can_spell() -> None:
    letters = CharTokenizer([ord(letter) for letter in "abcdefghij"], fallback=False)
    pattern = engine(Constrained(r"[a-c]+\d?"), letters).complete([Prompt("ab", 9, seed=seed) for seed in range(9)])
    assert all(set(completion.text) <= set("abc") for completion in pattern)
    [completion] = engine(Constrained(texts=["naïve", "abba"]), letters).complete([Prompt("ab", 9)])
    assert completion.text == "abba"


def test_tokens_that_fit_keep_their_odds() -> None:
    letters = LetterTokenizer(4)
    tested_engine = engine(Constrained("(ab|cd?)"), letters)
    state = tested_engine.model.start(1)
    free = state.logprobs[0].exp()
    [made] = tested_engine.complete([Prompt("", 1, seed=3)])
    share = free[0] / (free[0] + free[2]) if made.tokens[0] == 0 else free[2] / (free[0] + free[2])
    assert made.sampler_logprobs[0] == pytest.approx(float(share.log()), abs=1e-6)
    assert made.logprobs[0] == pytest.approx(float(free[made.tokens[0]].log()), abs=1e-6)


def test_every_allowed_text_has_the_probability_of_its_steps() -> None:
    letters = LetterTokenizer(3)
    tested_engine = engine(Constrained("[ab]{1,2}"), letters)
    table = tested_engine.model.start(1).table  # type: ignore[attr-defined]

    def step(last: int, token: int, allowed: list[int]) -> float:
        odds = table[last].exp()
        return float(odds[token] / odds[allowed].sum())

    expected = {}
    for text in ("a", "b", *map("".join, itertools.product("ab", repeat=2))):
        tokens = letters.encode(text).tolist()
        share = step(3, tokens[0], [0, 1])
        share *= step(tokens[0], 3, [0, 1, 3]) if len(tokens) == 1 else step(tokens[0], tokens[1], [0, 1, 3])
        expected[text] = share
    assert sum(expected.values()) == pytest.approx(1)
    completions = tested_engine.complete([Prompt("", 5, seed=seed) for seed in range(4000)])
    for text, probability in expected.items():
        share = sum(completion.text == text for completion in completions) / len(completions)
        spread = (probability * (1 - probability) / len(completions)) ** 0.5
        assert share == pytest.approx(probability, abs=4 * spread + 1e-9)


def test_a_character_of_several_bytes_can_be_written_by_bytes() -> None:
    completions = engine(Constrained("[é]{2}"), BYTES, chooser=Greedy()).complete([Prompt("", 9)])
    assert completions[0].text == "éé"


@pytest.mark.parametrize("wrong", [{}, {"pattern": "a", "texts": ["b"]}, {"pattern": "(a"}])
def test_what_allows_nothing_sensible_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Constrained(**wrong)  # type: ignore[arg-type]
