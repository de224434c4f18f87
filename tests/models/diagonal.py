"""A small state-space model for the tests: it carries a state and uses no torch layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import CarriedModel, Carry
from models.language_model import Cost, NeuralModelConfig
from models.neural_model import ParameterGroup

NUM_STATES = 4


@dataclass(frozen=True)
class DiagonalConfig(NeuralModelConfig):
    """A diagonal state-space model (Gupta, Gu and Berant 2022), real-valued."""

    family: ClassVar[str] = "diagonal"
    width_field: ClassVar[str | None] = "d_model"

    d_model: int = 8
    dropout: float = 0.0
    learning_rate: float = 1e-2

    def build(self, vocab_size: int, start_token: int) -> Diagonal:
        return Diagonal(self, vocab_size, start_token)


class Diagonal(CarriedModel):
    """s' = exp(-exp(A_log)) s + B x, y = C s' + x: N states for each of D channels.

    Carries one tensor of four dimensions, (1, B, D, N).
    """

    config: DiagonalConfig
    training_length = 8

    def __init__(self, config: DiagonalConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config, self.vocab_size, self.start_token = config, vocab_size, start_token
        shape = (config.d_model, NUM_STATES)
        self.embedding = nn.Parameter(config.d_model**-0.5 * torch.randn(vocab_size, config.d_model))
        self.A_log = nn.Parameter(torch.linspace(-3, 1, NUM_STATES).repeat(config.d_model, 1))
        self.from_input, self.to_output = (nn.Parameter(NUM_STATES**-0.5 * torch.randn(shape)) for _ in range(2))
        self.output_bias = nn.Parameter(torch.zeros(vocab_size))

    @property
    def hidden_width(self) -> int:
        return self.config.d_model * NUM_STATES

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """A_log is a matrix, but decay would make every state forget alike (Gu and Dao 2023)."""
        return [
            ParameterGroup([self.embedding, self.from_input, self.to_output], is_decayed=True),
            ParameterGroup([self.output_bias], is_decayed=False),
            ParameterGroup([self.A_log], is_decayed=False, learning_rate_scale=0.5),
        ]

    def blank_carry(self, num_rows: int) -> Carry:
        return (self.embedding.new_zeros(1, num_rows, self.config.d_model, NUM_STATES),)

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        inputs = F.dropout(F.embedding(tokens, self.embedding), self.config.dropout, training)
        kept, state, outputs = torch.exp(-torch.exp(self.A_log)), carry[0][0], []
        for step in inputs.unbind(1):
            state = kept * state + self.from_input * step[..., None]
            outputs.append((self.to_output * state).sum(-1) + step)
        return torch.stack(outputs, dim=1), (state[None],)

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding, self.output_bias)

    def cost(self) -> Cost:
        in_states = 3 * self.config.d_model * NUM_STATES
        return Cost(
            num_params=self.num_params(),
            model_bytes=4 * self.num_params(),
            flops_per_token=2 * (in_states + self.embedding.numel()),
            state_bytes_at_context=4 * (self.vocab_size + self.config.d_model * NUM_STATES),
        )
