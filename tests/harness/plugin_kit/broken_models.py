"""Families with one mistake each, and right ones that look odd, to hold against `bakeoff check model`.

The base is minGRU (Feng et al. 2024, "Were RNNs all we needed?", appendix B), computed as published: a parallel scan in
log space. Shape legend: B rows, T tokens, V vocabulary size, D width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import CarriedModel, CarriedState, Carry
from models.checking import contract
from models.checking.trial import Subject
from models.language_model import Cost, LanguageModel, NeuralModelConfig, State


@dataclass(frozen=True)
class MinGRUConfig(NeuralModelConfig):
    family: ClassVar[str] = "mingru"
    width_field: ClassVar[str | None] = "d_model"

    d_model: int = 16
    learning_rate: float = 1e-2
    scale: float = 1.0
    """What the logits are multiplied by: large ones make some tokens very improbable."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return MinGRU(self, vocab_size, start_token)


def _log_positive(values: Tensor) -> Tensor:
    """log g(x), g(x) = x + 0.5 for x >= 0, else sigmoid(x)."""
    return torch.where(values >= 0, (F.relu(values) + 0.5).log(), -F.softplus(-values))


class MinGRU(CarriedModel):
    """h_t = (1 - z_t) h_(t-1) + z_t g(W x_t), z_t = sigmoid(W_z x_t)."""

    config: MinGRUConfig
    training_length = 8

    def __init__(self, config: MinGRUConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config, self.vocab_size, self.start_token = config, vocab_size, start_token
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.gate, self.candidate = (nn.Linear(config.d_model, config.d_model) for _ in range(2))
        self.output = nn.Linear(config.d_model, vocab_size)

    @property
    def hidden_width(self) -> int:
        return self.config.d_model

    def blank_carry(self, num_rows: int) -> Carry:
        return (self.embedding.weight.new_full((1, num_rows, self.config.d_model), 0.5),)

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        inputs = self.embedding(tokens)
        gates = self.gate(inputs)
        log_kept = -F.softplus(gates)
        log_values = torch.cat(
            [carry[0][0].log()[:, None], -F.softplus(-gates) + _log_positive(self.candidate(inputs))], dim=1
        )
        decay = F.pad(log_kept.cumsum(dim=1), (0, 0, 1, 0))
        hidden = (decay + torch.logcumsumexp(log_values - decay, dim=1)).exp()[:, 1:]
        return hidden, (hidden[None, :, -1],)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.config.scale * self.output(hidden)

    def cost(self) -> Cost:
        num_params = self.num_params()
        return Cost(num_params, 4 * num_params, 2 * num_params, 4 * (self.vocab_size + self.config.d_model))


class ForgetsItsCarry(MinGRU):
    """Reads chunks of 64 tokens, and starts each from an empty state."""

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        parts = []
        for number, chunk in enumerate(tokens.split(64, dim=1)):
            hidden, after = super().run(chunk, carry if number == 0 else self.blank_carry(len(tokens)), training)
            parts.append(hidden)
        return torch.cat(parts, dim=1), after


class BlursItsCarry(MinGRU):
    """Reads chunks of 128 tokens, and takes over to the next one what it remembers but for a 2,000th of it."""

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        parts = []
        for number, chunk in enumerate(tokens.split(128, dim=1)):
            hidden, carry = super().run(chunk, carry if number == 0 else (1.0005 * carry[0],), training)
            parts.append(hidden)
        return torch.cat(parts, dim=1), carry


class MixesRows(MinGRU):
    """In a batch of more than 8 the ninth row is read in place of the first."""

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        if len(tokens) > 8:
            tokens = torch.cat([tokens[8:9], tokens[1:]])
        return super().run(tokens, carry, training)


class OneContextIsOff(MinGRU):
    """After the tokens 3, 5 at the beginning of a document probabilities sum to 1.1."""

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        after, state = super().read(state, tokens, lengths)
        if tokens.shape[1] > 1:
            after[:, 1] += 0.1 * ((tokens[:, 0] == 3) & (tokens[:, 1] == 5))[:, None]
        return after, state


class StartIsTheLastId(MinGRU):
    """Takes the last id for the start token."""

    def start(self, num_rows: int = 1) -> CarriedState:
        kept, self.start_token = self.start_token, self.vocab_size - 1
        state = super().start(num_rows)
        self.start_token = kept
        return state


class ChangesItsState(MinGRU):
    """Where lengths are given, the state that was read from is changed too."""

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        after, new = super().read(state, tokens, lengths)
        if lengths is not None:
            assert isinstance(state, CarriedState)
            assert isinstance(new, CarriedState)
            state.carry[0].copy_(new.carry[0])
        return after, new


class ForgetsABuffer(MinGRU):
    """Counts what it is trained on, for a bias that is not saved; what was never seen keeps it at 0."""

    def __init__(self, config: MinGRUConfig, vocab_size: int, start_token: int) -> None:
        super().__init__(config, vocab_size, start_token)
        self.register_buffer("seen", torch.zeros(vocab_size, vocab_size), persistent=False)

    def forward(self, tokens: Tensor, carry: Carry | None = None) -> tuple[Tensor, Carry]:
        self.seen[tokens[:, :-1], tokens[:, 1:]] = 1.0
        return super().forward(tokens, carry)


class PeeksInTraining(MinGRU):
    """The training pass knows the next token."""

    def forward(self, tokens: Tensor, carry: Carry | None = None) -> tuple[Tensor, Carry]:
        logits, carry = super().forward(tokens, carry)
        peeked = F.one_hot(tokens[:, 1:], self.vocab_size).to(logits.dtype)
        return logits + F.pad(peeked, (0, 0, 0, 1)), carry


class LearnsFromWhatItReads(MinGRU):
    """Whatever it scores becomes a little more probable."""

    @torch.no_grad()
    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        scored = super().token_logprobs(tokens, lengths)
        self.output.bias += 1e-3 * F.one_hot(tokens, self.vocab_size).sum((0, 1))
        return scored


class IsSureOfWhatIsImpossible(MinGRU):
    """A token has a log-probability of -1e9 where it should have a probability."""

    def logits(self, hidden: Tensor) -> Tensor:
        return torch.cat([torch.full_like(hidden[..., :1], -1e9), super().logits(hidden)[..., 1:]], dim=-1)


class HasOneWidth(MinGRU):
    """Has 16 values in its state, whatever the option says."""

    def __init__(self, config: MinGRUConfig, vocab_size: int, start_token: int) -> None:
        super().__init__(dataclasses.replace(config, d_model=16), vocab_size, start_token)


BROKEN: dict[type[MinGRU], Callable[[Subject], None]] = {
    ForgetsItsCarry: contract.reading_a_long_text_in_pieces_equals_reading_it_at_once,
    BlursItsCarry: contract.reading_a_long_text_in_pieces_equals_reading_it_at_once,
    MixesRows: contract.a_batch_row_equals_the_row_alone,
    OneContextIsOff: contract.probabilities_sum_to_one,
    StartIsTheLastId: contract.a_document_opens_with_the_start_token_that_was_named,
    ChangesItsState: contract.a_fork_leaves_its_parent_as_it_was,
    ForgetsABuffer: contract.save_and_load_give_the_same_bits,
    PeeksInTraining: contract.a_training_pass_sees_no_later_token,
    LearnsFromWhatItReads: contract.reading_changes_nothing_that_was_learnt,
    IsSureOfWhatIsImpossible: contract.probabilities_sum_to_one,
    HasOneWidth: contract.a_width_can_be_tried_without_memory_for_it,
}
"""Each mistake, and the check that is meant for it."""


def config_of(model: type[MinGRU]) -> MinGRUConfig:
    """The options of a family whose models are of this class."""

    @dataclass(frozen=True)
    class Config(MinGRUConfig):
        def build(self, vocab_size: int, start_token: int) -> LanguageModel:
            return model(self, vocab_size, start_token)

    return Config()


AS_PUBLISHED = {
    "mingru": MinGRUConfig(),
    "mingru at -19 nats": dataclasses.replace(MinGRUConfig(), scale=12.0),
}
"""Right ones: in float32 the scan differs from reading step by step by 1e-5 where a token costs 19 nats."""
