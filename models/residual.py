"""What the families of residual blocks with a carried state share: embedding -> blocks -> last norm -> output.

Each block: x + mix(norm(x)), then x + mlp(norm(x)), normalised first by root mean square (Zhang and Sennrich 2019). The
mixer is what a family is about: the only part that moves information from one token to the next. A family defines its
mixer, and what the mixer carries on; how texts are read with a carried state is in models/carried.py. The MLP's
activation is the squared ReLU (So et al. 2021). With `tie_embeddings` one matrix serves as embedding and output (Press
and Wolf 2017).

Initialisation as in models/transformer.py: matrices normal with 1 / sqrt(fan-in), but those that write into the
residual stream start at zero, so that each block starts as the identity; embedding and output normal with 0.02.

Shape legend: B rows, T tokens, V vocabulary size, D d_model, L layers. Inside the blocks time comes first: (T, B, D).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.activations import squared_relu
from models.carried import CarriedModel, Carry
from models.dropout import drop
from models.language_model import Cost
from models.neural_model import ParameterGroup
from models.settings.residual import ResidualConfig

_EMBEDDING_STD = 0.02


class Mixer(nn.Module):
    """The part of a block that moves information from one token to the next."""

    @abstractmethod
    def blank_carry(self, num_rows: int) -> Carry:
        """What is carried of rows that have read nothing: zeros, B in dimension 0."""

    @abstractmethod
    def forward(self, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """x: (T, B, D), T >= 1. Returns (T, B, D), and the carry after the last token."""

    chunk_length: ClassVar[int] = 1
    """Tokens that a scan made of matrix products takes at once."""

    def scan_flops(self, num_tokens: int, training: bool) -> int:
        """Floating-point operations of matrix products without weights, over a stretch; 0 where there are none.

        training: forward and backward, where what is carried into the stretch and out of it needs no gradient; else
        forward only.
        """
        return 0


class ShortConvolution(nn.Module):
    """Each channel's weighted sum over its last few tokens, so that a mixer sees more than one token at once.

    Carries (B, K - 1, D): the tokens before. Weights are uniform within 1 / sqrt(K), as in torch's nn.Conv1d.
    """

    def __init__(self, width: int, size: int = 4) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size, width).uniform_(-(size**-0.5), size**-0.5))
        self.bias = nn.Parameter(torch.zeros(width))

    def blank_carry(self, num_rows: int) -> Tensor:
        size, width = self.weight.shape
        return self.weight.new_zeros(num_rows, size - 1, width)

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """x: (T, B, D); before: (B, K - 1, D). Returns (T, B, D), and the next `before`."""
        padded = torch.cat([before.transpose(0, 1), x])
        mixed: Tensor = _WeightedSums.apply(padded, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return mixed, padded[len(x) :].transpose(0, 1)


class _WeightedSums(torch.autograd.Function):
    """y_t = bias + sum over k of weight_k x_{t+k}, element by element: (T + K - 1, B, D) to (T, B, D).

    The gradients are written out, since autograd's would fill and add a whole tensor for each k.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        num_tokens = len(x) + 1 - len(weight)
        sums = bias.expand(num_tokens, *x.shape[1:]).clone()
        for place, factor in enumerate(weight):
            sums.addcmul_(x[place : place + num_tokens], factor)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        num_tokens = len(grad_sums)
        grad_x, grad_weight = torch.zeros_like(x), torch.empty_like(weight)
        for place, factor in enumerate(weight):
            grad_x[place : place + num_tokens].addcmul_(grad_sums, factor)
            grad_weight[place] = (grad_sums * x[place : place + num_tokens]).sum((0, 1))
        return grad_x, grad_weight, grad_sums.sum((0, 1))


class Block(nn.Module):
    """One layer: the mixer, then the MLP, if there is one."""

    def __init__(self, config: ResidualConfig, mixer: Mixer) -> None:
        super().__init__()
        d_model, hidden = config.d_model, round(config.mlp_ratio * config.d_model)
        self.mixer_norm = nn.RMSNorm(d_model)
        self.mixer = mixer
        self.has_mlp = hidden > 0
        if self.has_mlp:
            self.mlp_norm = nn.RMSNorm(d_model)
            self.mlp_in = linear(d_model, hidden)
            self.mlp_out = writing_linear(hidden, d_model)

    def forward(self, x: Tensor, carry: Carry, dropout: float) -> tuple[Tensor, Carry]:
        """x: (T, B, D). Returns the same shape, and the carry after the last token."""
        mixed, carry = self.mixer(self.mixer_norm(x), carry)
        x = x + drop(mixed, dropout)
        if self.has_mlp:
            x = x + drop(self.mlp_out(squared_relu(self.mlp_in(self.mlp_norm(x)))), dropout)
        return x, carry


class ResidualModel(CarriedModel):
    """A stack of blocks. Carries what each block's mixer carries: (L, B, ...) each."""

    config: ResidualConfig

    def __init__(self, config: ResidualConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self.embedding = nn.Parameter(torch.empty(vocab_size, config.d_model))
        self.blocks = nn.ModuleList(Block(config, self.make_mixer()) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.d_model)
        # Tied: None, and the embedding is used instead, so that the weights hold it once.
        self.output = None if config.tie_embeddings else nn.Parameter(torch.empty(vocab_size, config.d_model))
        for matrix in (self.embedding, self.output):
            if matrix is not None:
                nn.init.normal_(matrix, std=_EMBEDDING_STD)

    @abstractmethod
    def make_mixer(self) -> Mixer:
        """A new mixer for one block."""

    @property
    def training_length(self) -> int:
        return self.config.training_length

    @property
    def hidden_width(self) -> int:
        return self.config.d_model * max(1, round(self.config.mlp_ratio))

    def _mixers(self) -> list[Mixer]:
        return [block.mixer for block in self.blocks if isinstance(block, Block)]

    def blank_carry(self, num_rows: int) -> Carry:
        of_layers = [mixer.blank_carry(num_rows) for mixer in self._mixers()]
        return tuple(torch.stack(parts) for parts in zip(*of_layers, strict=True))

    @property
    def embeddings(self) -> Tensor:
        return self.embedding.detach()

    def _block_by_block(self, tokens: Tensor, carry: Carry, dropout: float) -> Iterator[tuple[Tensor, Carry]]:
        """What each block gives (T, B, D), and carries on."""
        x = drop(F.embedding(tokens.t(), self.embedding), dropout)
        for block, *before in zip(self.blocks, *carry, strict=True):
            x, last = block(x, tuple(before), dropout)
            yield x, last

    def units(self, tokens: Tensor) -> dict[str, Tensor]:
        blocks = [x for x, _ in self._block_by_block(tokens, self.blank_carry(1), 0.0)]
        named = {f"layer {number}": x[:, 0] for number, x in enumerate(blocks, 1)}
        return named | {"last norm": self.norm(blocks[-1])[:, 0]}

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        dropout = self.config.dropout if training else 0.0
        after: list[Carry] = []
        for x, last in self._block_by_block(tokens, carry, dropout):
            after.append(last)
            outputs = x
        carried = tuple(torch.stack(parts) for parts in zip(*after, strict=True))
        return self.norm(outputs).transpose(0, 1), carried

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """As of every family, but that the weights of short convolutions, which are scales, are not decayed."""
        convolutions = {id(module.weight) for module in self.modules() if isinstance(module, ShortConvolution)}
        hidden, *others = super().parameter_groups()
        matrices = [p for p in hidden.parameters if id(p) not in convolutions]
        scales = [p for p in hidden.parameters if id(p) in convolutions]
        return [replace(hidden, parameters=matrices), *others, ParameterGroup(scales, is_decayed=False)]

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding if self.output is None else self.output)

    def cost(self) -> Cost:
        """FLOPs are those of the matrices, 2 per multiply-add; element-wise work isn't counted."""
        scans = sum(mixer.scan_flops(mixer.chunk_length, False) // mixer.chunk_length for mixer in self._mixers())
        bytes_per_value = self.embedding.element_size()
        carried = sum(part.numel() for part in self.blank_carry(1))
        return Cost(
            num_params=self.num_params(),
            model_bytes=self.num_params() * bytes_per_value,
            flops_per_token=2 * self._num_multiplied() + scans,
            state_bytes_at_context=4 * self.vocab_size + carried * bytes_per_value,
        )

    def train_flops_per_token(self) -> int:
        length = self.training_length
        scans = sum(mixer.scan_flops(length, True) for mixer in self._mixers())
        return 3 * 2 * self._num_multiplied() + scans // length

    def _num_multiplied(self) -> int:
        """Weights that are multiplied and added once a token."""
        in_blocks = sum(module.weight.numel() for module in self.blocks.modules() if isinstance(module, nn.Linear))
        return in_blocks + self.vocab_size * self.config.d_model


def chunked_scan_flops(num_tokens: int, chunk: int, per_pair: int, per_token: int, training: bool) -> int:
    """Floating-point operations of a scan by chunks, as `Mixer.scan_flops` counts them.

    per_pair: multiply-adds for each pair of tokens of a chunk; per_token: for each token to read the state that comes
    into its chunk, and as many to write to it. Backward costs twice as much as forward, but the state that comes into
    the stretch needs no gradient, and what leaves it gets none.
    """
    chunks = [min(chunk, num_tokens - begin) for begin in range(0, num_tokens, chunk)]
    pairs, states = per_pair * sum(size**2 for size in chunks), 2 * per_token * num_tokens
    if not training:
        return 2 * (pairs + states)
    return 2 * (3 * (pairs + states) - per_token * (chunks[0] + 2 * chunks[-1]))


def linear(width_in: int, width_out: int) -> nn.Linear:
    """A matrix without biases, normal with 1 / sqrt(width_in)."""
    module = nn.Linear(width_in, width_out, bias=False)
    nn.init.normal_(module.weight, std=width_in**-0.5)
    return module


def writing_linear(width_in: int, width_out: int) -> nn.Linear:
    """A matrix without biases that writes into the residual stream: it starts at zero."""
    module = nn.Linear(width_in, width_out, bias=False)
    nn.init.zeros_(module.weight)
    return module
