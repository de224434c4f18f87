"""One token further on every row of a transformer, compiled: what text generation spends its time on.

A step through torch is some forty small operations a layer, each of which costs more to call than to compute. Here a
whole step is one call; the matrices are multiplied by BLAS. The arithmetic is that of models/transformer.py, which
explains it; the tests hold both to the same values.

Activations are kept with rows side by side, (D, B), so that BLAS need not transpose.

Shape legend: L layers, B rows, D d_model, H heads, E = D / H width of a head, M width of the MLP, C places in a cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
# Sums may be taken in any order; nothing is assumed about infinities.
_FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}


class StepWeights(NamedTuple):
    """A transformer's weights, layer upon layer, float32."""

    embedding: Values
    """(V, D)"""
    attention_norm: Values
    """(L, D)"""
    queries_keys_values: Values
    """(L, 3 D, D)"""
    attention_out: Values
    """(L, D, D)"""
    mlp_norm: Values
    """(L, D)"""
    mlp_in: Values
    """(L, M, D)"""
    mlp_out: Values
    """(L, D, M)"""
    norm: Values
    """(D,)"""
    cos: Values
    """(positions, E / 2); likewise sin."""
    sin: Values


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def step(weights: Any, tokens: Any, positions: Any, cache: Any) -> Any:
    """Read one more token on every row.

    weights: StepWeights; tokens, positions: (B,) int64, positions from each window's beginning; cache: (L, 2, B, H, C,
    E), to which the tokens' keys and values are added. Returns what the last norm gives, (B, D) float32.
    """
    num_rows, d_model = len(tokens), weights.embedding.shape[1]
    x = np.empty((d_model, num_rows), np.float32)
    for row in range(num_rows):
        x[:, row] = weights.embedding[tokens[row]]
    normed, attended = np.empty_like(x), np.empty_like(x)
    scores = np.empty(positions.max() + 1, np.float32)
    for layer in range(len(weights.queries_keys_values)):
        _normalise(x, weights.attention_norm[layer], normed)
        projected = _linear(weights.queries_keys_values[layer], normed)
        for row in range(num_rows):
            for head in range(cache.shape[3]):
                keys, values = cache[layer, 0, row, head], cache[layer, 1, row, head]
                _attend(
                    projected[:, row],
                    head,
                    positions[row],
                    keys,
                    values,
                    weights.cos,
                    weights.sin,
                    scores,
                    attended[:, row],
                )
        x += _linear(weights.attention_out[layer], attended)
        _normalise(x, weights.mlp_norm[layer], normed)
        hidden = _linear(weights.mlp_in[layer], normed)
        for feature in range(len(hidden)):
            for row in range(num_rows):
                value = max(hidden[feature, row], np.float32(0))
                hidden[feature, row] = value * value
        x += _linear(weights.mlp_out[layer], hidden)
    _normalise(x, weights.norm, normed)
    return normed.T.copy()


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _linear(weight: Any, x: Any) -> Any:
    """weight: (outputs, inputs); x: (inputs, B). Returns (outputs, B)."""
    if x.shape[1] == 1:  # a matrix times a vector is faster as such
        return np.dot(weight, x.ravel()).reshape(len(weight), 1)
    return np.dot(weight, x)


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _normalise(x: Any, weight: Any, into: Any) -> None:
    """Divide each column of x (D, B) by its root mean square."""
    epsilon = np.float32(np.finfo(np.float32).eps)
    scale = np.zeros(x.shape[1], np.float32)
    for feature in range(len(x)):
        for row in range(x.shape[1]):
            scale[row] += x[feature, row] * x[feature, row]
    scale = np.float32(1) / np.sqrt(scale / np.float32(len(x)) + epsilon)
    for feature in range(len(x)):
        for row in range(x.shape[1]):
            into[feature, row] = x[feature, row] * scale[row] * weight[feature]


@numba.njit(cache=True, nogil=True, fastmath=_FAST_MATH)
def _attend(
    projected: Any,
    head: Any,
    position: Any,
    keys: Any,
    values: Any,
    cos: Any,
    sin: Any,
    scores: Any,
    into: Any,
) -> None:
    """One row's attention in one head. projected: (3 D,), queries, keys and values of all heads; keys, values: (C, E),
    to which this token's are added; scores: room for `position` + 1; into: (D,)."""
    width, d_model = keys.shape[1], len(into)
    half, begin = width // 2, head * width
    shrink = np.float32(1) / np.sqrt(np.float32(width))
    query = np.empty(width, np.float32)
    for feature in range(half):
        c, s = cos[position, feature], sin[position, feature]
        first, second = projected[begin + feature], projected[begin + half + feature]
        query[feature] = (first * c - second * s) * shrink
        query[half + feature] = (first * s + second * c) * shrink
        first, second = projected[d_model + begin + feature], projected[d_model + begin + half + feature]
        keys[position, feature] = first * c - second * s
        keys[position, half + feature] = first * s + second * c
    for feature in range(width):
        values[position, feature] = projected[2 * d_model + begin + feature]
    num_places = position + 1
    shares = scores[:num_places]
    np.dot(keys[:num_places], query, shares)
    highest = shares.max()
    total = np.float32(0)
    for place in range(num_places):
        shares[place] = np.exp(shares[place] - highest)
        total += shares[place]
    into[begin : begin + width] = np.dot(shares, values[:num_places]) / total
