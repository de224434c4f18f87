"""Scoring in batches equals scoring alone, and a continuation's likelihood is a document's difference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Prompt
from harness.evaluation.asking import score_continuations
from harness.evaluation.requests import ScoreContinuation
from harness.plugin_kit.chain import TableModel
from harness.scoring.likelihood import document_logprobs, most_probable, nats
from harness.text.tokenizers.byte import ByteTokenizerSettings
from models.language_model import LanguageModel
from models.settings.lstm import LSTMConfig
from models.settings.transformer import TransformerConfig

TOKENIZER = ByteTokenizerSettings().train([])
TEXTS = ["a", "To be, or not to be", "that is the question: " * 9, "", "naïve 🙂"]


@pytest.fixture(params=["lstm", "transformer"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    torch.manual_seed(1)
    config = {
        "lstm": LSTMConfig(d_model=16),
        "transformer": TransformerConfig(num_layers=2, num_heads=2, d_model=16, context_length=32),
    }[request.param]
    return config.build(TOKENIZER.vocab_size, TOKENIZER.start_token)


def test_documents_score_the_same_alone_and_together_in_any_order(model: LanguageModel) -> None:
    encoded = [TOKENIZER.encode(text) for text in TEXTS]
    together = document_logprobs(model, encoded)
    for tokens, logprobs in zip(encoded, together, strict=True):
        [alone] = document_logprobs(model, [tokens])
        assert len(logprobs) == len(tokens)
        np.testing.assert_allclose(logprobs, alone, atol=1e-5)
    for logprobs, again in zip(together[::-1], document_logprobs(model, encoded[::-1]), strict=True):
        np.testing.assert_allclose(logprobs, again, atol=1e-5)
    assert document_logprobs(model, []) == []


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_continuation_s_likelihood_is_the_whole_s_less_the_prompt_s(model: LanguageModel, batch_size: int) -> None:
    requests = [ScoreContinuation(text[: len(text) // 2], text[len(text) // 2 :]) for text in TEXTS]
    likelihoods = score_continuations(model, TOKENIZER, requests, batch_size)
    for request, likelihood in zip(requests, likelihoods, strict=True):
        start = len(TOKENIZER.encode(request.prompt))
        tokens = np.concatenate([TOKENIZER.encode(request.prompt), TOKENIZER.encode(request.continuation)])
        [whole] = document_logprobs(model, [tokens])
        assert likelihood.nats == pytest.approx(nats(whole[start:]), abs=1e-3)
        assert likelihood.num_tokens == len(tokens) - start


def test_of_equally_probable_tokens_the_one_with_the_lowest_id_counts_as_the_most_probable() -> None:
    shares = torch.tensor([[0.2, 0.4, 0.4], [0.5, 0.0, 0.5], [0.1, 0.2, 0.7]])
    assert most_probable(shares.log()).tolist() == [1, 0, 2]
    assert most_probable(shares.log()[None]).tolist() == [[1, 0, 2]]
    odds = Greedy().odds(shares.log())
    assert odds.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    chain = TableModel(torch.zeros(TOKENIZER.vocab_size, TOKENIZER.vocab_size), TOKENIZER.start_token)
    requests = [ScoreContinuation("a", text) for text in ("\x00\x00", "\x00\x01")]
    assert [likelihood.is_greedy for likelihood in score_continuations(chain, TOKENIZER, requests)] == [True, False]


def test_a_continuation_is_greedy_exactly_when_greedy_decoding_writes_it() -> None:
    logits = torch.full((TOKENIZER.vocab_size, TOKENIZER.vocab_size), -30.0)
    letters = TOKENIZER.encode("abcd")
    logits[:, letters] = torch.randn(TOKENIZER.vocab_size, 4, generator=torch.Generator().manual_seed(2))
    chain = TableModel(logits, TOKENIZER.start_token)
    [right] = Engine(chain, TOKENIZER, DecodingStrategy(Greedy())).complete([Prompt("ab", 6)])
    wrong = right.text[:-1] + ("a" if right.text[-1] != "a" else "b")
    requests = [ScoreContinuation("ab", text) for text in (right.text, wrong, right.text[:2])]
    likelihoods = score_continuations(chain, TOKENIZER, requests)
    assert [likelihood.is_greedy for likelihood in likelihoods] == [True, False, True]
    assert likelihoods[0].nats == pytest.approx(-sum(right.logprobs), abs=1e-5)
