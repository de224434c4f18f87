"""What models/language_model.py promises, held for every family in conf/model/ over every kind of vocabulary."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.combined import CombinedModel
from models.language_model import CountingModel, LanguageModel, NeuralModel
from tests.models.families import (
    FAMILIES,
    MARKOV,
    VOCABULARIES,
    Vocabulary,
    fit,
    make_vocabulary,
    options,
    random_tokens,
    tiny_config,
)

LENGTH = 30  # the longest context of a tiny model is 8


@pytest.fixture(scope="module", params=VOCABULARIES)
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    return make_vocabulary(request.param)


@pytest.fixture(scope="module", params=[*FAMILIES, "ngram:order=inf", "ngram:smoothing=jelinek_mercer"])
def model(request: pytest.FixtureRequest, vocabulary: Vocabulary) -> LanguageModel:
    return fit(tiny_config(request.param), vocabulary)


@pytest.fixture(scope="module")
def tokens(vocabulary: Vocabulary) -> Tensor:
    return random_tokens(vocabulary.size, 3, LENGTH)


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_yaml_names_every_option_with_its_default(family: str) -> None:
    config_class, values = options(family)
    defaults = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in dataclasses.fields(config_class)
        if field.name != "members"
    }
    assert values == defaults
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in defaults.items()
    }
    assert config_class.family == family


def test_probabilities_sum_to_one(model: LanguageModel, tokens: Tensor) -> None:
    logprobs = model.logprobs(tokens)
    assert logprobs.shape == (3, LENGTH + 1, model.vocab_size)
    assert logprobs.dtype == torch.float32
    assert logprobs.isfinite().all()
    assert_close(logprobs.exp().sum(-1), torch.ones(3, LENGTH + 1))


def test_a_later_token_never_changes_an_earlier_distribution(model: LanguageModel, tokens: Tensor) -> None:
    whole = model.logprobs(tokens)
    for place in (0, 1, 7, 8, 9, 20, LENGTH - 1):
        changed = tokens.clone()
        changed[:, place:] = (changed[:, place:] + 1) % model.vocab_size
        assert_close(model.logprobs(changed)[:, : place + 1], whole[:, : place + 1])


def test_step_by_step_equals_all_at_once(model: LanguageModel, tokens: Tensor) -> None:
    whole = model.logprobs(tokens)
    state = model.start(3)
    assert_close(state.logprobs, whole[:, 0])
    for place in range(LENGTH):
        after, state = model.read(state, tokens[:, place : place + 1])
        assert after.shape == (3, 1, model.vocab_size)
        assert_close(after[:, 0], whole[:, place + 1])
        assert_close(state.logprobs, whole[:, place + 1])


@pytest.mark.parametrize("cuts", [[0, 5, 5, 6, 20, 30], [7, 8, 9, 30], [29, 30]])
def test_reading_in_pieces_equals_reading_at_once(model: LanguageModel, tokens: Tensor, cuts: list[int]) -> None:
    state, pieces, begin = model.start(3), [], 0
    for end in cuts:
        after, state = model.read(state, tokens[:, begin:end])
        pieces.append(after)
        begin = end
    assert_close(torch.cat(pieces, dim=1), model.logprobs(tokens)[:, 1:])


def test_ragged_rows_equal_each_row_alone(model: LanguageModel) -> None:
    tokens = random_tokens(model.vocab_size, 6, LENGTH)
    state = model.start(6)
    read = [0] * 6
    # Three reads in a row, so that rows stand at different places when the next begins.
    for lengths in ([0, 3, 7, 8, 12, 5], [9, 0, 1, 8, 0, 12], [3, 12, 4, 0, 10, 1]):
        part = torch.stack([row[at : at + 12] for row, at in zip(tokens, read, strict=True)])
        before = state.logprobs
        after, state = model.read(state, part, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = model.logprobs(tokens[row : row + 1, : read[row] + length])[0]
            assert_close(after[row, :length], alone[read[row] + 1 :])
            assert_close(state.logprobs[row], alone[-1])
            if length == 0:
                assert torch.equal(state.logprobs[row], before[row])
            read[row] += length


def test_all_lengths_may_be_zero(model: LanguageModel, tokens: Tensor) -> None:
    _, state = model.read(model.start(3), tokens[:, :5])
    after, same = model.read(state, tokens, torch.zeros(3, dtype=torch.int64))
    assert after.shape == (3, LENGTH, model.vocab_size)
    assert torch.equal(same.logprobs, state.logprobs)
    assert_close(model.read(same, tokens)[0], model.read(state, tokens)[0])


def test_a_batch_row_equals_the_row_alone(model: LanguageModel) -> None:
    tokens = random_tokens(model.vocab_size, 7, LENGTH)
    together = model.logprobs(tokens)
    for row in range(7):
        assert_close(model.logprobs(tokens[row : row + 1])[0], together[row])


def test_a_fork_leaves_its_parent_as_it_was(model: LanguageModel, tokens: Tensor) -> None:
    other = (tokens + 5) % model.vocab_size
    for length in (0, 4, 7, 19):
        prompt = tokens[:, :length]
        _, parent = model.read(model.start(3), prompt)
        expected_here = model.logprobs(tokens)[:, length + 1 :]
        expected_there = model.logprobs(torch.cat([prompt, other], dim=1))[:, length + 1 :]
        before = parent.logprobs.clone()
        for _ in range(2):
            assert_close(model.read(parent, tokens[:, length:])[0], expected_here)
            assert_close(model.read(parent, other)[0], expected_there)
        # Step by step, in turns: both children grow at once.
        here = there = parent
        for place in range(6):
            here_after, here = model.read(here, tokens[:, length + place : length + place + 1])
            there_after, there = model.read(there, other[:, place : place + 1])
            assert_close(here_after[:, 0], expected_here[:, place])
            assert_close(there_after[:, 0], expected_there[:, place])
        assert torch.equal(parent.logprobs, before)


@pytest.mark.parametrize("rows", [[2, 0, 0, 1, 2], [1], [0, 1, 2], []])
def test_select_repeats_drops_and_reorders_rows(model: LanguageModel, tokens: Tensor, rows: list[int]) -> None:
    _, parent = model.read(model.start(3), tokens, torch.tensor([4, 13, 9]))
    more = random_tokens(model.vocab_size, 3, 10, seed=2)
    expected, _ = model.read(parent, more)
    for asked in (rows, torch.tensor(rows, dtype=torch.int64)):
        chosen = parent.select(asked)
        assert chosen.num_rows == len(rows)
        assert torch.equal(chosen.logprobs, parent.logprobs[rows])
        assert_close(model.read(chosen, more[rows])[0], expected[rows])
    assert_close(model.read(parent, more)[0], expected)


def test_writing_into_what_was_handed_out_changes_no_state(model: LanguageModel, tokens: Tensor) -> None:
    expected = model.logprobs(tokens)
    after, state = model.read(model.start(3), tokens[:, :9])
    after.zero_()
    model.start(3).logprobs.zero_()
    state.select([0, 1, 2]).select([1, 1]).logprobs.zero_()
    assert_close(state.logprobs, expected[:, 9])
    assert_close(model.logprobs(tokens), expected)


def test_save_and_load_give_the_same_bits(model: LanguageModel, tokens: Tensor, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = model.config.build(model.vocab_size, model.start_token).load(tmp_path)
    assert torch.equal(again.logprobs(tokens), model.logprobs(tokens))
    assert torch.equal(again.token_logprobs(tokens), model.token_logprobs(tokens))
    assert again.cost() == model.cost()
    kept = again.tensors()
    assert kept.keys() == model.tensors().keys()
    assert all(torch.equal(kept[name], value) for name, value in model.tensors().items())
    assert (again.config, again.vocab_size, again.start_token) == (model.config, model.vocab_size, model.start_token)


def test_the_empty_prompt_has_a_distribution(model: LanguageModel) -> None:
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    logprobs = model.logprobs(nothing)
    assert logprobs.shape == (2, 1, model.vocab_size)
    assert_close(logprobs[:, 0], model.start(2).logprobs)
    after, state = model.read(model.start(2), nothing)
    assert after.shape == (2, 0, model.vocab_size)
    assert_close(state.logprobs, logprobs[:, 0])
    assert model.token_logprobs(nothing).shape == (2, 0)
    assert model.token_logprobs(nothing, torch.tensor([0, 0])).shape == (2, 0)


def test_a_prompt_several_times_longer_than_the_context_works(model: LanguageModel) -> None:
    tokens = random_tokens(model.vocab_size, 1, 100)
    logprobs = model.logprobs(tokens)
    assert_close(logprobs.exp().sum(-1), torch.ones(1, 101))
    if model.context_length is not None and model.context_length < 50:
        # What lies further back than the context is forgotten.
        changed = tokens.clone()
        changed[0, :40] = (changed[0, :40] + 1) % model.vocab_size
        assert_close(model.logprobs(changed)[0, -40:], logprobs[0, -40:])


def test_token_logprobs_are_those_of_the_distributions(model: LanguageModel) -> None:
    tokens = random_tokens(model.vocab_size, 4, 41)
    gathered = model.logprobs(tokens)[:, :-1].gather(2, tokens[:, :, None])[:, :, 0]
    scored = model.token_logprobs(tokens)
    assert scored.shape == (4, 41)
    assert scored.dtype == torch.float32
    assert_close(scored, gathered)
    lengths = [41, 0, 9, 26]
    ragged = model.token_logprobs(tokens, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        assert_close(ragged[row, :length], gathered[row, :length])


def test_the_cost_is_that_of_what_is_saved(model: LanguageModel, tmp_path: Path) -> None:
    cost = model.cost()
    model.save(tmp_path)
    header = 4096
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0 <= on_disk - cost.model_bytes <= header
    assert cost.num_params >= 0
    assert (cost.num_params == 0) == (not model.tensors())
    assert cost.state_bytes_at_context >= 4 * model.vocab_size
    if isinstance(model, NeuralModel):
        assert cost.num_params == model.num_params() == sum(value.numel() for value in model.tensors().values())
        # Every weight of a matrix is multiplied and added once a token; a tied embedding serves as output.
        assert cost.flops_per_token >= 2 * sum(p.numel() for p in model.parameters() if p.dim() == 2)
    elif isinstance(model, CombinedModel):
        assert cost.flops_per_token == sum(member.cost().flops_per_token for member in model.members.values())
    else:
        assert cost.flops_per_token == 0


def test_reading_builds_no_graph_and_is_the_same_in_training_mode(model: LanguageModel, tokens: Tensor) -> None:
    after, state = model.read(model.start(3), tokens)
    assert not after.requires_grad
    assert not state.logprobs.requires_grad
    assert not model.token_logprobs(tokens).requires_grad
    if isinstance(model, NeuralModel):
        for training in (True, False):
            model.train(training)
            assert torch.equal(model.read(model.start(3), tokens)[0], after)
            assert all(module.training == training for module in model.modules())


def test_reading_leaves_the_random_state_alone(model: LanguageModel, tokens: Tensor) -> None:
    before = torch.get_rng_state()
    model.logprobs(tokens)
    model.token_logprobs(tokens)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_builds_the_same_model(family: str) -> None:
    def build() -> LanguageModel:
        torch.manual_seed(3)
        return tiny_config(family).build(MARKOV.size, MARKOV.start_token)

    one, two = build(), build()
    if isinstance(one, NeuralModel):
        assert all(torch.equal(value, two.tensors()[name]) for name, value in one.tensors().items())
        assert one.num_params() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_counting_in_several_calls_equals_one_call(family: str) -> None:
    stream, tokens = MARKOV.stream, random_tokens(MARKOV.size, 2, 20)
    pieces = tiny_config(family).build(MARKOV.size, MARKOV.start_token)
    if not isinstance(pieces, CountingModel):
        return
    for piece in stream.tensor_split([0, 1, 2, 50, 51, 300]):
        pieces.count(piece)
    pieces.finish()
    assert torch.equal(pieces.logprobs(tokens), fit(tiny_config(family), MARKOV).logprobs(tokens))


@pytest.mark.parametrize("family", [*FAMILIES, "ngram:order=inf"])
def test_counting_goes_on_from_a_file(family: str, tmp_path: Path) -> None:
    stream, tokens = MARKOV.stream, random_tokens(MARKOV.size, 2, 20)
    config = tiny_config(family)
    if "keep_counts" in {field.name for field in dataclasses.fields(config)}:
        config = dataclasses.replace(config, keep_counts=True)
    first = config.build(MARKOV.size, MARKOV.start_token)
    if not isinstance(first, CountingModel):
        return
    held_out = [stream[1:50]]
    first.count(stream[:333])
    first.finish(held_out)
    first.save(tmp_path)
    again = config.build(MARKOV.size, MARKOV.start_token).load(tmp_path)
    assert isinstance(again, CountingModel)
    again.count(stream[333:])
    again.finish(held_out)
    whole = config.build(MARKOV.size, MARKOV.start_token)
    assert isinstance(whole, CountingModel)
    whole.count(stream)
    whole.finish(held_out)
    assert torch.equal(again.logprobs(tokens), whole.logprobs(tokens))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_width_can_be_tried_without_memory_for_it(family: str) -> None:
    config = tiny_config(family)
    if config.width_field is None:
        return
    for multiple in (1, 3):
        narrow = dataclasses.replace(config, **{config.width_field: multiple * config.width_multiple})
        with torch.device("meta"):
            planned = narrow.build(MARKOV.size, MARKOV.start_token)
        built = narrow.build(MARKOV.size, MARKOV.start_token)
        assert isinstance(planned, NeuralModel)
        assert isinstance(built, NeuralModel)
        assert planned.num_params() == built.num_params()
        assert planned.cost() == built.cost()
        assert_close(built.start().logprobs.exp().sum(-1), torch.ones(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_learns_something_or_is_the_uniform_family(family: str) -> None:
    stream = MARKOV.stream
    model = fit(tiny_config(family), MARKOV)
    nats = -float(model.token_logprobs(stream[None, 1:400]).mean())
    uniform = math.log(MARKOV.size)
    assert nats == pytest.approx(uniform, abs=1e-6) if family == "uniform" else nats < uniform
