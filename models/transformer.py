"""A decoder-only transformer (Vaswani et al. 2017) in its modern form.

Each block: x + attention(norm(x)), then x + mlp(norm(x)), normalised first (Xiong et al. 2020) by root mean square
(RMSNorm, Zhang and Sennrich 2019). Positions are rotations of queries and keys, counted from the window's beginning
(Su et al. 2021). The MLP's activation is the squared ReLU (So et al. 2021, "Primer"). No biases. With
`tie_embeddings` one matrix serves as embedding and output (Press and Wolf 2017).

Initialisation: matrices normal with a standard deviation of 1 / sqrt(fan-in), but the two that write into the residual
stream of each block start at zero, so that each block starts as the identity (Zhang, Dauphin and Ma 2019, "Fixup");
embedding and output normal with 0.02 (Radford et al. 2019, GPT-2), so that logits start small.

What happens beyond `context_length`: models/windowed.py.

Shape legend: B rows, T tokens, V vocabulary size, D d_model, H heads, E = D / H width of a head, S places attended to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.dropout import drop
from models.language_model import Cost
from models.neural_model import NeuralModel
from models.settings.transformer import TransformerConfig
from models.transformer_parts.key_value_cache import KeyValueCache
from models.transformer_parts.step import StepWeights, Values, step
from models.windowed import WindowCache, WindowedModel

_ROTATION_BASE = 10_000.0
_EMBEDDING_STD = 0.02


@dataclass(frozen=True)
class _Reading:
    """What every block of one pass shares."""

    cos: Tensor
    """(T, E / 2), or (B, 1, T, E / 2) where rows are at different positions; likewise sin."""
    sin: Tensor
    mask: Tensor | None
    """Which places a token may attend to: (T, S) or (B, 1, T, S); None: all, or, with `causal`, those up to its own."""
    causal: bool
    cache: KeyValueCache | None
    dropout: float


class Block(nn.Module):
    """One layer: attention, then the MLP."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d_model, hidden = config.d_model, round(config.mlp_ratio * config.d_model)
        self.num_heads = config.num_heads
        self.attention_norm = nn.RMSNorm(d_model)
        self.queries_keys_values = nn.Linear(d_model, 3 * d_model, bias=False)
        self.attention_out = nn.Linear(d_model, d_model, bias=False)
        self.mlp_norm = nn.RMSNorm(d_model)
        self.mlp_in = nn.Linear(d_model, hidden, bias=False)
        self.mlp_out = nn.Linear(hidden, d_model, bias=False)
        for linear in (self.queries_keys_values, self.mlp_in):
            nn.init.normal_(linear.weight, std=d_model**-0.5)
        for linear in (self.attention_out, self.mlp_out):
            nn.init.zeros_(linear.weight)

    def forward(self, x: Tensor, layer: int, reading: _Reading) -> Tensor:
        """x: (B, T, D). Returns the same shape."""
        x = x + drop(self._attend(self.attention_norm(x), layer, reading), reading.dropout)
        hidden = F.relu(self.mlp_in(self.mlp_norm(x))).square()
        return x + drop(self.mlp_out(hidden), reading.dropout)

    def _attend(self, x: Tensor, layer: int, reading: _Reading) -> Tensor:
        num_rows, num_tokens, d_model = x.shape
        split = self.queries_keys_values(x).view(num_rows, num_tokens, 3, self.num_heads, d_model // self.num_heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # (B, H, T, E) each
        queries, keys = _rotate(queries, reading), _rotate(keys, reading)
        if reading.cache is not None:
            reading.cache.write(layer, keys, values)
            keys, values = reading.cache.keys_and_values(layer)  # (B, H, S, E)
        attended = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=reading.mask, dropout_p=reading.dropout, is_causal=reading.causal
        )
        joined: Tensor = self.attention_out(attended.transpose(1, 2).reshape(num_rows, num_tokens, d_model))
        return joined


class Transformer(WindowedModel, NeuralModel):
    """Embedding, blocks, a last norm, output."""

    config: TransformerConfig
    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self.embedding = nn.Parameter(torch.empty(vocab_size, config.d_model))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.d_model)
        # Tied: None, and the embedding is used instead, so that the weights hold it once.
        self.output = None if config.tie_embeddings else nn.Parameter(torch.empty(vocab_size, config.d_model))
        for matrix in (self.embedding, self.output):
            if matrix is not None:
                nn.init.normal_(matrix, std=_EMBEDDING_STD)
        head_width = config.d_model // config.num_heads
        speeds = _ROTATION_BASE ** (-torch.arange(0, head_width, 2) / head_width)
        angles = torch.arange(config.context_length)[:, None] * speeds  # (context_length, E / 2)
        self._step_weights: StepWeights | None = None
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

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
        num_tokens = tokens.shape[1]
        dropout = self.config.dropout if self.training else 0.0
        reading = _Reading(self.cos[:num_tokens], self.sin[:num_tokens], None, True, None, dropout)
        return self.logits(self._run(tokens, reading)), None

    def run_window(
        self, tokens: Tensor, counts: Sequence[int], cache: WindowCache | None
    ) -> tuple[Tensor, WindowCache | None]:
        num_tokens = tokens.shape[1]
        if cache is None:
            reading = _Reading(self.cos[:num_tokens], self.sin[:num_tokens], None, True, None, 0.0)
            return self._run(tokens, reading), None
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
        causal, mask = not any(lengths), None
        if not causal and position.shape != (1,):
            mask = torch.arange(max(grown.lengths), device=tokens.device) <= position[..., None]
        # Positions past the end of a row are meaningless, but must have a rotation.
        position = position.clamp(max=self.context_length - 1)
        reading = _Reading(self.cos[position], self.sin[position], mask, causal, grown, 0.0)
        return self._run(tokens, reading), grown

    def _gathered_weights(self) -> StepWeights:
        """The weights in the form that `step` needs. They are kept until they may change: in training mode an optimizer
        may write into them at any time, so they are gathered for every step.
        """
        if self._step_weights is None or self.training:
            blocks = [self.get_submodule(f"blocks.{layer}") for layer in range(self.config.num_layers)]

            def layers(name: str) -> Values:
                return np.stack([block.get_parameter(f"{name}.weight").detach().numpy() for block in blocks])

            self._step_weights = StepWeights(
                embedding=self.embedding.detach().numpy(),
                attention_norm=layers("attention_norm"),
                queries_keys_values=layers("queries_keys_values"),
                attention_out=layers("attention_out"),
                mlp_norm=layers("mlp_norm"),
                mlp_in=layers("mlp_in"),
                mlp_out=layers("mlp_out"),
                norm=self.norm.weight.detach().numpy(),
                cos=self.cos.numpy(),
                sin=self.sin.numpy(),
            )
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

    def _run(self, tokens: Tensor, reading: _Reading) -> Tensor:
        """(B, T) to (B, T, D)."""
        x = drop(F.embedding(tokens, self.embedding), reading.dropout)
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, reading)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding if self.output is None else self.output)

    def new_cache(self, num_rows: int) -> KeyValueCache:
        config = self.config
        head_width = config.d_model // config.num_heads
        return KeyValueCache.empty(
            config.num_layers, num_rows, config.num_heads, head_width, config.context_length, self.embedding
        )

    def cost(self) -> Cost:
        """FLOPs are those of the matrices and of attention to the mean number of places of a full window, 2 per
        multiply-add; element-wise work and the tokens that a sliding window reads again aren't counted.
        """
        config = self.config
        in_blocks = sum(parameter.numel() for parameter in self.blocks.parameters() if parameter.dim() == 2)
        attention = config.num_layers * config.d_model * (config.context_length + 1)  # scores and sums, each half of it
        bytes_per_value = self.embedding.element_size()
        cached = 2 * config.num_layers * config.context_length * config.d_model
        return Cost(
            num_params=self.num_params(),
            model_bytes=self.num_params() * bytes_per_value,
            flops_per_token=2 * (in_blocks + self.vocab_size * config.d_model + attention),
            state_bytes_at_context=4 * self.vocab_size + 8 * config.context_length + cached * bytes_per_value,
        )


def _rotate(x: Tensor, reading: _Reading) -> Tensor:
    """x: (B, H, T, E): each pair of values, one from each half of E, turned by its position's angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * reading.cos - second * reading.sin, first * reading.sin + second * reading.cos], dim=-1)
