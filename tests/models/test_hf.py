"""Other people's weights: the same numbers as in transformers, and one clear message for each unreadable folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.checking.trial import random_tokens
from models.checks import Impossible
from models.hf import HFModel
from models.hf_parts.left_padded_cache import LeftPaddedCache
from models.neural_model import NeuralModel
from models.settings.hf import HFConfig
from tests.peers import ARCHITECTURES, peer

VOCAB_SIZE, START = 40, 3
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
# Each has a special feature: a window that slides in some layers, local attention by position, distances instead of
# positions, keys and values of different widths.
ODD: dict[str, dict[str, Any]] = {
    "gemma2": {**SMALL, "head_dim": 8, "sliding_window": 5},
    "gpt_neo": {
        "hidden_size": 16,
        "num_layers": 2,
        "num_heads": 4,
        "max_position_embeddings": 64,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 5,
        "initializer_range": 0.3,
    },
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 4, "initializer_range": 0.3},
    "deepseek_v3": {
        **SMALL,
        "num_key_value_heads": 4,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "num_experts_per_tok": 2,
        "kv_lora_rank": 8,
        "q_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 4,
        "first_k_dense_replace": 1,
        "moe_intermediate_size": 16,
    },
}


def write(folder: Path, kind: str, **options: Any) -> Path:
    """Write a model of any kind that transformers has, with random weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    all_options = {"vocab_size": VOCAB_SIZE, "bos_token_id": START, "eos_token_id": START} | options
    AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **all_options)).save_pretrained(folder)
    return folder


def theirs(folder: Path) -> Any:
    """The model as transformers reads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.no_grad()
def expected(model: Any, tokens: Tensor, start_token: int = START) -> Tensor:
    """(B, T + 1, V) log-probabilities, as transformers gives them for whole texts, each opened by the start token."""
    opened = torch.cat([torch.full((len(tokens), 1), start_token), tokens], dim=1)
    return torch.log_softmax(model(input_ids=opened).logits.float(), dim=-1)


def build(folder: Path, vocab_size: int = VOCAB_SIZE, start_token: int = START, **options: Any) -> HFModel:
    return HFConfig(str(folder), **options).build(vocab_size, start_token)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_likelihoods_of_texts_within_a_window_are_those_of_transformers(architecture: str) -> None:
    folder = peer(architecture, VOCAB_SIZE, START)
    tokens = random_tokens(VOCAB_SIZE, 5, 60)
    model, whole = build(folder), expected(theirs(folder), tokens)
    scores = whole[:, :-1].gather(2, tokens[:, :, None])[:, :, 0]
    torch.testing.assert_close(model.token_logprobs(tokens), scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.logprobs(tokens), whole, atol=1e-5, rtol=0)
    ragged = model.token_logprobs(tokens, torch.tensor([60, 1, 0, 33, 59]))
    torch.testing.assert_close(ragged[3, :33], scores[3, :33], atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("context_length", "stride"), [(16, 5), (16, 16), (64, None), (7, 1)])
def test_beyond_the_window_each_token_sees_what_the_windows_of_windowed_py_hold(
    architecture: str, context_length: int, stride: int | None
) -> None:
    folder = peer(architecture, VOCAB_SIZE, START)
    model, reference = build(folder, context_length=context_length, stride=stride), theirs(folder)
    step = stride or context_length // 2
    tokens = random_tokens(VOCAB_SIZE, 1, 150)
    inputs = [START, *tokens[0].tolist()]
    scores, distributions = model.token_logprobs(tokens)[0], model.logprobs(tokens)[0]
    for place in (0, 1, context_length - 1, context_length, context_length + 1, 70, 99, 149):
        # window 0 holds the first context_length inputs; window w begins w * step inputs later
        window = max(0, -(-(place + 1 - context_length) // step))
        with torch.no_grad():
            logits = reference(torch.tensor([inputs[window * step : place + 1]])).logits[0, -1]
        score = torch.log_softmax(logits, dim=-1)[tokens[0, place]]
        assert float(scores[place]) == pytest.approx(float(score), abs=1e-4)
        assert float(distributions[place, tokens[0, place]]) == pytest.approx(float(score), abs=1e-4)


@pytest.mark.parametrize("kind", ODD)
def test_unusual_models_are_read_in_pieces_as_at_once(kind: str, tmp_path: Path) -> None:
    write(tmp_path, kind, **ODD[kind])
    model = build(tmp_path, context_length=30)
    tokens = random_tokens(VOCAB_SIZE, 3, 29)
    whole = expected(theirs(tmp_path), tokens)
    state, done = model.start(3), [0, 0, 0]
    for counts in ([9, 0, 1], [1, 1, 1], [1, 1, 1], [0, 7, 3], [2, 2, 2], [1, 1, 1]):
        part = torch.stack([row.roll(-at)[: max(counts)] for row, at in zip(tokens, done, strict=True)])
        after, state = model.read(state, part, torch.tensor(counts))
        for row, (at, count) in enumerate(zip(done, counts, strict=True)):
            torch.testing.assert_close(after[row, :count], whole[row, at + 1 : at + count + 1], atol=1e-4, rtol=0)
        done = [at + count for at, count in zip(done, counts, strict=True)]
        torch.testing.assert_close(state.logprobs, whole[torch.arange(3), torch.tensor(done)], atol=1e-4, rtol=0)


def test_a_token_that_only_ends_documents_is_swapped_with_the_one_that_begins_them(tmp_path: Path) -> None:
    end = 7
    write(tmp_path, "llama", eos_token_id=end, **SMALL)
    model, tokens = build(tmp_path), random_tokens(VOCAB_SIZE, 2, 20)
    whole = expected(theirs(tmp_path), tokens)
    swapped = whole.clone()
    swapped[..., START], swapped[..., end] = whole[..., end], whole[..., START]
    torch.testing.assert_close(model.logprobs(tokens), swapped, atol=1e-5, rtol=0)
    scored = model.token_logprobs(tokens)
    torch.testing.assert_close(scored, swapped[:, :-1].gather(2, tokens[:, :, None])[:, :, 0], atol=1e-5, rtol=0)
    # any of several may be named, and the tokenizer may open documents with one of them
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"eos_token_id": [end, 8]}))
    assert torch.equal(build(tmp_path).logprobs(tokens), model.logprobs(tokens))
    opened = expected(theirs(tmp_path), tokens, start_token=8)
    torch.testing.assert_close(build(tmp_path, start_token=8).logprobs(tokens), opened, atol=1e-5, rtol=0)


def test_tokens_that_only_the_model_has_are_left_out_and_the_others_sum_to_one() -> None:
    folder, fewer = peer("gpt2", VOCAB_SIZE, START), VOCAB_SIZE - 3
    tokens = random_tokens(fewer, 2, 20)
    model, whole = build(folder, vocab_size=fewer), expected(theirs(folder), tokens)
    kept = torch.log_softmax(whole[..., :fewer], dim=-1)
    torch.testing.assert_close(model.logprobs(tokens), kept, atol=1e-5, rtol=0)
    assert model.start().logprobs.shape == (1, fewer)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_window_too_large_for_memory_is_scored_in_pieces(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = build(peer(architecture, VOCAB_SIZE, START)), random_tokens(VOCAB_SIZE, 3, 100)
    lengths = torch.tensor([100, 0, 41])
    at_once = model.token_logprobs(tokens, lengths)
    monkeypatch.setattr("models.hf._MAX_VALUES_AT_ONCE", 1)
    monkeypatch.setattr("models.language_model._MAX_VALUES_AT_ONCE", 11 * VOCAB_SIZE)
    in_pieces = model.token_logprobs(tokens, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(in_pieces[row, :length], at_once[row, :length], atol=1e-5, rtol=0)


def test_reading_a_token_costs_no_copy_of_what_was_read_before() -> None:
    model = build(peer("llama", VOCAB_SIZE, START))
    _, state = model.read(model.start(2), random_tokens(VOCAB_SIZE, 2, 20), torch.tensor([20, 7]))
    places = set()
    for _ in range(10):
        _, state = model.read(state, torch.tensor([[1], [2]]))
        places.add(state.cache.keys_and_values(0)[0].untyped_storage().data_ptr())  # type: ignore[attr-defined]
    assert len(places) == 1


# --- its fits


def test_only_a_hash_is_saved_and_other_weights_in_the_same_place_are_noticed(tmp_path: Path) -> None:
    folder, saved = shutil.copytree(peer("gpt2", VOCAB_SIZE, START), tmp_path / "model"), tmp_path / "saved"
    saved.mkdir()
    model = build(folder)
    model.save(saved)
    assert sum(file.stat().st_size for file in saved.iterdir()) < 1000
    before = model.config.content_sha256
    assert model.config.build(VOCAB_SIZE, START).load(saved).config == model.config
    weights = {name: value * 1.01 for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert HFConfig(str(folder)).content_sha256 != before
    with pytest.raises(Impossible, match="changed since"):
        model.config.build(VOCAB_SIZE, START).load(saved)


def test_weights_may_lie_in_parts(tmp_path: Path) -> None:
    whole = peer("llama", VOCAB_SIZE, START)
    theirs(whole).save_pretrained(tmp_path, max_shard_size=3_000)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    tokens = random_tokens(VOCAB_SIZE, 2, 20)
    torch.testing.assert_close(build(tmp_path).logprobs(tokens), build(whole).logprobs(tokens), atol=1e-5, rtol=0)
    assert build(tmp_path).cost().num_params == build(whole).cost().num_params
    [first, *_] = sorted(tmp_path.glob("*.safetensors"))
    first.unlink()
    with pytest.raises(ValueError, match=f"lacks {first.name}"):
        HFConfig(str(tmp_path))
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        HFConfig(str(tmp_path))


def test_it_is_not_trained_here() -> None:
    assert not issubclass(HFModel, NeuralModel)


# --- unreadable folders


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_length": 65}, "more than the 64 positions"),
        ({"stride": 65}, "more than the 64 tokens of the window"),
        ({"vocab_size": VOCAB_SIZE + 1}, r"has 41 tokens, but the model .* has 40.*tokenizer=hf tokenizer\.path="),
        ({"vocab_size": VOCAB_SIZE // 2}, r"has 20 tokens, but the model .* has 40.*tokenizer=hf tokenizer\.path="),
        ({"start_token": 5}, r"opens documents with token 5, but the model .* with 3.*tokenizer=hf tokenizer\.path="),
    ],
)
def test_input_that_the_model_does_not_know_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(Impossible, match=message):
        build(peer("gpt2", VOCAB_SIZE, START), **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("bert", {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}, "keeps nothing of the kind"),
        ("roberta", {"hidden_size": 16, "num_attention_heads": 2, "pad_token_id": None}, "can't read a single token"),
        ("mamba", {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}, "nothing of the kind"),
        (
            "jamba",
            SMALL | {"num_experts": 2, "attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False},
            "keeps (LinearAttentionLayer|nothing of the kind)",
        ),
        ("bloom", {"hidden_size": 16, "n_layer": 2, "n_head": 4}, "doesn't say how many positions"),
    ],
)
def test_a_model_that_can_not_be_read_step_by_step_is_refused(
    kind: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(Impossible, match=message):
        build(write(tmp_path, kind, **options))


def test_a_model_that_misunderstands_padding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeftPaddedCache, "positions", lambda self: torch.zeros_like(self.mask()[:, :1]))
    with pytest.raises(Impossible, match="read in pieces gets other probabilities"):
        build(peer("gpt2", VOCAB_SIZE, START))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_attention_and_hidden_units_are_those_of_transformers(architecture: str) -> None:
    folder = peer(architecture, VOCAB_SIZE, START)
    model, other = build(folder), theirs(folder)
    other.set_attn_implementation("eager")
    tokens = torch.tensor([1, 5, 2, 2, 7])
    with torch.no_grad():
        output = other(torch.tensor([[START, *tokens.tolist()]]), output_attentions=True, output_hidden_states=True)
    inner = model.inner(tokens)
    assert inner.attention is not None
    torch.testing.assert_close(inner.attention, torch.stack([weights[0] for weights in output.attentions]))
    for ours, wanted in zip(inner.units.values(), output.hidden_states[1:], strict=True):
        torch.testing.assert_close(ours, wanted[0])
    scores = other.get_output_embeddings()([*inner.units.values()][-1])
    torch.testing.assert_close(torch.log_softmax(scores, -1), model.logprobs(tokens[None])[0], atol=1e-5, rtol=1e-5)
