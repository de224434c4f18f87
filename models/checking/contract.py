"""What models/language_model.py promises, as checks: the tests hold every family of bakeoff to them, and
`bakeoff check model` a family from a plugin.

A check's name is the sentence that it checks; it raises AssertionError where the sentence is false. Its docstring says
what is expected, and the usual cause where it isn't so: `bakeoff check` shows it before the numbers. `FIT_CHECKS` are
about a fitted model, over any vocabulary; `FAMILY_CHECKS` are about how a family is built and fitted.

Shape legend: B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.checking.trial import LENGTH, Subject, fit, pairs, random_tokens, reopened, swapped
from models.language_model import CountingModel, LanguageModel
from models.neural_model import NeuralModel, TorchModel

_LONGEST = 4096
# Longer than the chunks that a scan is usually cut into, 64 and 128.
_LONG = 200
LONG_TEXT = 100_000
"""Tokens after which a distribution must still be one."""
_TOLERANCE = 1e-5
_TOLERANCE_OF_LONG_SCANS = 1e-3
"""In float32."""
_MILLIONTH = 1e-6
_IMPOSSIBLE = -1000.0
"""Natural logarithm of a probability that no model means."""


def hold(fact: bool, otherwise: str) -> None:
    """Raise AssertionError with the message `otherwise` unless `fact` is true."""
    if not fact:
        raise AssertionError(otherwise)


def close(actual: Tensor, expected: Tensor, tolerance: float = _TOLERANCE) -> None:
    """AssertionError unless two tensors are the same to the tolerance, absolute or relative.

    A float32 has 7 digits, and a sum of many terms keeps 5 of them: at -19 nats that is more than 1e-5.
    """
    _hold_equal(actual, expected, tolerance)


def same(actual: Tensor, expected: Tensor) -> None:
    """AssertionError unless two tensors are the same bit by bit."""
    _hold_equal(actual, expected, 0.0)


def _hold_equal(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    for what in ("shape", "dtype"):
        ours, wanted = getattr(actual, what), getattr(expected, what)
        hold(ours == wanted, f"The {what} is {_plain(ours)}, and must be {_plain(wanted)}.")
    try:
        torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance, equal_nan=not tolerance)
    except AssertionError:
        first, second = actual.detach().double(), expected.detach().double()
        differ = ~torch.isclose(first, second, atol=tolerance, rtol=tolerance, equal_nan=not tolerance)
        worst = float((first - second)[differ].abs().nan_to_num(math.inf).max())
        allowed = f"{tolerance:g} is allowed" if tolerance else "none is allowed"
        raise AssertionError(
            f"{int(differ.sum()):,} of {differ.numel():,} values differ, by up to {worst:.3g} ({allowed})."
        ) from None


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, torch.Size) else value


def probabilities_sum_to_one(of: Subject) -> None:
    """After every text, the probabilities of all tokens must sum to 1, and none may be 0. Usually log_softmax is
    missing, or is taken over another dimension than the last."""
    logprobs = of.model.logprobs(of.tokens)
    hold(logprobs.shape == (3, LENGTH + 1, of.model.vocab_size), f"logprobs has the shape {tuple(logprobs.shape)}")
    hold(logprobs.dtype == torch.float32, f"logprobs has the type {logprobs.dtype}, not float32")
    hold(bool(logprobs.isfinite().all()), "some token has no probability at all, or one that is no number")
    for tokens in (of.tokens, of.vocabulary.stream[None, :_LONG], pairs(of.vocabulary.size)):
        logprobs = of.model.logprobs(tokens)
        close(logprobs.exp().sum(-1), torch.ones(logprobs.shape[:2]))
        least = float(logprobs.min())
        hold(least > _IMPOSSIBLE, f"some token has the log-probability {least:g}, which is as good as none")


def probabilities_sum_to_one_after_a_long_text(of: Subject) -> None:
    """As after short texts, to a millionth, after 1,000 texts and after each of 100,000 tokens of one. Usually counts
    that are kept in the state are divided by another total than their own, as where hash buckets are shared."""
    _sum_to_one(of.model.logprobs(random_tokens(of.model.vocab_size, 40, 25)), "a text of up to 25 tokens")
    length, state = LONG_TEXT, of.model.start()
    if of.model.config.is_fitted and of.model.context_length is not None:  # large weights from elsewhere
        length = min(length, 4 * of.model.context_length)
    num_read = 0
    for piece in torch.split(random_tokens(of.model.vocab_size, 1, length), _LONGEST, dim=1):
        logprobs, state = of.model.read(state, piece)
        num_read += piece.shape[1]
        _sum_to_one(logprobs, f"{num_read:,} tokens")


def _sum_to_one(logprobs: Tensor, after: str) -> None:
    sums = logprobs.double().exp().sum(-1)
    worst = float(sums.flatten()[(sums - 1).abs().argmax()])
    off = abs(worst - 1)
    hold(off <= _MILLIONTH, f"after {after} the probabilities of all tokens sum to {worst:.8g}, not to 1")


def a_later_token_never_changes_an_earlier_distribution(of: Subject) -> None:
    """A distribution may depend only on the tokens before it. Usually the model looks ahead: a missing causal mask, a
    shift by one in the wrong direction, or an average over the whole text."""
    whole = of.model.logprobs(of.tokens)
    for position in (0, 1, 7, 8, 9, 20, LENGTH - 1):
        changed = of.tokens.clone()
        changed[:, position:] = (changed[:, position:] + 1) % of.model.vocab_size
        close(of.model.logprobs(changed)[:, : position + 1], whole[:, : position + 1])


def step_by_step_equals_all_at_once(of: Subject) -> None:
    """Reading one token at a time must give the distributions of reading all at once. Usually the state lacks something
    that the next step needs, or a position is counted anew at each read."""
    whole = of.model.logprobs(of.tokens)
    state = of.model.start(3)
    close(state.logprobs, whole[:, 0])
    for position in range(LENGTH):
        after, state = of.model.read(state, of.tokens[:, position : position + 1])
        hold(after.shape == (3, 1, of.model.vocab_size), f"read gave the shape {tuple(after.shape)} for one token")
        close(after[:, 0], whole[:, position + 1])
        close(state.logprobs, whole[:, position + 1])


def reading_in_pieces_equals_reading_at_once(of: Subject) -> None:
    """Reading a text in pieces must give the distributions of reading it at once. Usually the state after a piece lacks
    something, or the first tokens of a piece don't see the one before."""
    for cuts in ([0, 5, 5, 6, 20, 30], [7, 8, 9, 30], [29, 30]):
        state, pieces, begin = of.model.start(3), [], 0
        for end in cuts:
            after, state = of.model.read(state, of.tokens[:, begin:end])
            pieces.append(after)
            begin = end
        close(torch.cat(pieces, dim=1), of.model.logprobs(of.tokens)[:, 1:])


def reading_a_long_text_in_pieces_equals_reading_it_at_once(of: Subject) -> None:
    """As for short texts, over 200 tokens. Usually errors add up along the text, or something is cut at a fixed
    length."""
    tokens = random_tokens(of.model.vocab_size, 2, _LONG)
    model, tolerance = _as_exact_as_it_can_be(of.model)
    whole = model.logprobs(tokens)
    state, pieces = model.start(2), []
    for piece in torch.split(tokens, [1, 30, 70, 63, 36], dim=1):
        after, state = model.read(state, piece)
        pieces.append(after)
    close(torch.cat(pieces, dim=1), whole[:, 1:], tolerance)


def _as_exact_as_it_can_be(model: LanguageModel) -> tuple[LanguageModel, float]:
    """A copy with weights in float64 where a model can have them, and the tolerance for its log-probabilities.

    A scan in log space takes the difference of sums of 200 logarithms, near -140: float32 keeps 1e-5 of a hidden value,
    and 2e-4 of a logit that is 20 times as large. So what can't be had in float64 is held to less.
    """
    if isinstance(model, CountingModel):
        return model, _TOLERANCE
    if isinstance(model, TorchModel):
        try:
            exact = copy.deepcopy(model).double()
            exact.logprobs(torch.zeros(1, 2, dtype=torch.int64))
        except (RuntimeError, TypeError, NotImplementedError):
            return model, _TOLERANCE_OF_LONG_SCANS
        return exact, _TOLERANCE
    return model, _TOLERANCE_OF_LONG_SCANS


def ragged_rows_equal_each_row_alone(of: Subject) -> None:
    """With `lengths`, each row must be read as if it were alone and its padding weren't there. Usually `lengths` is
    ignored, or the state is taken after the padding and not after the row's last token."""
    tokens = random_tokens(of.model.vocab_size, 6, LENGTH)
    state = of.model.start(6)
    read = [0] * 6
    # Three reads in a row, so that rows have read different numbers of tokens when the next begins.
    for lengths in ([0, 3, 7, 8, 12, 5], [9, 0, 1, 8, 0, 12], [3, 12, 4, 0, 10, 1]):
        part = torch.stack([row[at : at + 12] for row, at in zip(tokens, read, strict=True)])
        before = state.logprobs
        after, state = of.model.read(state, part, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = of.model.logprobs(tokens[row : row + 1, : read[row] + length])[0]
            close(after[row, :length], alone[read[row] + 1 :])
            close(state.logprobs[row], alone[-1])
            if length == 0:
                same(state.logprobs[row], before[row])
            read[row] += length


def all_lengths_may_be_zero(of: Subject) -> None:
    """Rows of length 0 must leave their states as they were. Usually the state is taken at index length - 1, which is
    then the last one."""
    _, state = of.model.read(of.model.start(3), of.tokens[:, :5])
    after, unmoved = of.model.read(state, of.tokens, torch.zeros(3, dtype=torch.int64))
    hold(after.shape == (3, LENGTH, of.model.vocab_size), f"read gave the shape {tuple(after.shape)}")
    same(unmoved.logprobs, state.logprobs)
    close(of.model.read(unmoved, of.tokens)[0], of.model.read(state, of.tokens)[0])


def a_batch_row_equals_the_row_alone(of: Subject) -> None:
    """A row must have the same distributions in any batch. Usually something is computed over the batch dimension, as a
    mean or a normalisation."""
    for num_rows in (7, 70):
        tokens = random_tokens(of.model.vocab_size, num_rows, LENGTH)
        together = of.model.logprobs(tokens)
        for row in {*range(7), *range(0, num_rows, 8), num_rows - 1}:
            close(of.model.logprobs(tokens[row : row + 1])[0], together[row])


def a_fork_leaves_its_parent_as_it_was(of: Subject) -> None:
    """A state is a value: it may be read from twice, and must stay as it was. Usually `read` writes into the state that
    it was given, instead of making a new one."""
    other = (of.tokens + 5) % of.model.vocab_size
    for length in (0, 4, 7, 19):
        prompt = of.tokens[:, :length]
        _, parent = of.model.read(of.model.start(3), prompt)
        expected_here = of.model.logprobs(of.tokens)[:, length + 1 :]
        expected_there = of.model.logprobs(torch.cat([prompt, other], dim=1))[:, length + 1 :]
        before = parent.logprobs.clone()
        for _ in range(2):
            close(of.model.read(parent, of.tokens[:, length:])[0], expected_here)
            close(of.model.read(parent, other)[0], expected_there)
        # Step by step, in turns: both children grow at once.
        here = there = parent
        for position in range(6):
            here_after, here = of.model.read(here, of.tokens[:, length + position : length + position + 1])
            there_after, there = of.model.read(there, other[:, position : position + 1])
            close(here_after[:, 0], expected_here[:, position])
            close(there_after[:, 0], expected_there[:, position])
        same(parent.logprobs, before)
        # Nor does reading a part of each row.
        of.model.read(parent, other, torch.tensor([2, 0, 5]))
        same(parent.logprobs, before)
        close(of.model.read(parent, other)[0], expected_there)


def select_repeats_drops_and_reorders_rows(of: Subject) -> None:
    """`state.select(rows)` must have these rows, in this order, whether they are repeated or left out. Usually a part
    of the state is not indexed, or is indexed along another dimension."""
    _, parent = of.model.read(of.model.start(3), of.tokens, torch.tensor([4, 13, 9]))
    more = random_tokens(of.model.vocab_size, 3, 10, seed=2)
    expected, _ = of.model.read(parent, more)
    for rows in ([2, 0, 0, 1, 2], [1], [0, 1, 2], []):
        for selection in (rows, torch.tensor(rows, dtype=torch.int64)):
            chosen = parent.select(selection)
            hold(chosen.num_rows == len(rows), f"select gave {chosen.num_rows} rows where {len(rows)} were named")
            same(chosen.logprobs, parent.logprobs[rows])
            close(of.model.read(chosen, more[rows])[0], expected[rows])
    close(of.model.read(parent, more)[0], expected)


def a_state_taken_partway_equals_reading_only_so_far(of: Subject) -> None:
    """`partway` must give the state after reading only so many tokens of each row. Usually it takes the state one token
    too early or too late; it may also give None."""
    more = random_tokens(of.model.vocab_size, 3, 6, seed=2)
    for begin, end in ((0, 5), (0, 7), (3, 7), (20, LENGTH)):
        _, before = of.model.read(of.model.start(3), of.tokens[:, :begin])
        logprobs, after = of.model.read(before, of.tokens[:, begin:end])
        expected_after = of.model.read(after, more)[0]
        for counts in ([0, 2, end - begin], [1, 1, 1], [0, 0, 0]):
            partway = of.model.partway(before, after, logprobs, counts)
            if partway is None:
                continue
            _, expected = of.model.read(before, of.tokens[:, begin:end], torch.tensor(counts))
            close(partway.logprobs, expected.logprobs)
            close(of.model.read(partway, more)[0], of.model.read(expected, more)[0])
        close(of.model.read(after, more)[0], expected_after)


def writing_into_what_was_handed_out_changes_no_state(of: Subject) -> None:
    """Whoever gets log-probabilities may write into them. Usually a state hands out its own tensor, or a view of the
    model's table: hand out a copy."""
    expected = of.model.logprobs(of.tokens)
    after, state = of.model.read(of.model.start(3), of.tokens[:, :9])
    after.zero_()
    of.model.start(3).logprobs.zero_()
    state.select([0, 1, 2]).select([1, 1]).logprobs.zero_()
    close(state.logprobs, expected[:, 9])
    close(of.model.logprobs(of.tokens), expected)


def save_and_load_give_the_same_bits(of: Subject) -> None:
    """A saved and loaded model must be the same model, bit by bit. Usually `tensors` leaves something out, or
    `load_tensors` doesn't make again what is computed from it."""
    model = of.model
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        again = model.config.build(model.vocab_size, model.start_token).load(Path(folder))
    for tokens in (of.tokens, of.vocabulary.stream[None, :_LONG], pairs(model.vocab_size)):
        same(again.logprobs(tokens), model.logprobs(tokens))
    same(again.token_logprobs(of.tokens), model.token_logprobs(of.tokens))
    hold(again.cost() == model.cost(), f"cost() is {again.cost()} after loading, and was {model.cost()}")
    kept = again.tensors()
    hold(kept.keys() == model.tensors().keys(), f"tensors() are {sorted(kept)}, and were {sorted(model.tensors())}")
    for name, value in model.tensors().items():
        same(kept[name], value)
    if isinstance(model, TorchModel):
        assert isinstance(again, TorchModel)
        buffers = dict(again.named_buffers())
        for name, value in model.named_buffers():
            if name in buffers and buffers[name].shape == value.shape:  # a table that grows as needed may be shorter
                hold(torch.equal(buffers[name], value), f"the buffer {name} has other values: it is not saved")
    hold(
        (again.config, again.vocab_size, again.start_token) == (model.config, model.vocab_size, model.start_token),
        "config, vocab_size or start_token are not what they were",
    )


def the_empty_prompt_has_a_distribution(of: Subject) -> None:
    """A text of no tokens must work: what opens a document has a distribution too. Usually an empty tensor is indexed,
    or `start` doesn't read the start token."""
    model, nothing = of.model, torch.zeros(2, 0, dtype=torch.int64)
    logprobs = model.logprobs(nothing)
    hold(logprobs.shape == (2, 1, model.vocab_size), f"logprobs has the shape {tuple(logprobs.shape)}")
    close(logprobs[:, 0], model.start(2).logprobs)
    after, state = model.read(model.start(2), nothing)
    hold(after.shape == (2, 0, model.vocab_size), f"read gave the shape {tuple(after.shape)}")
    close(state.logprobs, logprobs[:, 0])
    for lengths in (None, torch.tensor([0, 0])):
        hold(model.token_logprobs(nothing, lengths).shape == (2, 0), "token_logprobs of nothing has another shape")


def a_prompt_several_times_longer_than_the_context_works(of: Subject) -> None:
    """A text longer than the context must work, and what lies further back than `context_length` must not count.
    Usually a table of positions is too short, or `context_length` is too small by one."""
    context = of.model.context_length
    length = 100 if context is None else min(_LONGEST, max(100, 3 * context))
    tokens = random_tokens(of.model.vocab_size, 1, length)
    logprobs = of.model.logprobs(tokens)
    close(logprobs.exp().sum(-1), torch.ones(1, length + 1))
    if context is not None and 2 * context < length:
        # What lies further back than the context is forgotten.
        changed = tokens.clone()
        # The first of the last ten distributions comes after length - 9 tokens.
        num_forgotten = length - 9 - context
        changed[0, :num_forgotten] = (changed[0, :num_forgotten] + 1) % of.model.vocab_size
        close(of.model.logprobs(changed)[0, -10:], logprobs[0, -10:])


def token_logprobs_are_those_of_the_distributions(of: Subject) -> None:
    """`token_logprobs` must give each token's value in the distribution before it. Usually it is shifted by one
    token."""
    tokens = random_tokens(of.model.vocab_size, 4, 41)
    gathered = of.model.logprobs(tokens)[:, :-1].gather(2, tokens[:, :, None])[:, :, 0]
    scored = of.model.token_logprobs(tokens)
    hold(scored.shape == (4, 41), f"token_logprobs has the shape {tuple(scored.shape)}")
    hold(scored.dtype == torch.float32, f"token_logprobs has the type {scored.dtype}, not float32")
    close(scored, gathered)
    lengths = [41, 0, 9, 26]
    ragged = of.model.token_logprobs(tokens, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        close(ragged[row, :length], gathered[row, :length])


def the_cost_is_that_of_what_is_saved(of: Subject) -> None:
    """`cost` must count what is saved. Usually an embedding, a bias or a stored table is left out, or is counted
    twice."""
    model, cost = of.model, of.model.cost()
    hold(cost.num_params >= 0 and cost.flops_per_token >= 0, f"cost() is below 0: {cost}")
    least = 4 * model.vocab_size
    hold(cost.state_bytes_at_context >= least, f"a state is {cost.state_bytes_at_context} bytes, its logprobs {least}")
    if isinstance(model, TorchModel):
        weights = model.num_params()
        hold(cost.num_params == weights, f"cost() says {cost.num_params} of {weights} parameters")
        hold(cost.flops_per_token > 0, "cost() says that a token costs no floating-point operations")
    if model.config.is_fitted:
        return  # the weights stay in the folder that they were loaded from
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        on_disk = sum(path.stat().st_size for path in Path(folder).iterdir())
    header = 4096
    hold(0 <= on_disk - cost.model_bytes <= header, f"cost() says {cost.model_bytes} bytes, on disk are {on_disk}")
    hold(
        (cost.num_params == 0) == (not model.tensors()),
        f"cost() says {cost.num_params} parameters where {len(model.tensors())} tensors are saved",
    )
    if isinstance(model, TorchModel):
        kept = sum(value.numel() for value in model.tensors().values())
        hold(cost.num_params == kept, f"cost() says {cost.num_params} parameters, {kept} are saved")


def reading_builds_no_graph_and_is_the_same_in_training_mode(of: Subject) -> None:
    """Reading must build no graph for gradients, and dropout must not change it. Usually `torch.no_grad` is missing, or
    dropout is on while a text is read."""
    model = of.model
    after, state = model.read(model.start(3), of.tokens)
    graphless = not (after.requires_grad or state.logprobs.requires_grad)
    hold(graphless and not model.token_logprobs(of.tokens).requires_grad, "what is read has a graph for gradients")
    if isinstance(model, TorchModel):
        before = model.training
        for training in (True, False):
            model.train(training)
            same(model.read(model.start(3), of.tokens)[0], after)
            hold(all(module.training == training for module in model.modules()), "reading changes the training mode")
        model.train(before)


def reading_changes_nothing_that_was_learnt(of: Subject) -> None:
    """Reading must not change what was learnt. Usually `read` adds to the model's counts or buffers: keep what is
    learnt from a text in the state."""
    text = of.vocabulary.stream[None, 1:_LONG]
    before = {name: value.clone() for name, value in of.model.tensors().items()}
    expected = of.model.logprobs(of.tokens)
    for _ in range(2):
        of.model.read(of.model.start(1), text)
        of.model.token_logprobs(text)
        of.model.token_logprobs(text, torch.tensor([20]))
    for name, value in of.model.tensors().items():
        hold(torch.equal(value, before[name]), f"{name} changed while a text was read: what is learnt from it is lost")
    same(of.model.logprobs(of.tokens), expected)


def reading_leaves_the_random_state_alone(of: Subject) -> None:
    """Reading must draw no random numbers. Usually dropout is on, or a tensor is initialised at random while a text is
    read."""
    before = torch.get_rng_state()
    of.model.logprobs(of.tokens)
    of.model.token_logprobs(of.tokens)
    same(torch.get_rng_state(), before)


def a_document_opens_with_the_start_token_that_was_named(of: Subject) -> None:
    """A document must be read as if it opened with the token that `start_token` names, and a start token within it as
    any other. Usually the id is fixed somewhere, or `forward` treats a start token in the text otherwise than `read`
    does, as by starting anew."""
    named = 4
    last = of.vocabulary.start_token
    config = of.config
    if config.is_fitted:  # the start token is the weights' own
        return
    vocabulary = reopened(of.vocabulary, named)
    model = fit(config, vocabulary)
    hold(model.start_token == named, f"its start_token is {model.start_token}, and {named} was named")
    if isinstance(model, NeuralModel):
        was_training = model.training
        model.eval()
        tokens = random_tokens(vocabulary.size, 3, min(LENGTH, model.training_length))
        opened = torch.cat([torch.full((3, 1), named), tokens[:, :-1]], dim=1)
        with torch.no_grad():
            expected = torch.log_softmax(model(opened)[0], dim=-1)
        model.train(was_training)
        close(model.logprobs(tokens)[:, :-1], expected)
    elif isinstance(model, CountingModel):
        ids = swapped(torch.arange(vocabulary.size), last, named)
        renamed = model.logprobs(swapped(of.tokens, last, named))[:, :, ids]
        close(renamed, of.model.logprobs(of.tokens))


def a_training_pass_sees_no_later_token(of: Subject) -> None:
    """`forward` must not let a position see later tokens. Usually a causal mask is missing, and the training loss is
    too good to be true."""
    model = of.model
    if not isinstance(model, NeuralModel):
        return
    tokens = random_tokens(of.vocabulary.size, 3, model.training_length)
    passes = []
    was_training = model.training
    for position in (None, *{0, 1, tokens.shape[1] // 2, tokens.shape[1] - 1}):
        changed = tokens.clone()
        if position is not None:
            changed[:, position:] = (changed[:, position:] + 1) % model.vocab_size
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)  # the same dropout each time
            passes.append((position, model.train()(changed)[0]))
    model.train(was_training)
    for position, logits in passes[1:]:
        close(logits[:, :position], passes[0][1][:, :position])


def the_same_seed_builds_the_same_model(of: Subject) -> None:
    """With torch's generator seeded, `build` must make the same weights. Usually weights are drawn from another
    generator, as numpy's."""
    built = []
    for _ in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            built.append(of.new())
    first, second = built
    if isinstance(first, NeuralModel):
        hold(first.num_params() > 0, "a model that is trained by gradients has no parameters")
        for name, value in first.tensors().items():
            same(value, second.tensors()[name])


def counting_in_several_calls_equals_one_call(of: Subject) -> None:
    """Calls of `count` must add up to one call over the whole stream. Usually the n-grams that span two calls are lost,
    or `count` starts anew."""
    pieces, whole = of.new(), of.new()
    if not isinstance(pieces, CountingModel):
        return
    assert isinstance(whole, CountingModel)
    held_out = [of.vocabulary.stream[1:50]]
    for piece in of.vocabulary.stream.tensor_split([0, 1, 2, 50, 51, 300]):
        pieces.count(piece)
    pieces.finish(held_out)
    whole.count(of.vocabulary.stream)
    whole.finish(held_out)
    same(pieces.logprobs(of.tokens), whole.logprobs(of.tokens))


def counting_goes_on_from_a_file(of: Subject) -> None:
    """A loaded model must count on as if it had never been saved. Usually `tensors` holds probabilities alone, and not
    the counts."""
    config = of.config.for_counting_on()
    first, again, whole = (config.build(of.vocabulary.size, of.vocabulary.start_token) for _ in range(3))
    if not isinstance(first, CountingModel):
        return
    assert isinstance(again, CountingModel)
    assert isinstance(whole, CountingModel)
    stream = of.vocabulary.stream
    held_out = [stream[1:50]]
    first.count(stream[:333])
    first.finish(held_out)
    with tempfile.TemporaryDirectory() as folder:
        first.save(Path(folder))
        again.load(Path(folder))
    again.count(stream[333:])
    again.finish(held_out)
    whole.count(stream)
    whole.finish(held_out)
    same(again.logprobs(of.tokens), whole.logprobs(of.tokens))


def a_width_can_be_tried_without_memory_for_it(of: Subject) -> None:
    """`build` on torch's device 'meta' must give a model of the same size. Usually a size is computed from values of
    tensors, or `cost` leaves something out."""
    config, vocabulary = of.config, of.vocabulary
    if config.width_field is None:
        return
    sizes = []
    for multiple in (1, 3):
        narrow = dataclasses.replace(config, **{config.width_field: multiple * config.width_multiple})
        with torch.device("meta"):
            planned = narrow.build(vocabulary.size, vocabulary.start_token)
        with torch.random.fork_rng():
            built = narrow.build(vocabulary.size, vocabulary.start_token)
        assert isinstance(planned, NeuralModel)
        assert isinstance(built, NeuralModel)
        hold(
            planned.num_params() == built.num_params() and planned.cost() == built.cost(),
            f"without memory it has {planned.cost()}, with memory {built.cost()}",
        )
        close(built.start().logprobs.exp().sum(-1), torch.ones(1))
        sizes.append(built.num_params())
    field = config.width_field
    hold(sizes[0] < sizes[1], f"three times the width ({field}) has {sizes[1]} parameters where it had {sizes[0]}")


def a_fit_is_no_worse_than_knowing_nothing(of: Subject) -> None:
    """A fitted model must expect its training text at least as well as a uniform guess. Usually the loss is of shifted
    tokens, or what was learnt isn't used."""
    if of.config.is_fitted:  # weights from elsewhere: what they were fitted to is unknown
        return
    nats = -float(of.model.token_logprobs(of.vocabulary.stream[None, 1:400]).mean())
    uniform = math.log(of.vocabulary.size)
    hold(nats <= uniform + 1e-5, f"what it was fitted to costs {nats:.3f} nats a token, a uniform guess {uniform:.3f}")


def what_is_inside_gives_the_probabilities(of: Subject) -> None:
    """What `inner` shows must be what the model computes: rows of attention sum to one and look only back; the last
    hidden units give the scores; contexts add up to each token's probability. Usually it was computed with other
    settings, as with dropout, or is of another place."""
    text = of.tokens[0, : min(LENGTH, (of.model.window_length or LENGTH + 1) - 1)]
    inner = of.model.inner(text)
    num_places = len(text) + 1
    if inner.attention is not None:
        hold(inner.attention.shape[-2:] == (num_places, num_places), f"attention has {tuple(inner.attention.shape)}")
        close(inner.attention.sum(-1), torch.ones(inner.attention.shape[:-1]))
        hold(not bool(inner.attention.triu(1).any()), "some place attends to a later one")
    for name, units in inner.units.items():
        hold(len(units) == num_places, f"the units of {name} are those of {len(units)} places, not of {num_places}")
    if inner.units and isinstance(of.model, NeuralModel):
        scores = of.model.logits([*inner.units.values()][-1])  # type: ignore[operator]
        close(torch.log_softmax(scores, dim=-1), of.model.logprobs(text[None])[0])
    if inner.embeddings is not None:
        hold(len(inner.embeddings) == of.model.vocab_size, f"{len(inner.embeddings)} tokens have an embedding")
    if inner.evidence:
        sums = [
            functools.reduce(lambda rest, part: part.own + part.passed_on * rest, reversed(parts), 0.0)
            for parts in inner.evidence
        ]
        close(torch.tensor(sums), of.model.token_logprobs(text[None])[0].exp())


FIT_CHECKS: tuple[Callable[[Subject], None], ...] = (
    probabilities_sum_to_one,
    a_later_token_never_changes_an_earlier_distribution,
    step_by_step_equals_all_at_once,
    reading_in_pieces_equals_reading_at_once,
    reading_a_long_text_in_pieces_equals_reading_it_at_once,
    ragged_rows_equal_each_row_alone,
    all_lengths_may_be_zero,
    a_batch_row_equals_the_row_alone,
    a_fork_leaves_its_parent_as_it_was,
    select_repeats_drops_and_reorders_rows,
    a_state_taken_partway_equals_reading_only_so_far,
    writing_into_what_was_handed_out_changes_no_state,
    save_and_load_give_the_same_bits,
    the_empty_prompt_has_a_distribution,
    a_prompt_several_times_longer_than_the_context_works,
    token_logprobs_are_those_of_the_distributions,
    the_cost_is_that_of_what_is_saved,
    reading_builds_no_graph_and_is_the_same_in_training_mode,
    reading_changes_nothing_that_was_learnt,
    reading_leaves_the_random_state_alone,
    what_is_inside_gives_the_probabilities,
)
FAMILY_CHECKS: tuple[Callable[[Subject], None], ...] = (
    the_same_seed_builds_the_same_model,
    a_document_opens_with_the_start_token_that_was_named,
    a_training_pass_sees_no_later_token,
    counting_in_several_calls_equals_one_call,
    counting_goes_on_from_a_file,
    a_width_can_be_tried_without_memory_for_it,
    a_fit_is_no_worse_than_knowing_nothing,
)
LONG_CHECKS: tuple[Callable[[Subject], None], ...] = (probabilities_sum_to_one_after_a_long_text,)
"""About a fitted model; they take some seconds."""
FAIR_SCORE: Mapping[str, tuple[Callable[[Subject], None], ...]] = {
    "causal": (a_later_token_never_changes_an_earlier_distribution, a_training_pass_sees_no_later_token),
    "normalised": (probabilities_sum_to_one, probabilities_sum_to_one_after_a_long_text),
    "scored before it is learnt from": (step_by_step_equals_all_at_once, reading_changes_nothing_that_was_learnt),
    "one score a token": (token_logprobs_are_those_of_the_distributions, reading_in_pieces_equals_reading_at_once),
}
"""The four conditions under which a score counts (Parameter Golf, issue 1017), and the checks that hold them."""
