"""What families of torch modules share, and what training by gradients needs of them.

Shape legend: B rows (sequences), T tokens, V vocabulary size.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from models.language_model import LanguageModel, NeuralModelConfig


class TorchModel(LanguageModel, nn.Module):
    """A model whose weights are those of a torch module, whether it is trained here or not."""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def on(self, device: torch.device) -> Self:
        return self.to(device).eval()

    def tensors(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu() for name, value in self.state_dict().items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self.load_state_dict(tensors)

    def num_params(self) -> int:
        return sum(p.numel() for p in self.parameters())


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that the optimizer treats in the same way."""

    parameters: Sequence[nn.Parameter]
    is_decayed: bool
    """Whether weight decay pulls them towards zero."""
    learning_rate_scale: float = 1.0
    """Their learning rate, as a multiple of the schedule's."""
    is_hidden_matrix: bool = False
    """Whether they are matrices between hidden values, which Muon may take; not embeddings, outputs or scales."""


class NeuralModel(TorchModel):
    """A family that is trained by gradients.

    A subclass implements `forward` and `training_length`, and `parameter_groups` where the decayed parameters are not
    exactly the matrices; training needs nothing else. The model has to learn by itself that a document's end breaks the
    context: the start token separates documents in the training stream.
    """

    config: NeuralModelConfig

    @property
    @abstractmethod
    def training_length(self) -> int:
        """Tokens that each row reads in one training step."""

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """How the optimizer treats each parameter; one that is in no group is not trained.

        Here: matrices are decayed, biases and scales are not. Matrices of modules inside this one are hidden; those
        that it holds itself are embeddings and outputs.
        """
        named = list(self.named_parameters())
        hidden = [parameter for name, parameter in named if parameter.dim() == 2 and "." in name]
        is_hidden = {id(parameter) for parameter in hidden}
        outer = [parameter for _, parameter in named if parameter.dim() > 1 and id(parameter) not in is_hidden]
        others = [parameter for _, parameter in named if parameter.dim() <= 1]
        return [
            ParameterGroup(hidden, is_decayed=True, is_hidden_matrix=True),
            ParameterGroup(outer, is_decayed=True),
            ParameterGroup(others, is_decayed=False),
        ]

    def train_flops_per_token(self) -> int:
        """Floating-point operations of a training step for each token, forward and backward.

        Here: backward costs twice as much as forward, since each product of matrices has two factors with a gradient
        (Kaplan et al. 2020, section 2.1).
        """
        return 3 * self.cost().flops_per_token

    @abstractmethod
    def forward(self, tokens: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """Training pass. tokens: (B, T) int64. Returns (logits (B, T, V), carry).

        logits[b, t] predicts the token after tokens[b, t]. `carry` is what the next stretch of the same rows may start
        from (a recurrent family's state, detached: a tuple of tensors with B in dimension 1, zeros where a row has read
        nothing); None where a family has none.
        """

    def features(self, tokens: Tensor) -> Tensor:
        """Numbers (B, T, F) for each place of (B, T) tokens, from which a critic reads how well a text goes on.

        Here: the logits. A family with hidden values gives the last of them, without dropout.
        """
        logits: Tensor = self(tokens)[0]
        return logits
