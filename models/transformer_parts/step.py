"""One token further on every row of a transformer, compiled: what text generation spends its time on.

A step through torch is some forty small operations a layer, each of which costs more to call than to compute. Here a
whole step is one call; the matrices are multiplied by BLAS. The arithmetic is that of models/transformer.py, which
explains it; the tests hold both to the same values.

Activations are kept with rows side by side, (D, B), so that BLAS need not transpose.

Shape legend: L layers, B rows, D d_model, H heads, G heads of keys and values, E = D / H width of
a head, M width of the MLP, C places in a cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.settings.transformer import TransformerConfig

Values = NDArray[np.float32]
# Sums may be taken in any order; nothing is assumed about infinities.
_FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}


class StepWeights(NamedTuple):
    """A transformer's weights and form, layer upon layer, float32. What a form has not got is zeros: biases that add
    nothing, rotations by no angle, slopes that penalise nothing."""

    embedding: Values
    """(V, D)"""
    positions: Values
    """(positions, D): what is added to the embedding."""
    attention_norm: Values
    """(L, D)"""
    attention_norm_bias: Values
    queries_keys_values: Values
    """(L, D + 2 G E, D)"""
    queries_keys_values_bias: Values
    """(L, D + 2 G E)"""
    query_norm: Values
    """(L, E); likewise key_norm. Of length 0 where queries and keys are not normalised."""
    key_norm: Values
    attention_out: Values
    """(L, D, D)"""
    attention_out_bias: Values
    """(L, D)"""
    mlp_norm: Values
    """(L, D)"""
    mlp_norm_bias: Values
    mlp_in: Values
    """(L, M, D), for swiglu (L, 2 M, D)"""
    mlp_in_bias: Values
    mlp_out: Values
    """(L, D, M)"""
    mlp_out_bias: Values
    """(L, D)"""
    norm: Values
    """(D,)"""
    norm_bias: Values
    cos: Values
    """(positions, E / 2), rounded up; likewise sin."""
    sin: Values
    slopes: Values
    """(H,)"""
    is_centred: bool
    """Whether norms subtract the mean."""
    epsilon: np.float32
    """What norms add to the mean square."""
    activation: int
    """The place of the MLP's activation in ACTIVATIONS."""


ACTIVATIONS = ("relu2", "gelu", "swiglu")


def gather(model: nn.Module, config: TransformerConfig) -> StepWeights:
    """The weights of a transformer, in the form that `step` needs. They share no memory with the model's, but the
    embedding and the last norm."""
    blocks = [model.get_submodule(f"blocks.{layer}") for layer in range(config.num_layers)]
    parameters = [dict(block.named_parameters()) for block in blocks]

    def layers(name: str, width: int = 0) -> Values:
        """A parameter of every layer; zeros of this width where the form has none."""
        if name not in parameters[0]:
            return np.zeros((len(blocks), width), np.float32)
        return np.stack([of_layer[name].detach().numpy() for of_layer in parameters])

    top = dict(model.named_parameters(recurse=False)) | {
        f"norm.{name}": value for name, value in model.get_submodule("norm").named_parameters()
    }
    d_model, places, half = config.d_model, config.context_length, -(-config.head_width // 2)
    is_rotary = config.positions == "rotary"
    mlp_width = parameters[0]["mlp_in.weight"].shape[0]
    return StepWeights(
        embedding=top["embedding"].detach().numpy(),
        positions=top["positions"].detach().numpy() if "positions" in top else np.zeros((places, d_model), np.float32),
        attention_norm=layers("attention_norm.weight"),
        attention_norm_bias=layers("attention_norm.bias", d_model),
        queries_keys_values=layers("queries_keys_values.weight"),
        queries_keys_values_bias=layers("queries_keys_values.bias", d_model + 2 * config.kv_width),
        query_norm=layers("query_norm.weight"),
        key_norm=layers("key_norm.weight"),
        attention_out=layers("attention_out.weight"),
        attention_out_bias=layers("attention_out.bias", d_model),
        mlp_norm=layers("mlp_norm.weight"),
        mlp_norm_bias=layers("mlp_norm.bias", d_model),
        mlp_in=layers("mlp_in.weight"),
        mlp_in_bias=layers("mlp_in.bias", mlp_width),
        mlp_out=layers("mlp_out.weight"),
        mlp_out_bias=layers("mlp_out.bias", d_model),
        norm=top["norm.weight"].detach().numpy(),
        norm_bias=top["norm.bias"].detach().numpy() if "norm.bias" in top else np.zeros(d_model, np.float32),
        cos=model.get_buffer("cos").numpy() if is_rotary else np.ones((places, half), np.float32),
        sin=model.get_buffer("sin").numpy() if is_rotary else np.zeros((places, half), np.float32),
        slopes=model.get_buffer("slopes").numpy() * np.float32(config.positions == "alibi"),
        is_centred=config.norm == "layer",
        epsilon=np.float32(config.norm_epsilon),
        activation=ACTIVATIONS.index(config.feed_forward),
    )


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def step(weights: Any, tokens: Any, positions: Any, cache: Any) -> Any:
    """Read one more token on every row.

    weights: StepWeights; tokens, positions: (B,) int64, positions from each window's beginning; cache: (L, 2, B, G, C,
    E), to which the tokens' keys and values are added. Returns what the last norm gives, (B, D) float32.
    """
    num_rows, d_model = len(tokens), weights.embedding.shape[1]
    x = np.empty((d_model, num_rows), np.float32)
    for row in range(num_rows):
        x[:, row] = weights.embedding[tokens[row]] + weights.positions[positions[row]]
    normed, attended = np.empty_like(x), np.empty_like(x)
    scores = np.empty(positions.max() + 1, np.float32)
    for layer in range(len(weights.queries_keys_values)):
        _normalise(x, weights.attention_norm[layer], weights.attention_norm_bias[layer], weights, normed)
        projected = _linear(weights.queries_keys_values[layer], weights.queries_keys_values_bias[layer], normed)
        for row in range(num_rows):
            _write(weights, layer, projected[:, row], positions[row], cache[layer, 0, row], cache[layer, 1, row])
            for head in range(len(weights.slopes)):
                shared = head * cache.shape[3] // len(weights.slopes)
                _attend(
                    weights,
                    layer,
                    projected[:, row],
                    head,
                    positions[row],
                    cache[layer, 0, row, shared],
                    cache[layer, 1, row, shared],
                    scores,
                    attended[:, row],
                )
        x += _linear(weights.attention_out[layer], weights.attention_out_bias[layer], attended)
        _normalise(x, weights.mlp_norm[layer], weights.mlp_norm_bias[layer], weights, normed)
        hidden = _linear(weights.mlp_in[layer], weights.mlp_in_bias[layer], normed)
        hidden = _activate(hidden, weights.activation)
        x += _linear(weights.mlp_out[layer], weights.mlp_out_bias[layer], hidden)
    _normalise(x, weights.norm, weights.norm_bias, weights, normed)
    return normed.T.copy()


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _activate(hidden: Any, activation: Any) -> Any:
    """The MLP's activation. hidden: (M, B), for swiglu (2 M, B). Returns (M, B), which may be `hidden` itself."""
    num_features = len(hidden) // 2 if activation == 2 else len(hidden)
    for feature in range(num_features):
        for row in range(hidden.shape[1]):
            value = hidden[feature, row]
            if activation == 0:
                value = max(value, np.float32(0))
                hidden[feature, row] = value * value
            elif activation == 1:
                inner = np.float32(0.7978845608028654) * (value + np.float32(0.044715) * value * value * value)
                hidden[feature, row] = np.float32(0.5) * value * (np.float32(1) + np.tanh(inner))
            else:
                gated = hidden[num_features + feature, row]
                hidden[feature, row] = value / (np.float32(1) + np.exp(-value)) * gated
    return hidden[:num_features]


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _linear(weight: Any, bias: Any, x: Any) -> Any:
    """weight: (outputs, inputs); bias: (outputs,); x: (inputs, B). Returns (outputs, B)."""
    if x.shape[1] == 1:  # a matrix times a vector is faster as such
        return (np.dot(weight, x.ravel()) + bias).reshape(len(weight), 1)
    return np.dot(weight, x) + bias.reshape(len(bias), 1)


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _normalise(x: Any, weight: Any, bias: Any, form: Any, into: Any) -> None:
    """Divide each column of x (D, B) by its root mean square; a centred one by that of its distance from the mean."""
    size, num_rows = np.float32(len(x)), x.shape[1]
    mean, scale = np.zeros(num_rows, np.float32), np.zeros(num_rows, np.float32)
    if form.is_centred:
        for feature in range(len(x)):
            for row in range(num_rows):
                mean[row] += x[feature, row] / size
    for feature in range(len(x)):
        for row in range(num_rows):
            value = x[feature, row] - mean[row]
            scale[row] += value * value
    scale = np.float32(1) / np.sqrt(scale / size + form.epsilon)
    for feature in range(len(x)):
        for row in range(num_rows):
            into[feature, row] = (x[feature, row] - mean[row]) * scale[row] * weight[feature] + bias[feature]


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _rotated(vector: Any, gain: Any, form: Any, position: Any, into: Any) -> None:
    """One head's query or key, normalised where it has gains, turned by its position's angles. vector, into: (E,)."""
    width = len(vector)
    scale = np.float32(1)
    if len(gain):
        total = np.float32(0)
        for feature in range(width):
            total += vector[feature] * vector[feature]
        scale = np.float32(1) / np.sqrt(total / np.float32(width) + form.epsilon)
    for feature in range(width):
        into[feature] = vector[feature] * scale * (gain[feature] if len(gain) else np.float32(1))
    half = width // 2
    for feature in range(half):
        c, s = form.cos[position, feature], form.sin[position, feature]
        first, second = into[feature], into[half + feature]
        into[feature] = first * c - second * s
        into[half + feature] = first * s + second * c


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _write(weights: Any, layer: Any, projected: Any, position: Any, keys: Any, values: Any) -> None:
    """Add one row's keys and values to the cache. projected: (D + 2 G E,), queries, keys and values of all heads; keys,
    values: (G, C, E)."""
    num_heads, _, width = keys.shape
    d_model = len(weights.slopes) * width
    for head in range(num_heads):
        begin = d_model + head * width
        key = keys[head, position]
        _rotated(projected[begin : begin + width], weights.key_norm[layer], weights, position, key)
        begin += num_heads * width
        for feature in range(width):
            values[head, position, feature] = projected[begin + feature]


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _attend(
    weights: Any,
    layer: Any,
    projected: Any,
    head: Any,
    position: Any,
    keys: Any,
    values: Any,
    scores: Any,
    into: Any,
) -> None:
    """One row's attention in one head. projected as in `_write`; keys, values: (C, E), this token's included; scores:
    room for `position` + 1; into: (D,)."""
    width = keys.shape[1]
    begin = head * width
    shrink = np.float32(1) / np.sqrt(np.float32(width))
    query = np.empty(width, np.float32)
    _rotated(projected[begin : begin + width], weights.query_norm[layer], weights, position, query)
    for feature in range(width):
        query[feature] *= shrink
    num_places = position + 1
    shares = scores[:num_places]
    np.dot(keys[:num_places], query, shares)
    slope = weights.slopes[head]
    if slope:
        for place in range(num_places):
            shares[place] -= slope * np.float32(position - place)
    highest = shares.max()
    total = np.float32(0)
    for place in range(num_places):
        shares[place] = np.exp(shares[place] - highest)
        total += shares[place]
    into[begin : begin + width] = np.dot(shares, values[:num_places]) / total
