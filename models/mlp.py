"""The neural probabilistic language model (Bengio et al. 2003): a multi-layer perceptron over the last few tokens.

    x = (C(w_{t-n+1}), ..., C(w_t)), side by side        logits = b + U tanh(d + H x) (+ W x, with `direct`)

C is the embedding, n the context_length. It sees what an n-gram sees, but similar contexts share what is learnt. Before
a document's first token there is nothing: a place for it has an embedding of its own.

Matrices start normal with 1 / sqrt(fan-in), the one that reads the hidden layer with a tenth of it, so that the first
probabilities are nearly uniform; W starts at 0.

Shape legend: B rows, T tokens, V vocabulary size, n context_length, E d_embedding, D d_model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.activations import tanh
from models.carried import CarriedModel, Carry
from models.dropout import drop
from models.language_model import Cost
from models.neural_model import ParameterGroup
from models.settings.mlp import MLPConfig

_OUTPUT_SCALE = 0.1


class MLP(CarriedModel):
    """Carries the last n - 1 tokens of each row, (1, B, n - 1): ids counted from 1, and 0 before the first."""

    config: MLPConfig

    def __init__(self, config: MLPConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        inputs = config.context_length * config.d_embedding
        self.embedding = nn.Parameter(torch.randn(1 + vocab_size, config.d_embedding))
        self.hidden = nn.Parameter(inputs**-0.5 * torch.randn(config.d_model, inputs))
        self.hidden_bias = nn.Parameter(torch.zeros(config.d_model))
        self.output = nn.Parameter(_OUTPUT_SCALE * config.d_model**-0.5 * torch.randn(vocab_size, config.d_model))
        self.output_bias = nn.Parameter(torch.zeros(vocab_size))
        self.direct = nn.Parameter(torch.zeros(vocab_size, inputs)) if config.direct else None

    @property
    def context_length(self) -> int:
        return self.config.context_length

    @property
    def training_length(self) -> int:
        return self.config.training_length

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        _, outer, others = super().parameter_groups()
        is_hidden = [parameter is self.hidden for parameter in outer.parameters]
        outside = [parameter for parameter, inside in zip(outer.parameters, is_hidden, strict=True) if not inside]
        hidden = ParameterGroup([self.hidden], is_decayed=True, is_hidden_matrix=True)
        return [hidden, replace(outer, parameters=outside), others]

    @property
    def hidden_width(self) -> int:
        return self.config.d_model + self.config.context_length * self.config.d_embedding

    @property
    def embeddings(self) -> Tensor:
        return self.embedding.detach()[1:]

    def blank_carry(self, num_rows: int) -> Carry:
        return (torch.zeros(1, num_rows, self.config.context_length - 1, dtype=torch.int64, device=self.device),)

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        """Hidden values are tanh(d + H x), followed by x where it reaches the output directly."""
        dropout = self.config.dropout if training else 0.0
        num_tokens = tokens.shape[1]
        ids = torch.cat([carry[0][0], tokens + 1], dim=1)
        # (B, T, n): the last n tokens at each place
        windows = F.embedding(ids, self.embedding).unfold(1, self.config.context_length, 1)
        x = drop(windows.transpose(2, 3).flatten(2), dropout)
        hidden = drop(tanh(F.linear(x, self.hidden, self.hidden_bias)), dropout)
        hidden = hidden if self.direct is None else torch.cat([hidden, x], dim=2)
        return hidden, (ids[None, :, num_tokens:],)

    def logits(self, hidden: Tensor) -> Tensor:
        weight = self.output if self.direct is None else torch.cat([self.output, self.direct], dim=1)
        return F.linear(hidden, weight, self.output_bias)

    def cost(self) -> Cost:
        """FLOPs are those of the matrices, 2 per multiply-add; element-wise work isn't counted."""
        matrices = [self.hidden, self.output, *([] if self.direct is None else [self.direct])]
        bytes_per_value = self.embedding.element_size()
        return Cost(
            num_params=self.num_params(),
            model_bytes=self.num_params() * bytes_per_value,
            flops_per_token=2 * sum(matrix.numel() for matrix in matrices),
            state_bytes_at_context=4 * self.vocab_size + 8 * (self.config.context_length - 1),
        )
