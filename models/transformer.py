"""A decoder-only transformer (Vaswani et al. 2017), in its modern form or in an older one.

Each block: x + attention(norm(x)), then x + mlp(norm(x)), normalised first (Xiong et al. 2020). The options:

- norm: by root mean square (`rms`: Zhang and Sennrich 2019), or by mean and variance (`layer`: Ba et al. 2016).
- positions: `rotary`, rotations of queries and keys (Su et al. 2021); `learned`, vectors added to the embedding;
  `alibi`, a penalty on scores that grows with the distance, at a rate for each head (Press et al. 2022); `none`.
  Positions count from the window's beginning.
- feed_forward: `relu2`, the squared ReLU (So et al. 2021); `gelu` in its tanh form (Hendrycks and Gimpel 2016);
  `swiglu`, one product gated by the SiLU of another (Shazeer 2020).
- num_kv_heads: several query heads share one head of keys and values (Ainslie et al. 2023).
- query_key_norm: each head's queries and keys are divided by their root mean square (Henry et al. 2020).

`preset` sets them together: `modern`, `gpt2` (Radford et al. 2019) or `llama` (Touvron et al. 2023). With
`tie_embeddings` one matrix serves as embedding and output (Press and Wolf 2017).

Initialisation: matrices normal with a standard deviation of 1 / sqrt(fan-in), but the two that write into the residual
stream of each block start at zero, so that each block starts as the identity (Zhang, Dauphin and Ma 2019, "Fixup");
embeddings and output normal with 0.02 (Radford et al. 2019), so that logits start small; biases 0.

What happens beyond `context_length`: models/windowed.py.

Shape legend: B rows, T tokens, V vocabulary size, D d_model, H heads, G heads of keys and values, E = D / H width of a
head, M width of the MLP, S places attended to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.activations import squared_relu
from models.dropout import drop
from models.inner import Inner
from models.language_model import Cost
from models.neural_model import NeuralModel
from models.settings.transformer import TransformerConfig
from models.transformer_parts.key_value_cache import KeyValueCache
from models.transformer_parts.step import StepWeights, gather, step
from models.windowed import WindowCache, WindowedModel

_EMBEDDING_STD = 0.02


@dataclass(frozen=True)
class _Reading:
    """What every block of one pass shares."""

    cos: Tensor | None
    """(T, E / 2), or (B, 1, T, E / 2) where rows are at different positions; likewise sin. None: nothing is rotated."""
    sin: Tensor | None
    mask: Tensor | None
    """Which places a token may attend to: (T, S) or (B, 1, T, S) bool. With alibi what is added to scores: (H, T, S) or
    (B, H, T, S). None: all, or, with `causal`, those up to its own."""
    causal: bool
    cache: KeyValueCache | None
    dropout: float


class Block(nn.Module):
    """One layer: attention, then the MLP."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d_model, hidden, biases = config.d_model, config.hidden_width, bool(config.biases)
        self.num_heads, self.head_width = config.num_heads, config.head_width
        self.sizes = [d_model, config.kv_width, config.kv_width]
        self.feed_forward = config.feed_forward
        self.attention_norm = _norm(config)
        self.queries_keys_values = nn.Linear(d_model, sum(self.sizes), bias=biases)
        self.query_norm, self.key_norm = (
            nn.RMSNorm(config.head_width, eps=config.norm_epsilon) if config.query_key_norm else None for _ in range(2)
        )
        self.attention_out = nn.Linear(d_model, d_model, bias=biases)
        self.mlp_norm = _norm(config)
        # swiglu: what is gated by the SiLU of the first half is the second
        self.mlp_in = nn.Linear(d_model, hidden * (2 if config.feed_forward == "swiglu" else 1), bias=biases)
        self.mlp_out = nn.Linear(hidden, d_model, bias=biases)
        for linear in (self.queries_keys_values, self.mlp_in):
            nn.init.normal_(linear.weight, std=d_model**-0.5)
        for linear in (self.attention_out, self.mlp_out):
            nn.init.zeros_(linear.weight)
        for linear in (self.queries_keys_values, self.attention_out, self.mlp_in, self.mlp_out):
            if biases:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, layer: int, reading: _Reading) -> Tensor:
        """x: (B, T, D). Returns the same shape."""
        x = x + drop(self._attend(self.attention_norm(x), layer, reading), reading.dropout)
        return x + drop(self.mlp_out(self._activate(self.mlp_in(self.mlp_norm(x)))), reading.dropout)

    def _activate(self, hidden: Tensor) -> Tensor:
        if self.feed_forward == "swiglu":
            gate, gated = hidden.chunk(2, dim=-1)
            return F.silu(gate) * gated
        return F.gelu(hidden, approximate="tanh") if self.feed_forward == "gelu" else squared_relu(hidden)

    def _attend(self, x: Tensor, layer: int, reading: _Reading) -> Tensor:
        queries, keys, values = self._projected(x, reading)
        if reading.cache is not None:
            reading.cache.write(layer, keys, values)
            keys, values = reading.cache.keys_and_values(layer)  # (B, G, S, E)
        if torch.is_autocast_enabled("cpu"):  # in bfloat16 its gradient takes torch eight times as long there
            queries, keys, values = queries.float(), keys.float(), values.float()
        with torch.autocast("cpu", enabled=False):
            attended = F.scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=reading.mask,
                dropout_p=reading.dropout,
                is_causal=reading.causal,
                enable_gqa=keys.shape[1] != self.num_heads,
            )
        joined: Tensor = self.attention_out(attended.transpose(1, 2).reshape(x.shape))
        return joined

    def _projected(self, x: Tensor, reading: _Reading) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, E), keys and values (B, G, T, E) of normed x (B, T, D)."""
        num_rows, num_tokens, _ = x.shape
        split = torch.split(self.queries_keys_values(x), self.sizes, dim=-1)
        queries, keys, values = (part.view(num_rows, num_tokens, -1, self.head_width).transpose(1, 2) for part in split)
        if self.query_norm is not None and self.key_norm is not None:
            queries, keys = self.query_norm(queries.float()), self.key_norm(keys.float())
        return _rotate(queries, reading), _rotate(keys, reading), values

    def weights(self, x: Tensor, reading: _Reading) -> Tensor:
        """What each place of a whole window takes from each place: (H, T, T). x: (1, T, D)."""
        queries, keys, _ = self._projected(self.attention_norm(x), reading)
        keys = keys.repeat_interleave(self.num_heads // keys.shape[1], dim=1)
        scores = queries[0] @ keys[0].transpose(1, 2) / math.sqrt(self.head_width)
        may_attend = torch.ones_like(scores[0], dtype=torch.bool).tril()
        scores = scores.masked_fill(~may_attend, -math.inf) if reading.mask is None else scores + reading.mask
        return scores.softmax(dim=-1)


def _norm(config: TransformerConfig) -> nn.Module:
    assert config.norm_epsilon is not None
    kind = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return kind(config.d_model, eps=config.norm_epsilon)


class Transformer(WindowedModel, NeuralModel):
    """Embedding, blocks, a last norm, output."""

    config: TransformerConfig
    cos: Tensor
    sin: Tensor
    slopes: Tensor

    def __init__(self, config: TransformerConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self.embedding = nn.Parameter(torch.empty(vocab_size, config.d_model))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = _norm(config)
        # Tied: None, and the embedding is used instead, so that the weights hold it once.
        self.output = None if config.tie_embeddings else nn.Parameter(torch.empty(vocab_size, config.d_model))
        is_learned = config.positions == "learned"
        self.positions = nn.Parameter(torch.empty(config.context_length, config.d_model)) if is_learned else None
        for matrix in (self.embedding, self.output, self.positions):
            if matrix is not None:
                nn.init.normal_(matrix, std=_EMBEDDING_STD)
        self._step_weights: StepWeights | None = None
        speeds = config.rotary_base ** (-torch.arange(0, config.head_width, 2) / config.head_width)
        angles = torch.arange(config.context_length)[:, None] * speeds  # (context_length, E / 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.register_buffer("slopes", torch.tensor(_alibi_slopes(config.num_heads)), persistent=False)

    @property
    def context_length(self) -> int:
        return self.config.context_length

    @property
    def training_length(self) -> int:
        return self.context_length

    @property
    def stride(self) -> int:
        return self.config.stride or max(1, self.config.context_length // 2)

    def forward(self, tokens: Tensor, carry: Any = None) -> tuple[Tensor, None]:
        if tokens.shape[1] > self.context_length:
            raise ValueError(f"{tokens.shape[1]} tokens don't fit into a window of {self.context_length}.")
        dropout = self.config.dropout if self.training else 0.0
        return self.logits(self._run(tokens, None, self._whole(tokens.shape[1], dropout))), None

    def features(self, tokens: Tensor) -> Tensor:
        return self._run(tokens, None, self._whole(tokens.shape[1], 0.0))

    def _whole(self, num_tokens: int, dropout: float) -> _Reading:
        """A pass over windows from their first token."""
        cos, sin = self._rotations(torch.arange(num_tokens, device=self.device))
        mask, causal = None, True
        if self.config.positions == "alibi":
            place = torch.arange(num_tokens, device=self.device)
            mask, causal = self._with_distance(place <= place[:, None], place - place[:, None]), False
        return _Reading(cos, sin, mask, causal, None, dropout)

    def _rotations(self, position: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """What turns queries and keys at these positions: (..., E / 2) each."""
        return (self.cos[position], self.sin[position]) if self.config.positions == "rotary" else (None, None)

    def _with_distance(self, may_attend: Tensor, distance: Tensor) -> Tensor:
        """Alibi's mask, which is added to scores: (..., H, T, S). may_attend, distance (to the place): (..., T, S)."""
        penalty = self.slopes[:, None, None] * distance
        return penalty.masked_fill(~may_attend, -math.inf)

    def run_window(
        self, tokens: Tensor, counts: Sequence[int], cache: WindowCache | None
    ) -> tuple[Tensor, WindowCache | None]:
        num_tokens = tokens.shape[1]
        if cache is None:
            return self._run(tokens, None, self._whole(num_tokens, 0.0)), None
        assert isinstance(cache, KeyValueCache)
        lengths, grown = cache.lengths, cache.grow(counts)
        if num_tokens == 1 and all(counts) and tokens.device.type == "cpu" and self.embedding.dtype == torch.float32:
            positions = np.array(lengths, dtype=np.int64)
            hidden = step(self._gathered_weights(), tokens[:, 0].numpy(), positions, grown.places())
            return torch.from_numpy(hidden)[:, None], grown
        position = torch.arange(num_tokens, device=tokens.device)
        position = position + (
            lengths[0] if len(set(lengths)) == 1 else torch.tensor(lengths, device=tokens.device)[:, None, None]
        )
        place = torch.arange(max(grown.lengths), device=tokens.device)
        causal, mask = not any(lengths), None
        if self.config.positions == "alibi":
            causal = False
            mask = self._with_distance(place <= position[..., None], place - position[..., None])
        elif not causal and position.shape != (1,):
            mask = place <= position[..., None]
        # Positions past the end of a row are meaningless, but must have a rotation.
        position = position.clamp(max=self.context_length - 1)
        cos, sin = self._rotations(position)
        reading = _Reading(cos, sin, mask, causal, grown, 0.0)
        return self._run(tokens, position, reading), grown

    def _gathered_weights(self) -> StepWeights:
        """The weights in the form that `step` needs. They are kept until they may change: in training mode an optimizer
        may write into them at any time, so they are gathered for every step.
        """
        if self._step_weights is None or self.training:
            self._step_weights = gather(self, self.config)
        return self._step_weights

    def train(self, mode: bool = True) -> Self:
        self._step_weights = None
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        self._step_weights = None
        return super().load_state_dict(state_dict, strict, assign)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Called by `to`, `float` and the like: weights move to another device or type."""
        self._step_weights = None
        moved: Self = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    def _run(self, tokens: Tensor, position: Tensor | None, reading: _Reading) -> Tensor:
        """(B, T) to (B, T, D). position: (T,), or (B, 1, T) where rows are at different ones; None: from the first."""
        x = drop(self._embedded(tokens, position), reading.dropout)
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, reading)
        normed: Tensor = self.norm(x)
        return normed

    def _embedded(self, tokens: Tensor, position: Tensor | None) -> Tensor:
        """What the first block reads. Shapes as in `_run`."""
        x = F.embedding(tokens, self.embedding)
        if self.positions is not None:
            at = self.positions[: tokens.shape[1]] if position is None else self.positions[position]
            x = x + at.view(-1, *x.shape[1:])
        return x

    @torch.no_grad()
    def inner(self, tokens: Tensor) -> Inner:
        places = F.pad(tokens.to(self.device), (1, 0), value=self.start_token)[None]
        reading = self._whole(places.shape[1], 0.0)
        x = self._embedded(places, None)
        attention, units = [], {}
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            attention.append(block.weights(x, reading))
            x = block(x, layer, reading)
            units[f"layer {layer + 1}"] = x[0]
        units["last norm"] = self.norm(x)[0]
        return Inner(torch.stack(attention), units, self.embedding.detach())

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding if self.output is None else self.output)

    def new_cache(self, num_rows: int) -> KeyValueCache:
        config = self.config
        num_kv_heads = config.kv_width // config.head_width
        return KeyValueCache.empty(
            config.num_layers, num_rows, num_kv_heads, config.head_width, config.context_length, self.embedding
        )

    def cost(self) -> Cost:
        """FLOPs are those of the matrices and of attention to the mean number of places of a full window, 2 per
        multiply-add; element-wise work and the tokens that a sliding window reads again aren't counted.
        """
        config = self.config
        in_blocks = sum(parameter.numel() for parameter in self.blocks.parameters() if parameter.dim() == 2)
        attention = config.num_layers * config.d_model * (config.context_length + 1)  # scores and sums, each half of it
        bytes_per_value = self.embedding.element_size()
        cached = 2 * config.num_layers * config.context_length * config.kv_width
        return Cost(
            num_params=self.num_params(),
            model_bytes=self.num_params() * bytes_per_value,
            flops_per_token=2 * (in_blocks + self.vocab_size * config.d_model + attention),
            state_bytes_at_context=4 * self.vocab_size + 8 * config.context_length + cached * bytes_per_value,
        )


def _rotate(x: Tensor, reading: _Reading) -> Tensor:
    """x: (B, H, T, E): each pair of values, one from each half of E, turned by its position's angle."""
    if reading.cos is None or reading.sin is None:
        return x
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * reading.cos - second * reading.sin, first * reading.sin + second * reading.cos], dim=-1)


def _alibi_slopes(num_heads: int) -> list[float]:
    """2^(-8 / H), 2^(-16 / H) and so on; where H is no power of two, as the authors' code: those of the power below,
    then every second one of the power above."""
    below = 1 << (num_heads.bit_length() - 1)
    slopes = [2 ** (-8 * head / below) for head in range(1, below + 1)]
    return slopes + [2 ** (-4 * head / below) for head in range(1, 2 * (num_heads - below), 2)]
