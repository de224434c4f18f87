"""The common part of models that combine other fitted models.

A combination reads a text with each member and combines their distributions. Its members are fitted before it, each as
it would be alone, and never change. Parameters of the combination, such as a mixture's weights, are chosen by held-out
text (`tune`). Members have the same vocabulary. Everything is computed on the processor, wherever the members are.

Shape legend: M members, B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models.checks import Impossible
from models.language_model import Cost, LanguageModel, State
from models.settings.combined import CombinedConfig

# Most float32 values of held-out distributions in memory at once during `tune`.
_MAX_VALUES = 1 << 26


class CombinedModel(LanguageModel):
    """A subclass defines how it reads, and what it tunes."""

    config: CombinedConfig

    def __init__(self, config: CombinedConfig, members: Mapping[str, LanguageModel]) -> None:
        self.config = config
        self.members = dict(members)
        first = next(iter(self.members.values()))
        self.vocab_size, self.start_token = first.vocab_size, first.start_token

    @abstractmethod
    def tune(self, held_out: Sequence[Tensor]) -> None:
        """Choose the parameters of the combination. held_out: documents that no member was fitted to, (N,) int64 each.

        Raises Impossible where that can't be done with these documents.
        """

    @abstractmethod
    def own_tensors(self) -> dict[str, Tensor]:
        """What `tune` chose, by name."""

    @abstractmethod
    def load_own_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Use the values that `own_tensors` returned."""

    @property
    def window_length(self) -> int | None:
        windows = [member.window_length for member in self.members.values()]
        return min((window for window in windows if window is not None), default=None)

    @property
    def context_length(self) -> int | None:
        lengths = [member.context_length for member in self.members.values()]
        return None if None in lengths else max(length for length in lengths if length is not None)

    def num_context_tokens(self, num_tokens: int) -> Tensor:
        members = [member.num_context_tokens(num_tokens) for member in self.members.values()]
        return torch.stack(members).amax(dim=0)

    def cost(self) -> Cost:
        """The members' costs, and what was tuned."""
        costs = [member.cost() for member in self.members.values()]
        tuned = self.own_tensors().values()
        return Cost(
            num_params=sum(cost.num_params for cost in costs) + sum(tensor.numel() for tensor in tuned),
            model_bytes=sum(cost.model_bytes for cost in costs) + sum(tensor.nbytes for tensor in tuned),
            flops_per_token=sum(cost.flops_per_token for cost in costs),
            state_bytes_at_context=4 * self.vocab_size + sum(cost.state_bytes_at_context for cost in costs),
        )

    def on(self, device: torch.device) -> Self:
        for member in self.members.values():
            member.on(device)
        return self

    def tensors(self) -> dict[str, Tensor]:
        """The members' tensors as well: a combination does not need its members' fits any more."""
        member_tensors = {
            f"{name}/{key}": tensor for name, member in self.members.items() for key, tensor in member.tensors().items()
        }
        return member_tensors | self.own_tensors()

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        for name, member in self.members.items():
            prefix = f"{name}/"
            member.load_tensors(
                {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            )
        self.load_own_tensors({key: value for key, value in tensors.items() if "/" not in key})

    def check_members(self) -> None:
        """Impossible where a member gives no probabilities."""
        for name, member in self.members.items():
            if member.why_no_distribution is not None:
                raise Impossible(
                    f"model={self.config.family} can't use members.{name}: {member.why_no_distribution}. Pick another."
                )

    def held_out_distributions(self, held_out: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """(the members' distributions (M, N, V), the tokens after them (N,)) of held-out documents, one after another,
        up to about 2 ** 26 numbers in memory; the last document may be cut.
        """
        left = _MAX_VALUES // (self.vocab_size * len(self.members))
        for document in held_out:
            tokens = document[:left]
            if not len(tokens):
                continue
            logprobs = [member.logprobs(tokens[None])[0, :-1].cpu() for member in self.members.values()]
            yield torch.stack(logprobs), tokens
            left -= len(tokens)


@dataclass(frozen=True, eq=False)
class CombinedState(State):
    """logprobs (B, V), and each member's own state."""

    logprobs: Tensor
    members: tuple[State, ...]

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], tuple(member.select(index) for member in self.members))


class PointwiseCombination(CombinedModel):
    """A combination whose distributions depend only on the members' at the same position."""

    @abstractmethod
    def combine(self, logprobs: Tensor) -> Tensor:
        """(M, ..., V) to (..., V): the members' distributions to one."""

    def start(self, num_rows: int = 1) -> State:
        members = tuple(member.start(num_rows) for member in self.members.values())
        return CombinedState(self._combined([state.logprobs for state in members]), members)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, CombinedState)
        results = [
            member.read(member_state, tokens, lengths)
            for member, member_state in zip(self.members.values(), state.members, strict=True)
        ]
        states = tuple(after for _, after in results)
        after = self._combined([logprobs for logprobs, _ in results])
        return after, CombinedState(self._combined([member_state.logprobs for member_state in states]), states)

    def _combined(self, logprobs: Sequence[Tensor]) -> Tensor:
        return self.combine(torch.stack([member_logprobs.cpu() for member_logprobs in logprobs]))
