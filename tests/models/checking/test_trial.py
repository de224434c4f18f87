"""What families are tried on, and how they are fitted for it."""

from __future__ import annotations

import torch

from models.checking.trial import MARKOV, Subject, fit, random_tokens
from models.settings.bigram import BigramConfig
from models.settings.lstm import LSTMConfig
from models.settings.mixture import MixtureConfig
from models.settings.unigram import UnigramConfig

LSTM = LSTMConfig(num_layers=1, d_model=4, dropout=0.5)


def test_the_chain_has_documents_and_two_tokens_that_never_occur() -> None:
    assert int(MARKOV.stream[0]) == MARKOV.start_token == MARKOV.size - 1
    assert int((MARKOV.stream == MARKOV.start_token).sum()) == 40
    assert set(range(MARKOV.size)) - set(MARKOV.stream.tolist()) == {9, 10}


def test_a_fit_is_the_same_every_time_and_draws_from_no_global_state() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = fit(LSTM, MARKOV)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again = fit(LSTM, MARKOV).tensors()
    for name, value in first.tensors().items():
        assert torch.equal(value, again[name])


def test_a_neural_fit_has_learnt_and_is_still_in_training_mode() -> None:
    subject = Subject(LSTM, MARKOV)
    assert subject.model.training  # type: ignore[attr-defined]
    tokens = MARKOV.stream[None, 1:300]
    learnt, new = (model.token_logprobs(tokens).mean() for model in (subject.model, subject.new()))
    assert learnt > new + 0.1


def test_a_counted_fit_has_the_shares_of_the_stream() -> None:
    counts = torch.bincount(MARKOV.stream, minlength=MARKOV.size).double()
    expected = fit(UnigramConfig(), MARKOV).start().logprobs[0].double().exp()
    seen = counts > 0
    torch.testing.assert_close(expected[seen], (counts / counts.sum())[seen], atol=2e-3, rtol=0)


def test_the_members_of_a_combination_are_fitted_too() -> None:
    combined = fit(MixtureConfig({"pairs": BigramConfig(), "letters": UnigramConfig()}), MARKOV)
    alone = fit(BigramConfig(), MARKOV)
    tokens = random_tokens(MARKOV.size, 2, 9)
    assert torch.equal(combined.members["pairs"].logprobs(tokens), alone.logprobs(tokens))  # type: ignore[attr-defined]


def test_random_tokens_are_of_the_vocabulary_and_the_same_for_the_same_seed() -> None:
    tokens = random_tokens(5, 3, 200)
    assert tokens.shape == (3, 200)
    assert set(tokens.flatten().tolist()) == {0, 1, 2, 3, 4}
    assert torch.equal(tokens, random_tokens(5, 3, 200))
    assert not torch.equal(tokens, random_tokens(5, 3, 200, seed=2))
