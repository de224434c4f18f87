from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.language_model import WEIGHTS_FILE
from models.settings.transformer import TransformerConfig
from models.transformer import Transformer
from tests.models.plain_transformer import plain_logprobs

VOCAB_SIZE, START = 13, 12


def build(**options: Any) -> Transformer:
    """A model with larger weights than training starts from, so that every part of the network matters."""
    torch.manual_seed(0)
    small = {"num_layers": 2, "num_heads": 2, "d_model": 16, "context_length": 12}
    model = TransformerConfig(**(small | options)).build(VOCAB_SIZE, START)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.3)
    return model


FORMS: list[dict[str, Any]] = [
    {},
    {"tie_embeddings": False},
    {"preset": "gpt2"},
    {"preset": "llama"},
    {"positions": "alibi"},
    {"positions": "alibi", "num_heads": 4, "num_kv_heads": 2, "biases": True},
    {"positions": "none", "norm": "layer", "feed_forward": "swiglu"},
    {"positions": "learned", "query_key_norm": True},
    {"num_heads": 4, "num_kv_heads": 1, "query_key_norm": True, "rotary_base": 100.0},
    {"feed_forward": "gelu", "biases": True},
]
each_form = pytest.mark.parametrize("form", FORMS, ids=str)


@each_form
def test_each_form_written_out_plainly_gives_the_same_probabilities(form: dict[str, Any]) -> None:
    """All at once, token by token, and in pieces of several lengths."""
    model = build(context_length=24, **form).eval()
    tokens = torch.randint(0, VOCAB_SIZE, (2, 20))
    whole = model.logprobs(tokens)
    expected = torch.stack([plain_logprobs(model.tensors(), [START, *row], model.config) for row in tokens.tolist()])
    torch.testing.assert_close(whole[:, -1], expected, atol=1e-5, rtol=1e-5)
    state = model.start(2)
    for position in range(20):
        _, state = model.read(state, tokens[:, position : position + 1])
        torch.testing.assert_close(state.logprobs, whole[:, position + 1], atol=1e-5, rtol=1e-5)
    _, state = model.read(model.start(2), tokens[:, :7], torch.tensor([7, 3]))
    rest = torch.stack([tokens[0, 7:14], tokens[1, 3:10]])
    after, _ = model.read(state, rest)
    torch.testing.assert_close(after[0], whole[0, 8:15], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after[1], whole[1, 4:11], atol=1e-5, rtol=1e-5)


@each_form
def test_each_form_sees_exactly_its_window(form: dict[str, Any]) -> None:
    model = build(**form)
    text = [START, *torch.randint(0, VOCAB_SIZE, (20,)).tolist()]
    logprobs = model.logprobs(torch.tensor([text[1:]]))[0]
    expected = plain_logprobs(model.tensors(), text[6:18], model.config)  # the window moved on by half of it
    torch.testing.assert_close(logprobs[17], expected, atol=1e-5, rtol=1e-5)


@each_form
def test_each_form_learns_with_every_parameter(form: dict[str, Any]) -> None:
    model = build(**form)
    model(torch.randint(0, VOCAB_SIZE, (2, 12)))[0].square().sum().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


@each_form
def test_operations_of_each_form_are_those_of_torch_s_counter(form: dict[str, Any]) -> None:
    """torch counts all places that attention looks at, in training too; the cost is that of those that it may see."""
    model = build(d_model=64, context_length=64, **form)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(1, 64, dtype=torch.int64))
    hidden = 4 * model.config.num_layers * 64 * (64 - 1) / 2  # scores and sums of places after a token's own
    assert model.cost().flops_per_token == pytest.approx(counter.get_total_flops() / 64 - hidden, rel=0.01)


@pytest.mark.parametrize("tied", [True, False])
def test_the_same_weights_written_out_plainly_give_the_same_probabilities(tied: bool) -> None:
    model = build(tie_embeddings=tied, context_length=24)
    tokens = torch.randint(0, VOCAB_SIZE, (20,)).tolist()
    logprobs = model.logprobs(torch.tensor([tokens]))[0]
    for length in (0, 1, 2, 10, 20):
        expected = plain_logprobs(model.tensors(), [START, *tokens[:length]], model.config)
        torch.testing.assert_close(logprobs[length], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("stride", [None, 1, 5, 11, 12])
def test_beyond_the_context_each_token_sees_exactly_its_window(stride: int | None) -> None:
    model = build(context_length=12, stride=stride)
    step = stride or 6
    tokens = torch.randint(0, VOCAB_SIZE, (45,)).tolist()
    text = [START, *tokens]
    logprobs = model.logprobs(torch.tensor([tokens]))[0]
    num_context = model.num_context_tokens(46).tolist()
    for position in (11, 12, 13, 12 + step - 1, 12 + step, 30, 44, 45):
        # The first window that the position fits into.
        begin = 0 if position < 12 else (position - 12) // step * step + step
        assert num_context[position] == position - begin + 1 >= min(position + 1, 12 - step + 1)
        expected = plain_logprobs(model.tensors(), text[begin : position + 1], model.config)
        torch.testing.assert_close(logprobs[position], expected, atol=1e-5, rtol=0)


def test_training_and_reading_see_the_same_model() -> None:
    model = build()
    tokens = torch.randint(0, VOCAB_SIZE, (2, 11))
    logits, carry = model(torch.cat([torch.full((2, 1), START), tokens], dim=1))
    assert carry is None
    torch.testing.assert_close(model.logprobs(tokens), torch.log_softmax(logits, -1), atol=1e-5, rtol=0)


def test_training_on_more_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="13 tokens don't fit into a window of 12"):
        build()(torch.zeros(1, 13, dtype=torch.int64))


def test_dropout_acts_in_training_alone() -> None:
    model = build(dropout=0.5)
    tokens = torch.randint(0, VOCAB_SIZE, (2, 12))
    assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])
    assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])


def test_tied_embeddings_are_stored_once(tmp_path: Path) -> None:
    model = build()
    assert build(tie_embeddings=False).num_params() - model.num_params() == VOCAB_SIZE * 16
    model.save(tmp_path)
    stored = load_file(tmp_path / WEIGHTS_FILE)
    assert sum(value.shape == (VOCAB_SIZE, 16) for value in stored.values()) == 1


def test_every_block_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    model = TransformerConfig(num_heads=2, d_model=16).build(VOCAB_SIZE, START)
    tokens = torch.randint(0, VOCAB_SIZE, (1, 9))
    logits, _ = model(tokens)
    expected = model.norm(model.embedding[tokens]) @ model.embedding.t()
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=0)


def test_the_smallest_context_works() -> None:
    model = build(context_length=1)
    tokens = torch.randint(0, VOCAB_SIZE, (1, 5))
    logprobs = model.logprobs(tokens)[0]
    for position, token in enumerate([START, *tokens[0].tolist()]):
        expected = plain_logprobs(model.tensors(), [token], model.config)
        torch.testing.assert_close(logprobs[position], expected, atol=1e-5, rtol=0)


def step_by_step(model: Transformer, tokens: Tensor) -> Tensor:
    """The last token's distribution (V,), read token by token."""
    state = model.start()
    for token in tokens:
        _, state = model.read(state, token.view(1, 1))
    return state.logprobs[0]


def test_decoding_sees_weights_that_were_loaded() -> None:
    model, other = build().eval(), build(num_layers=2).eval()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.3)
    tokens = torch.tensor([3, 1, 4, 1, 5])
    before = step_by_step(model, tokens)
    model.load_tensors(other.tensors())
    after = step_by_step(model, tokens)
    expected = plain_logprobs(other.tensors(), [START, *tokens.tolist()], model.config)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(after, before, atol=1e-2)


def test_decoding_sees_what_each_training_step_changed() -> None:
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    tokens = torch.tensor([3, 1, 4, 1, 5])
    before = step_by_step(model.eval(), tokens)
    for evaluate_in_training_mode in (True, False, True):
        model.train()
        for _ in range(2):
            model(tokens[None])[0].square().mean().backward()
            optimizer.step()
            after = step_by_step(model.train(evaluate_in_training_mode), tokens)
            model.train()
            expected = plain_logprobs(model.tensors(), [START, *tokens.tolist()], model.config)
            torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
            assert not torch.allclose(after, before, atol=1e-3)
            before = after


def test_decoding_sees_weights_of_another_type_and_back() -> None:
    model = build().eval()
    tokens = torch.tensor([3, 1, 4])
    before = step_by_step(model, tokens)
    model.to(torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    model.to(torch.float32)
    after = step_by_step(model, tokens)
    expected = plain_logprobs(model.tensors(), [START, *tokens.tolist()], model.config)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(after, before, atol=1e-2)


@each_form
def test_attention_gives_each_blocks_output(form: dict[str, Any]) -> None:
    """What a block adds is its values, mixed by the rows of attention, and the MLP after it."""
    model = build(context_length=24, **form).eval()
    inner = model.inner(torch.randint(0, VOCAB_SIZE, (20,)))
    assert inner.attention is not None
    before = [model._embedded(torch.tensor([[START]]), None)[0, :1], *inner.units.values()]
    for layer, block in enumerate(model.blocks):
        if layer == 0:
            continue  # what goes into it is not among the units
        x = before[layer]
        reading = model._whole(len(x), 0.0)
        _, _, values = block._projected(block.attention_norm(x[None]), reading)
        values = values.repeat_interleave(block.num_heads // values.shape[1], dim=1)[0]
        mixed = (inner.attention[layer] @ values).transpose(0, 1).reshape(x.shape)
        x = x + block.attention_out(mixed)
        x = x + block.mlp_out(block._activate(block.mlp_in(block.mlp_norm(x))))
        torch.testing.assert_close(x, inner.units[f"layer {layer + 1}"], atol=1e-4, rtol=1e-4)
