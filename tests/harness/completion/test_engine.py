"""The completion engine: stops, lengths, batches and streams, with a model whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Completion, Prompt
from harness.plugin_kit.chain import TableModel
from harness.text.tokenizers.byte import ByteTokenizerSettings

TOKENIZER = ByteTokenizerSettings().train([])
GREEDY, SAMPLE = DecodingStrategy(Greedy()), DecodingStrategy(Draw())


def chain(text: str) -> TableModel:
    """A model that writes these characters, all different, in a cycle."""
    ids = TOKENIZER.encode(text)
    logits = torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size)
    for before, after in zip(ids, np.roll(ids, -1), strict=True):
        logits[before, after] = 30.0
    logits[TOKENIZER.start_token, ids[0]] = 30.0
    return TableModel(logits, TOKENIZER.start_token)


def anything(seed: int = 0) -> TableModel:
    """A model that may write any of a few characters after any text, and sometimes ends the document."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.full((TOKENIZER.vocab_size, TOKENIZER.vocab_size), -30.0)
    few = [*TOKENIZER.encode("ab\nH: "), TOKENIZER.start_token]
    logits[:, few] = torch.randn(TOKENIZER.vocab_size, len(few), generator=generator)
    return TableModel(logits, TOKENIZER.start_token)


def test_a_completion_goes_on_from_its_prompt_to_the_length() -> None:
    [made] = Engine(chain("abcdef"), TOKENIZER, GREEDY).complete([Prompt("xxc", 4)])
    assert (made.text, made.finish_reason, made.stop_text) == ("defa", "length", None)


def test_a_completion_ends_before_a_stop_text_that_straddles_tokens() -> None:
    [made] = Engine(chain("abcdef"), TOKENIZER, GREEDY).complete([Prompt("a", 20, stop=("xyz", "de"))])
    assert (made.text, made.finish_reason, made.stop_text) == ("bc", "stop", "de")
    assert TOKENIZER.decode(made.tokens) == "bcde"


def test_an_ended_document_ends_the_completion() -> None:
    logits = torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size)
    logits[:, TOKENIZER.start_token] = 30.0
    [made] = Engine(TableModel(logits, TOKENIZER.start_token), TOKENIZER, GREEDY).complete([Prompt("a", 20)])
    assert (made.text, made.finish_reason, made.stop_text) == ("", "stop", None)


def test_an_empty_prompt_and_no_new_tokens_work() -> None:
    model = chain("abc")
    engine = Engine(model, TOKENIZER, GREEDY)
    assert [completion.text for completion in engine.complete([Prompt("", 3), Prompt("a", 0)])] == ["abc", ""]
    assert engine.complete([]) == []


def test_log_probabilities_are_the_model_s_and_the_sampler_s() -> None:
    model = anything()
    [made] = Engine(model, TOKENIZER, SAMPLE).complete([Prompt("ab", 12, seed=3)])
    whole = torch.tensor([[*TOKENIZER.encode("ab"), *made.tokens]])
    expected = model.token_logprobs(whole)[0, 2:]
    torch.testing.assert_close(torch.tensor(made.logprobs), expected)
    torch.testing.assert_close(torch.tensor(made.sampler_logprobs), expected)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_completion_is_the_same_alone_and_in_any_batch(batch_size: int) -> None:
    model = anything()
    prompts = [Prompt("ab: H"[: n % 5], 5 + n % 30, stop=("\n\nH",), seed=n) for n in range(20)]
    alone = [Engine(model, TOKENIZER, SAMPLE).complete([prompt])[0] for prompt in prompts]
    assert Engine(model, TOKENIZER, SAMPLE, batch_size).complete(prompts) == alone
    assert Engine(model, TOKENIZER, SAMPLE, batch_size).complete(prompts[::-1]) == alone[::-1]


@given(
    st.integers(0, 10_000),
    st.lists(st.text("ab\nH: ", min_size=1, max_size=4), max_size=3),
    st.text("ab\nH: ", max_size=5),
)
def test_a_completion_never_holds_a_stop_text_and_loses_nothing_before_it(
    seed: int, stops: list[str], prompt: str
) -> None:
    model = anything(1)
    [free] = Engine(model, TOKENIZER, SAMPLE).complete([Prompt(prompt, 40, seed=seed)])
    [made] = Engine(model, TOKENIZER, SAMPLE).complete([Prompt(prompt, 40, tuple(stops), seed)])
    whole = prompt + free.text
    # Every place where a stop text ends in what was written; it may begin in the prompt.
    met = [
        (begin + len(stop), -len(stop))
        for stop in stops
        for begin in range(len(whole))
        if whole.startswith(stop, begin) and begin + len(stop) > len(prompt)
    ]
    if met:
        end, size = min(met)
        assert made.text == free.text[: max(0, end + size - len(prompt))]
        assert made.finish_reason == "stop"
        assert made.stop_text is not None
    else:
        assert (made.text, made.stop_text) == (free.text, None)


@given(st.integers(0, 10_000), st.lists(st.text("ab\nH: ", min_size=1, max_size=4), max_size=3))
def test_streamed_pieces_join_to_the_completion(seed: int, stops: list[str]) -> None:
    prompt = Prompt("a", 40, tuple(stops), seed)
    *pieces, last = Engine(anything(1), TOKENIZER, SAMPLE).stream(prompt)
    assert isinstance(last, Completion)
    assert last == Engine(anything(1), TOKENIZER, SAMPLE).complete([prompt])[0]
    assert "".join(map(str, pieces)) == last.text


def test_a_stream_never_shows_half_a_character() -> None:
    *pieces, last = Engine(chain("aé"), TOKENIZER, GREEDY).stream(Prompt("a", 2))
    assert pieces == ["é"]
    assert isinstance(last, Completion)
