"""Which models of the transformers library are transformers of ours too: config.json to options, and back.

GPT-2 (`GPT2LMHeadModel`, Radford et al. 2019) and Llama (`LlamaForCausalLM`, Touvron et al. 2023). Each field of their
configurations is read, or must have a certain value, or is known to change no probability; any other field is refused,
so nothing is ignored silently. This module does not use the library itself, and needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.hf_parts.folder import CONFIG_FILE
from models.language_model import ModelConfig
from models.settings.transformer import TransformerConfig


@dataclass(frozen=True)
class Kind:
    """What a config.json of one `model_type` may say."""

    architecture: str
    """The library's class of the causal model."""
    read: Mapping[str, Any]
    """Fields that say what the model is like, with the library's defaults."""
    required: Mapping[str, tuple[Any, ...]]
    """Fields for which only some values can be computed here; the first is the library's default."""
    unused: frozenset[str]
    """Fields that change no probability."""


_GENERAL = frozenset(
    [
        "_name_or_path",
        "_attn_implementation_autoset",
        "architectures",
        "attn_implementation",
        "chunk_size_feed_forward",
        "dtype",
        "finetuning_task",
        "gradient_checkpointing",
        "id2label",
        "initializer_range",
        "keys_to_ignore_at_inference",
        "label2id",
        "model_type",
        "output_attentions",
        "output_hidden_states",
        "pad_token_id",
        "problem_type",
        "return_dict",
        "task_specific_params",
        "tokenizer_class",
        "torch_dtype",
        "transformers_version",
        "transformers.js_config",
        "use_cache",
    ]
)

KINDS: Mapping[str, Kind] = {
    "gpt2": Kind(
        architecture="GPT2LMHeadModel",
        read={
            "vocab_size": 50257,
            "n_positions": 1024,
            "n_embd": 768,
            "n_layer": 12,
            "n_head": 12,
            "n_inner": None,
            "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True,
            "bos_token_id": 50256,
            "eos_token_id": 50256,
        },
        required={
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
            "is_encoder_decoder": (False,),
        },
        unused=_GENERAL
        | frozenset(
            [
                "attn_pdrop",
                "embd_pdrop",
                "n_ctx",
                "reorder_and_upcast_attn",
                "resid_pdrop",
                "summary_activation",
                "summary_first_dropout",
                "summary_proj_to_labels",
                "summary_type",
                "summary_use_proj",
            ]
        ),
    ),
    "llama": Kind(
        architecture="LlamaForCausalLM",
        read={
            "vocab_size": 32000,
            "max_position_embeddings": 2048,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": None,
            "head_dim": None,
            "rms_norm_eps": 1e-6,
            "rope_parameters": None,
            "rope_scaling": None,
            "rope_theta": 10_000.0,
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        required={"hidden_act": ("silu", "swish"), "is_encoder_decoder": (False,)},
        unused=_GENERAL | frozenset(("attention_dropout", "pretraining_tp")),
    ),
}
"""By `model_type`."""


def fields(described: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config.json that say what the model is like. ValueError, with a sentence that names the field,
    where a transformer here would compute something else."""
    kind = KINDS.get(described.get("model_type", ""))
    if kind is None:
        raise ValueError(
            f"its model_type is {described.get('model_type')!r}, and only {' and '.join(KINDS)} can be converted"
        )
    architectures = described.get("architectures") or [kind.architecture]
    if architectures != [kind.architecture]:
        raise ValueError(f"its architectures is {architectures}, but it must be [{kind.architecture}]")
    for name, allowed in kind.required.items():
        if (value := described.get(name, allowed[0])) not in allowed:
            raise ValueError(f"its {name} is {value!r}, but only {' or '.join(map(repr, allowed))} can be converted")
    if unknown := sorted(set(described) - {*kind.read, *kind.required, *kind.unused}):
        raise ValueError(f"its {unknown[0]} ({described[unknown[0]]!r}) is not a field that can be converted")
    return {name: described.get(name, default) for name, default in kind.read.items()}


def transformer_options(
    described: Mapping[str, Any], context_length: int | None = None, stride: int | None = None
) -> TransformerConfig:
    """The options of a transformer that gives the same probabilities as a model with this config.json.

    context_length: a shorter window than the model's; None: the model's. ValueError as from `fields`, and where
    context_length is more than the positions that the model knows.
    """
    read = fields(described)
    is_gpt2 = described["model_type"] == "gpt2"
    longest: int = read["n_positions" if is_gpt2 else "max_position_embeddings"]
    if (context_length or 1) > longest:
        raise ValueError(f"it knows {longest} positions, and context_length={context_length} is more")
    if is_gpt2:
        d_model = read["n_embd"]
        return TransformerConfig(
            preset="gpt2",
            num_layers=read["n_layer"],
            num_heads=read["n_head"],
            d_model=d_model,
            mlp_ratio=(read["n_inner"] or 4 * d_model) / d_model,
            norm_epsilon=read["layer_norm_epsilon"],
            tie_embeddings=read["tie_word_embeddings"],
            context_length=context_length or longest,
            stride=stride,
        )
    d_model, num_heads = read["hidden_size"], read["num_attention_heads"]
    if (read["head_dim"] or d_model / num_heads) != d_model / num_heads:
        raise ValueError(
            f"its head_dim is {read['head_dim']}, but it must be hidden_size / num_attention_heads "
            f"({d_model / num_heads:g})"
        )
    return TransformerConfig(
        preset="llama",
        num_layers=read["num_hidden_layers"],
        num_heads=num_heads,
        num_kv_heads=read["num_key_value_heads"],
        d_model=d_model,
        mlp_ratio=read["intermediate_size"] / d_model,
        biases=read["attention_bias"] or read["mlp_bias"],
        norm_epsilon=read["rms_norm_eps"],
        rotary_base=_rotary_base(read),
        tie_embeddings=read["tie_word_embeddings"],
        context_length=context_length or longest,
        stride=stride,
    )


def _rotary_base(read: Mapping[str, Any]) -> float:
    """From `rope_parameters`, or from the older `rope_theta` and `rope_scaling`. ValueError where positions are
    scaled."""
    name = "rope_parameters" if read["rope_parameters"] else "rope_scaling"
    rope = {"rope_theta": read["rope_theta"], **(read[name] or {})}
    kind = rope.pop("rope_type", rope.pop("type", "default"))
    base = float(rope.pop("rope_theta"))
    if kind != "default" or any(value not in (None, 1, 1.0) for value in rope.values()):
        raise ValueError(f"its {name} is {dict(read[name])}: only rotary positions that aren't scaled can be converted")
    return base


def read_config(path: str) -> dict[str, Any]:
    """The content of a folder's config.json."""
    described: dict[str, Any] = json.loads((Path(path) / CONFIG_FILE).read_text(encoding="utf-8"))
    return described


def check_conversion(path: str, context_length: int | None, stride: int | None) -> None:
    """ValueError, with a sentence for the user, where `transformer_options` has none for the model in a folder."""
    try:
        transformer_options(read_config(path), context_length, stride)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"model.convert=true: the model in {path} can't be converted: {error}. Leave model.convert out to use it "
            "as it is."
        ) from None


def described_options(config: ModelConfig, vocab_size: int, start_token: int) -> dict[str, Any]:
    """The config.json of a model of ours. ValueError, with a sentence that names the options, where the library
    has no such GPT-2 or Llama."""
    if not isinstance(config, TransformerConfig):
        raise ValueError(
            f"it is of model={config.family}, and only model=transformer can be a GPT-2 or a Llama. Leave --format out "
            "to write it as a program"
        )
    options: dict[str, Any] = {"positions": config.positions, "norm": config.norm, "feed_forward": config.feed_forward}
    options |= {"query_key_norm": config.query_key_norm}
    forms = {
        "gpt2": {"positions": "learned", "norm": "layer", "feed_forward": "gelu", "query_key_norm": False},
        "llama": {"positions": "rotary", "norm": "rms", "feed_forward": "swiglu", "query_key_norm": False},
    }
    differences = {
        kind: {name: value for name, value in form.items() if options[name] != value} for kind, form in forms.items()
    }
    kind = min(differences, key=lambda kind: len(differences[kind]))
    if differences["gpt2"] == {} and config.num_kv_heads != config.num_heads:
        differences["gpt2"] = {"num_kv_heads": config.num_heads}
    if different := differences[kind]:
        here = ", ".join(f"{name}={_written(options.get(name, config.num_kv_heads))}" for name in different)
        needed = " ".join(f"model.{name}={_written(value)}" for name, value in different.items())
        raise ValueError(
            f"this transformer has {here}, which neither GPT-2 nor Llama has. Train one with {needed} (a {kind}), or "
            "leave --format out: the program that is written then runs any transformer"
        )
    described: dict[str, Any] = {
        "model_type": kind,
        "architectures": [KINDS[kind].architecture],
        "vocab_size": vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "bos_token_id": start_token,
        "eos_token_id": start_token,
        "dtype": "float32",
    }
    if kind == "gpt2":
        return described | {
            "n_positions": config.context_length,
            "n_embd": config.d_model,
            "n_layer": config.num_layers,
            "n_head": config.num_heads,
            "n_inner": config.hidden_width,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.norm_epsilon,
            **{f"{name}_pdrop": config.dropout for name in ("resid", "embd", "attn")},
        }
    return described | {
        "max_position_embeddings": config.context_length,
        "hidden_size": config.d_model,
        "intermediate_size": config.hidden_width,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        # the newer name, and the older one
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "rope_theta": config.rotary_base,
        "attention_bias": config.biases,
        "mlp_bias": config.biases,
    }


def _written(value: Any) -> str:
    """A value as it is typed."""
    return str(value).lower()
