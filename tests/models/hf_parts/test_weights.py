"""Weights both ways, compared with the library's own models: the same logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.checks import Impossible
from models.hf import HFModel
from models.hf_parts.weights import converted, written
from models.settings.hf import HFConfig
from models.settings.transformer import TransformerConfig
from models.transformer import Transformer

VOCAB_SIZE, START = 40, 3
SMALL_GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}
SMALL_LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
}
FOLDERS: dict[str, dict[str, Any]] = {
    "gpt2": {"kind": "gpt2", **SMALL_GPT2},
    "gpt2-untied-wide": {"kind": "gpt2", **SMALL_GPT2, "tie_word_embeddings": False, "n_inner": 40},
    "gpt2-epsilon": {"kind": "gpt2", **SMALL_GPT2, "layer_norm_epsilon": 0.1},
    "llama": {"kind": "llama", **SMALL_LLAMA},
    "llama-tied": {"kind": "llama", **SMALL_LLAMA, "tie_word_embeddings": True, "rms_norm_eps": 0.1},
    "llama-grouped": {"kind": "llama", **SMALL_LLAMA, "num_key_value_heads": 2, "rope_theta": 50.0},
    "llama-one-kv-head": {"kind": "llama", **SMALL_LLAMA, "num_key_value_heads": 1},
    "llama-biases": {"kind": "llama", **SMALL_LLAMA, "attention_bias": True, "mlp_bias": True},
    "llama-attention-bias": {"kind": "llama", **SMALL_LLAMA, "attention_bias": True},
    "llama-mlp-bias": {"kind": "llama", **SMALL_LLAMA, "mlp_bias": True},
    "llama-padded": {"kind": "llama", **SMALL_LLAMA, "vocab_size": VOCAB_SIZE + 2},
    "gpt2-ends": {"kind": "gpt2", **SMALL_GPT2, "eos_token_id": 7},
    "llama-ends": {"kind": "llama", **SMALL_LLAMA, "eos_token_id": 7},
}


@torch.no_grad()
def randomise(model: torch.nn.Module) -> None:
    """Every weight far from its first value, scales and biases too, so that one left out shows."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.normal_(0.3 if parameter.dim() == 1 else 0, 0.4)


def write(folder: Path, kind: str, **options: Any) -> str:
    from transformers import AutoConfig, AutoModelForCausalLM

    if theta := options.pop("rope_theta", None):
        options["rope_parameters"] = {"rope_type": "default", "rope_theta": theta}
    ids = {"vocab_size": VOCAB_SIZE, "bos_token_id": START, "eos_token_id": START}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **ids | options))
    randomise(model)
    model.save_pretrained(folder)
    return str(folder)


def theirs(folder: Path | str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def some_tokens() -> Tensor:
    return torch.cat([torch.full((2, 1), START), torch.randint(VOCAB_SIZE, (2, 20))], dim=1)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_converted_model_has_the_library_s_probabilities(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, **FOLDERS[name])
    config = HFConfig(path, convert=True)
    model = config.build(VOCAB_SIZE, START)
    assert isinstance(model, Transformer)
    tokens = some_tokens()[:, 1:]
    # models/hf.py computes with the library; without padding or another end, with its logits as they are
    expected = HFModel(HFConfig(path), VOCAB_SIZE, START).logprobs(tokens)
    assert torch.allclose(model.logprobs(tokens), expected, rtol=0, atol=1e-4)
    if FOLDERS[name].get("eos_token_id", START) == START:
        with torch.no_grad():
            logits = theirs(path)(torch.cat([torch.full((2, 1), START), tokens], dim=1)).logits[..., :VOCAB_SIZE]
        assert torch.allclose(model.logprobs(tokens), logits.log_softmax(-1), rtol=0, atol=1e-4)


def test_a_shorter_window_is_cut_from_the_learnt_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "model", **FOLDERS["gpt2"])
    model = HFConfig(path, context_length=8, convert=True).build(VOCAB_SIZE, START)
    expected = HFModel(HFConfig(path, context_length=8), VOCAB_SIZE, START)
    tokens = some_tokens()
    assert torch.allclose(model.logprobs(tokens), expected.logprobs(tokens), rtol=0, atol=1e-4)


def test_weights_of_older_versions_without_a_prefix_and_in_half_precision_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "model", **FOLDERS["gpt2"])
    expected = HFConfig(path, convert=True).build(VOCAB_SIZE, START).tensors()
    file = tmp_path / "model" / "model.safetensors"
    renamed = {name.removeprefix("transformer."): tensor.half() for name, tensor in load_file(file).items()}
    save_file({**renamed, "h.0.attn.bias": torch.ones(1, 1, 32, 32)}, file)
    for name, tensor in HFConfig(path, convert=True).build(VOCAB_SIZE, START).tensors().items():
        assert torch.equal(tensor, expected[name].half().float()), name


def damaged(folder: Path, **changes: Tensor | None) -> HFConfig:
    file = folder / "model.safetensors"
    tensors = {name.replace(".", "-"): tensor for name, tensor in load_file(file).items()} | changes
    save_file({name.replace("-", "."): tensor for name, tensor in tensors.items() if tensor is not None}, file)
    return HFConfig(str(folder), convert=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transformer-ln_f-bias": None}, r"not complete: ln_f\.bias is missing"),
        ({"transformer-h-0-attn-q_norm-weight": torch.ones(4)}, r"have h\.0\.attn\.q_norm\.weight, which no gpt2 has"),
        ({"transformer-ln_f-bias": torch.ones(5)}, r"norm\.bias has the shape \(5,\), not \(16,\)"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration_are_refused(
    changes: dict[str, Tensor | None], said: str, tmp_path: Path
) -> None:
    write(tmp_path / "model", **FOLDERS["gpt2"])
    with pytest.raises(Impossible, match=said):
        damaged(tmp_path / "model", **changes).build(VOCAB_SIZE, START)


def test_another_tokenizer_than_the_model_s_is_refused(tmp_path: Path) -> None:
    config = HFConfig(write(tmp_path / "model", **FOLDERS["gpt2"]), convert=True)
    with pytest.raises(Impossible, match=r"has 41 tokens, but the model in .* has 40.*tokenizer=hf"):
        converted(config, VOCAB_SIZE + 1, START)
    with pytest.raises(Impossible, match="opens documents with token 5"):
        converted(config, VOCAB_SIZE, 5)


OURS = {
    "gpt2": TransformerConfig(preset="gpt2", num_layers=2, d_model=16, context_length=32),
    "gpt2-without-biases": TransformerConfig(preset="gpt2", biases=False, num_layers=2, d_model=16, context_length=32),
    "gpt2-untied": TransformerConfig(
        preset="gpt2", num_layers=1, d_model=16, context_length=32, mlp_ratio=2.5, tie_embeddings=False, dropout=0.5
    ),
    "llama": TransformerConfig(preset="llama", num_layers=2, d_model=16, context_length=32),
    "llama-grouped": TransformerConfig(
        preset="llama", num_layers=2, num_kv_heads=2, d_model=16, context_length=32, rotary_base=50.0, norm_epsilon=0.1
    ),
    "llama-biases": TransformerConfig(
        preset="llama", num_layers=2, d_model=16, context_length=32, biases=True, tie_embeddings=False
    ),
    "modern-as-llama": TransformerConfig(feed_forward="swiglu", num_layers=2, d_model=16, context_length=32),
}


@pytest.mark.parametrize("name", OURS)
def test_a_model_that_is_written_has_our_logits_in_the_library(name: str, tmp_path: Path) -> None:
    model = Transformer(OURS[name], VOCAB_SIZE, START).eval()
    randomise(model)
    described, tensors = written(model)
    (tmp_path / "config.json").write_text(json.dumps(described))
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    tokens = some_tokens()
    with torch.no_grad():
        ours, read = model(tokens)[0], theirs(tmp_path)(tokens).logits
    assert torch.allclose(read, ours, rtol=0, atol=1e-4)
    assert theirs(tmp_path).num_parameters() >= model.num_params()
    again = HFConfig(str(tmp_path), convert=True).build(VOCAB_SIZE, START)
    assert torch.equal(again.logprobs(tokens), model.logprobs(tokens))
