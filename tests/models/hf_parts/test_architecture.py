"""config.json to the options of a transformer, and back: no field that changes a probability is ignored."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.hf_parts.architecture import KINDS, described_options, fields, transformer_options
from models.settings.hf import HFConfig
from models.settings.transformer import TransformerConfig
from tests.peers import peer

GPT2, LLAMA = {"model_type": "gpt2"}, {"model_type": "llama"}


def library_class(kind: str) -> type[Any]:
    from transformers import GPT2Config, LlamaConfig

    return {"gpt2": GPT2Config, "llama": LlamaConfig}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_the_library_s_class_is_read_or_required_or_known_to_be_unused(kind: str) -> None:
    known = {*KINDS[kind].read, *KINDS[kind].required, *KINDS[kind].unused}
    cls = library_class(kind)
    assert {field.name for field in dataclasses.fields(cls)} <= known
    assert set(cls().to_dict()) <= known


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_missing_has_the_library_s_default(kind: str) -> None:
    theirs = library_class(kind)().to_dict()
    for name, value in fields({"model_type": kind}).items():
        if value is not None and name in theirs:
            assert value == theirs[name], name
    for name, allowed in KINDS[kind].required.items():
        assert theirs[name] == allowed[0], name


def test_the_presets_are_the_published_architectures() -> None:
    """GPT-2 small (124,439,808 parameters) and Llama 1 7B's shape, as the library's defaults have them."""
    small = transformer_options(GPT2)
    assert small == TransformerConfig(
        preset="gpt2", num_layers=12, num_heads=12, d_model=768, context_length=1024, tie_embeddings=True
    )
    assert small.hidden_width == 3072
    llama = transformer_options(LLAMA)
    assert (llama.positions, llama.norm, llama.feed_forward, llama.biases) == ("rotary", "rms", "swiglu", False)
    assert (llama.hidden_width, llama.norm_epsilon, llama.tie_embeddings) == (11008, 1e-6, False)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"model_type": "bert"}, "its model_type is 'bert', and only gpt2 and llama"),
        ({}, "its model_type is None"),
        (GPT2 | {"activation_function": "gelu"}, "its activation_function is 'gelu', but only 'gelu_new' or"),
        (GPT2 | {"scale_attn_weights": False}, "its scale_attn_weights is False, but only True"),
        (GPT2 | {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        (GPT2 | {"add_cross_attention": True}, "add_cross_attention is True"),
        (GPT2 | {"architectures": ["GPT2ForSequenceClassification"]}, r"must be \[GPT2LMHeadModel\]"),
        (GPT2 | {"sliding_window": 5}, r"its sliding_window \(5\) is not a field"),
        (LLAMA | {"hidden_act": "gelu"}, "its hidden_act is 'gelu', but only 'silu'"),
        (LLAMA | {"head_dim": 8}, r"its head_dim is 8, but it must be hidden_size / num_attention_heads \(128\)"),
        (LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0}}, "its rope_scaling is .*linear"),
        (LLAMA | {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "its rope_parameters is .*llama3"),
        (LLAMA | {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "its rope_parameters is"),
        (LLAMA | {"quantization_config": {}}, "its quantization_config"),
    ],
)
def test_what_can_not_be_converted_is_refused_by_the_field_s_name(
    described: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        transformer_options(described)
    folder = shutil.copytree(peer("gpt2", 40, 3), tmp_path / "model")
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match=rf"model\.convert=true: the model in .*{said}.*Leave model\.convert out"):
        HFConfig(str(folder), convert=True)


def test_older_names_of_rotary_positions_are_read() -> None:
    assert transformer_options(LLAMA | {"rope_theta": 500.0}).rotary_base == 500
    assert transformer_options(LLAMA | {"rope_theta": 500.0, "rope_scaling": {"type": "default"}}).rotary_base == 500
    assert transformer_options(LLAMA | {"rope_parameters": {"rope_theta": 7.0}}).rotary_base == 7


def test_a_window_may_be_shorter_than_the_model_s_and_not_longer() -> None:
    assert transformer_options(GPT2, context_length=64, stride=5).context_length == 64
    with pytest.raises(ValueError, match="it knows 1024 positions, and context_length=1025 is more"):
        transformer_options(GPT2, context_length=1025)


@pytest.mark.parametrize(
    "config",
    [
        TransformerConfig(preset="gpt2", d_model=32, mlp_ratio=3, tie_embeddings=False, norm_epsilon=1e-6),
        TransformerConfig(preset="llama", d_model=32, mlp_ratio=3, num_kv_heads=2, rotary_base=500.0, biases=True),
    ],
)
def test_options_that_are_written_are_read_as_the_same(config: TransformerConfig) -> None:
    described = described_options(config, 40, 3)
    assert transformer_options(described) == config
    assert set(described) <= {*KINDS[described["model_type"]].read, *KINDS[described["model_type"]].required} | set(
        KINDS[described["model_type"]].unused
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (TransformerConfig(), "has feed_forward=relu2, which neither .* Train one with model.feed_forward=swiglu"),
        (TransformerConfig(preset="gpt2", num_kv_heads=2), "has num_kv_heads=2, .* model.num_kv_heads=8"),
        (TransformerConfig(preset="gpt2", positions="alibi"), "has positions=alibi, .* model.positions=learned"),
        (
            TransformerConfig(preset="llama", query_key_norm=True),
            "has query_key_norm=true, .* model.query_key_norm=false",
        ),
    ],
)
def test_a_transformer_that_the_library_has_not_is_refused_by_its_options(config: TransformerConfig, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        described_options(config, 40, 3)
