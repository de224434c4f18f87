"""The weights of a GPT-2 or a Llama as those of our transformer, and back.

Both ways are renaming, joining and cutting: GPT-2 keeps its matrices transposed (its `Conv1D`), and Llama keeps
queries, keys and values apart, and the two halves of what enters its MLP. This module does not use the library
transformers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.checks import Impossible
from models.hf_parts.architecture import described_options, fields, read_config, transformer_options
from models.hf_parts.belonging import checked_end_token, checked_vocabulary
from models.hf_parts.folder import model_files
from models.language_model import LanguageModel
from models.settings.hf import HFConfig
from models.settings.transformer import TransformerConfig
from models.transformer import Transformer

_OUTER = {
    "gpt2": {
        "embedding": "wte.weight",
        "positions": "wpe.weight",
        "norm.weight": "ln_f.weight",
        "norm.bias": "ln_f.bias",
    },
    "llama": {"embedding": "embed_tokens.weight", "norm.weight": "norm.weight"},
}
_BLOCKS = {"gpt2": "h", "llama": "layers"}
_IN_BLOCK: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "gpt2": {
        "attention_norm": ("ln_1",),
        "queries_keys_values": ("attn.c_attn",),
        "attention_out": ("attn.c_proj",),
        "mlp_norm": ("ln_2",),
        "mlp_in": ("mlp.c_fc",),
        "mlp_out": ("mlp.c_proj",),
    },
    "llama": {
        "attention_norm": ("input_layernorm",),
        "queries_keys_values": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attention_out": ("self_attn.o_proj",),
        "mlp_norm": ("post_attention_layernorm",),
        "mlp_in": ("mlp.gate_proj", "mlp.up_proj"),
        "mlp_out": ("mlp.down_proj",),
    },
}
"""For each part of a block of ours, theirs: several are joined, one below another."""
_PREFIX = {"gpt2": "transformer.", "llama": "model."}
_OUTPUT = "lm_head.weight"
_NOT_LEARNT = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
"""Constants that older versions of the library saved among the weights."""


def converted(config: HFConfig, vocab_size: int, start_token: int) -> Transformer:
    """The model of a transformers folder as a transformer of ours, in float32.

    Tokens that the model has and the tokenizer hasn't are left out. Where documents end with another token than they
    open with, the two tokens' rows of the output are swapped, as models/hf.py swaps their logits. Impossible where the
    weights aren't those that config.json describes, or are of another tokenizer's model.
    """
    files = model_files(config.path)
    described = read_config(config.path)
    about = fields(described)
    checked_vocabulary(config.path, vocab_size, about["vocab_size"])
    end = checked_end_token(config.path, start_token, about["bos_token_id"], about["eos_token_id"])
    options = transformer_options(described, config.context_length, config.stride)
    saved: dict[str, Tensor] = {}
    for file in files:
        if file.suffix == ".safetensors":
            saved |= load_file(file)
    tensors = _read(saved, options, described["model_type"], about, config.path)
    for name in ("embedding", "output"):
        if name in tensors:
            tensors[name] = tensors[name][:vocab_size]
    if end != start_token:
        if options.tie_embeddings:
            options = dataclasses.replace(options, tie_embeddings=False)
            tensors["output"] = tensors["embedding"].clone()
        both = [start_token, end]
        tensors["output"][both] = tensors["output"][both[::-1]]
    model = Transformer(options, vocab_size, start_token)
    if "positions" in tensors:
        tensors["positions"] = tensors["positions"][: options.context_length]
    for name, expected in model.state_dict().items():
        if tensors[name].shape != expected.shape:
            raise Impossible(
                f"the weights in {config.path} are not those that its config.json describes: what should be {name} "
                f"has the shape {tuple(tensors[name].shape)}, not {tuple(expected.shape)}. Download its files again."
            )
    model.load_tensors(tensors)
    return model


def _read(
    saved: Mapping[str, Tensor], config: TransformerConfig, kind: str, about: Mapping[str, Any], path: str
) -> dict[str, Tensor]:
    """Their tensors as ours. about: the fields of config.json. Impossible where one is missing, or left over."""
    left = {
        name.removeprefix(_PREFIX[kind]): tensor.float()
        for name, tensor in saved.items()
        if not name.endswith(_NOT_LEARNT) and not (name == _OUTPUT and config.tie_embeddings)
    }
    tensors: dict[str, Tensor] = {}
    for ours, theirs in _names(config, kind):
        bias_field = "mlp_bias" if ".mlp_" in ours else "attention_bias"
        if ours.endswith(".bias") and not about.get(bias_field, True):  # Llama may have biases only in the other part
            tensors[ours] = torch.zeros(len(tensors[ours.replace(".bias", ".weight")]))
            continue
        if missing := [name for name in theirs if name not in left]:
            raise Impossible(
                f"the weights in {path} are not complete: {missing[0]} is missing. Save the causal model itself, with "
                "its output layer."
            )
        tensors[ours] = _turned(ours, torch.cat([left.pop(name) for name in theirs]), kind)
    if left:
        raise Impossible(
            f"the weights in {path} have {min(left)}, which no {kind} has whose config.json is like this one. Leave "
            "model.convert out to use the model as it is."
        )
    return tensors


def written(model: LanguageModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A transformer of ours as the content of a transformers folder: (config.json, the tensors of model.safetensors).

    ValueError, with a sentence for the user, where the library has no such GPT-2 or Llama.
    """
    described = described_options(model.config, model.vocab_size, model.start_token)
    assert isinstance(model, Transformer), "as its config"
    config = model.config
    kind = str(described["model_type"])
    ours = model.tensors()
    joined = {"queries_keys_values": [config.d_model, config.kv_width, config.kv_width]}
    joined |= {"mlp_in": [config.hidden_width, config.hidden_width]}
    tensors = {}
    for name, theirs in _names(config, kind, with_biases=kind == "gpt2" or bool(config.biases)):
        if name not in ours:  # GPT-2 has biases everywhere
            ours[name] = torch.zeros(len(ours[name.replace(".bias", ".weight")]))
        part = name.split(".")[-2] if "." in name else ""
        pieces = [ours[name]] if len(theirs) == 1 else torch.split(ours[name], joined[part])
        for their_name, piece in zip(theirs, pieces, strict=True):
            prefix = "" if their_name == _OUTPUT else _PREFIX[kind]
            tensors[prefix + their_name] = _turned(name, piece, kind).contiguous()
    return described, tensors


def _names(
    config: TransformerConfig, kind: str, with_biases: bool | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our names, each with theirs, without their prefix. with_biases: whether the matrices in the blocks have some;
    None: as the config says."""
    with_biases = bool(config.biases) if with_biases is None else with_biases
    for ours, theirs in _OUTER[kind].items():
        yield ours, (theirs,)
    if not config.tie_embeddings:
        yield "output", (_OUTPUT,)
    for layer in range(config.num_layers):
        for part, their_parts in _IN_BLOCK[kind].items():
            has_bias = kind == "gpt2" if part.endswith("_norm") else with_biases
            for what in ("weight", "bias") if has_bias else ("weight",):
                names = tuple(f"{_BLOCKS[kind]}.{layer}.{name}.{what}" for name in their_parts)
                yield f"blocks.{layer}.{part}.{what}", names


def _turned(ours: str, tensor: Tensor, kind: str) -> Tensor:
    """A matrix of a block of GPT-2, transposed; anything else as it is."""
    return tensor.t() if kind == "gpt2" and tensor.dim() == 2 and ours.startswith("blocks.") else tensor
