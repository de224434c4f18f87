"""Prompts are read to the same states with or without shared beginnings, and shared beginnings are read once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness.evaluation.asking import score_continuations
from harness.evaluation.requests import ScoreContinuation
from harness.plugin_kit.chain import TableModel
from harness.scoring.prompt_reader import PromptReader
from models.checking.trial import MARKOV, fit
from models.language_model import LanguageModel, State
from tests.models.families import FAMILIES, tiny_config
from tests.toys import LetterTokenizer

LETTERS = LetterTokenizer(MARKOV.size - 1)


class CountingTable(TableModel):
    """Counts the tokens that it reads."""

    num_read = 0

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        self.num_read += tokens.numel() if lengths is None else int(lengths.sum())
        return super().read(state, tokens, lengths)


def table() -> CountingTable:
    logits = torch.randn(MARKOV.size, MARKOV.size, generator=torch.Generator().manual_seed(0))
    return CountingTable(logits, MARKOV.start_token)


def read_all(reader: PromptReader, size: int) -> dict[int, Tensor]:
    states = {}
    for batch in reader.batches(size):
        assert 1 <= len(batch) <= size
        state = reader.read(batch)
        states.update((place, state.logprobs[row]) for row, place in enumerate(batch))
    return states


def alone(model: LanguageModel, prompts: Sequence[np.ndarray]) -> list[Tensor]:
    return [model.logprobs(torch.from_numpy(prompt)[None])[0, -1] for prompt in prompts]


SHARED = "abcdefghijkabcdefghij"
PREFIXES = st.sampled_from(["", "abc", SHARED, SHARED + "a" * 24, "k" * 20])


@settings(max_examples=60)
@given(st.lists(st.tuples(PREFIXES, st.text("abk", max_size=20)), max_size=30), st.integers(1, 9))
def test_every_prompt_is_read_as_if_alone(parts: list[tuple[str, str]], size: int) -> None:
    prompts = [LETTERS.encode(prefix + rest) for prefix, rest in parts]
    model = table()
    for share in (True, False):
        states = read_all(PromptReader(model, prompts, share), size)
        assert sorted(states) == list(range(len(prompts)))
        for place, expected in enumerate(alone(model, prompts)):
            assert torch.equal(states[place], expected)


@pytest.mark.parametrize("family", [*FAMILIES, "ngram:order=inf"])
def test_sharing_changes_nothing_in_any_family(family: str) -> None:
    model = fit(tiny_config(family), MARKOV)
    few_shot = "abcadbeacdabeadcbaedcabdeacbdeacb"
    texts = [few_shot + "abcde"[: n % 6] * (n % 4) for n in range(20)] + ["", "a", few_shot[:20] + "e" * 17, "dd" * 15]
    prompts = [LETTERS.encode(text) for text in texts]
    for size in (1, 5, 64):
        states = read_all(PromptReader(model, prompts), size)
        for place, expected in enumerate(alone(model, prompts)):
            torch.testing.assert_close(states[place], expected, atol=1e-5, rtol=0)


def test_what_all_share_is_read_once_for_all_batches() -> None:
    shots = "abcdefghij" * 20
    prompts = [LETTERS.encode(shots + "abcdefgh"[n % 8] + "ijk"[n % 3]) for n in range(1000)]
    model = table()
    read_all(PromptReader(model, prompts), 64)
    # beside the shots, two tokens each at most
    assert model.num_read <= len(shots) + 2 * len(prompts)


def test_prefixes_within_prefixes_are_read_once_each() -> None:
    deep = ["a" * 30 + "b" * 30 + letter * 5 for letter in "cdefgh"]
    deep += ["a" * 30 + "k" * 30 + letter * 5 for letter in "cdef"]
    model = table()
    read_all(PromptReader(model, [LETTERS.encode(text) for text in deep]), 2)
    assert model.num_read <= 30 + 30 + 30 + 5 * len(deep)


def test_a_hundred_samples_of_a_prompt_cost_one_reading() -> None:
    model = table()
    read_all(PromptReader(model, [LETTERS.encode("abcde" * 10)] * 100), 7)
    assert model.num_read == 50


def test_prompts_that_share_nothing_are_batched_by_length() -> None:
    generator = np.random.default_rng(0)
    prompts = [generator.integers(0, 9, size=length) for length in (5, 90, 7, 80, 6, 85)]
    lengths = [[len(prompts[place]) for place in batch] for batch in PromptReader(table(), prompts).batches(3)]
    assert lengths == [[5, 6, 7], [80, 85, 90]]


@pytest.mark.parametrize("family", FAMILIES)
def test_continuations_score_the_same_at_any_batch_size_and_order(family: str) -> None:
    model = fit(tiny_config(family), MARKOV)
    shots = "abcadbeacdabeadcbaedcabdeacbdeacb"
    requests = [
        ScoreContinuation(shots * (n % 3 > 0) + "abcde"[: n % 6], "dcbae"[: n % 6] + "ab" * (n % 5)) for n in range(40)
    ]
    alone = score_continuations(model, LETTERS, requests, batch_size=1)
    for size in (7, 64):
        for ordered, expected in ((requests, alone), (requests[::-1], alone[::-1])):
            for likelihood, expected_likelihood in zip(
                score_continuations(model, LETTERS, ordered, size), expected, strict=True
            ):
                assert (likelihood.num_tokens, likelihood.is_greedy) == (
                    expected_likelihood.num_tokens,
                    expected_likelihood.is_greedy,
                )
                assert likelihood.nats == pytest.approx(expected_likelihood.nats, abs=1e-5)
    # and what each token would cost in the text as a whole
    for request, likelihood in zip(requests, alone, strict=True):
        prompt, target = LETTERS.encode(request.prompt), LETTERS.encode(request.continuation)
        whole = model.token_logprobs(torch.from_numpy(np.concatenate([prompt, target]))[None])[0, len(prompt) :]
        assert likelihood.nats == pytest.approx(-float(whole.double().sum()), abs=1e-4)


def test_of_prompts_that_continue_one_another_only_a_few_last_tokens_are_read_again() -> None:
    draws = np.random.default_rng(0)
    texts = [draws.integers(0, 10, size=400) for _ in range(8)]
    prompts = [text[:end] for text in texts for end in range(280, 401, 5)]  # 25 of each text, a word apart
    model = table()
    reader = PromptReader(model, prompts)
    states = read_all(reader, size=64)
    # Every text is read once; of each of its prompts only a few tokens are read again, where that is faster than
    # forking.
    assert model.num_read < sum(map(len, texts)) + 16 * len(prompts) < 0.1 * sum(map(len, prompts))
    for place, prompt in enumerate(prompts):
        assert torch.equal(states[place], alone(model, [prompt])[0])
