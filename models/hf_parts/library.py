"""Everything that depends on the library transformers: loading a model from a folder, and what it accepts as a cache.

transformers is an optional extra: this module is imported only when one of its models is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Cache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
from transformers.utils import logging

from models.checks import Impossible
from models.hf_parts.left_padded_cache import LeftPaddedCache


def load(path: str) -> Any:
    """The causal model in a folder, in float32. Impossible where there is none that can be used."""
    try:
        with _quiet():
            model, loading_info = AutoModelForCausalLM.from_pretrained(
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # transformers has no common type for these errors
        raise Impossible(
            f"model.path={path} can't be read by transformers: {' '.join(str(error).split())[:500]} Name the folder of "
            "a causal language model whose code is part of transformers."
        ) from error
    if loading_info["missing_keys"]:
        missing = ", ".join(sorted(loading_info["missing_keys"]))
        raise Impossible(
            f"the weights in {path} are not a complete {type(model).__name__}: {missing[:200]} is missing. Save the "
            "causal model itself, with its output layer."
        )
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and warnings: what matters is checked here."""
    had_bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()


@torch.no_grad()
def first_look(model: Any) -> tuple[int, list[tuple[int, int]]]:
    """(how many tokens a model knows; heads and width of the keys and the values that each layer in turn keeps of every
    token).

    Impossible where it keeps something else: its predictions would then depend on more than our cache holds.
    """
    try:
        output = model(input_ids=torch.tensor([[0]]), use_cache=True)
    except Exception as error:  # a configuration may load, and yet make no working model
        raise Impossible(
            f"the {type(model).__name__} in {model.name_or_path} can't read a single token: "
            f"{' '.join(str(error).split())[:500]} Check that config.json is the one that it was trained with."
        ) from error
    layers = getattr(getattr(output, "past_key_values", None), "layers", [])
    strange = [layer for layer in layers if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer)]
    if not layers or strange or any(layer.keys is None for layer in layers):
        kinds = ", ".join(sorted({type(layer).__name__ for layer in strange or layers})) or "nothing of the kind"
        raise Impossible(
            f"the {type(model).__name__} in {model.name_or_path} can't be read here: each of its layers must keep a "
            f"key and a value of every token, but it keeps {kinds}. Encoders (as BERT) and state-space models (as "
            "Mamba) can't be used."
        )
    shapes = [(tensor.shape[1], tensor.shape[3]) for layer in layers for tensor in (layer.keys, layer.values)]
    return output.logits.shape[-1], shapes


@torch.no_grad()
def look_inside(model: Any, tokens: Tensor) -> tuple[Tensor | None, list[Tensor]]:
    """What each head of each layer attends to, (L, H, S, S), where the model tells, and the hidden values after each
    layer, (S, D) each. tokens: (1, S)."""
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")  # others don't tell
    try:
        output = model(input_ids=tokens, use_cache=False, output_attentions=True, output_hidden_states=True)
    finally:
        model.set_attn_implementation(usual)
    attention = [weights[0] for weights in output.attentions or () if weights is not None]
    is_told = len({weights.shape for weights in attention}) == 1
    return torch.stack(attention) if is_told else None, [hidden[0] for hidden in output.hidden_states[1:]]


def past(cache: LeftPaddedCache) -> Cache:
    """A transformers cache that writes straight into ours.

    Layers with sliding-window attention need nothing else: the model masks by position.
    """
    return Cache(layers=[_Layer(cache, layer) for layer in range(cache.num_layers)])


class _Layer(DynamicLayer):  # type: ignore[misc]
    def __init__(self, cache: LeftPaddedCache, layer: int) -> None:
        super().__init__()
        self.cache, self.layer = cache, layer

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        self.cache.write(self.layer, key_states, value_states)
        return self.cache.keys_and_values(self.layer)

    def get_seq_length(self) -> int:
        return self.cache.num_places_before
