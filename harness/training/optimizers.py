"""The optimizers of training: AdamW, Muon for hidden matrices, SGD; as one object, whatever is inside."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from harness.training.settings import Training
from models.neural_model import NeuralModel, ParameterGroup


class Optimizer:
    """Changes a model's parameters by their gradients, each group by torch's optimizer for it."""

    def __init__(self, model: NeuralModel, training: Training) -> None:
        groups, name = list(model.parameter_groups()), model.config.optimizer
        is_orthogonalised = [name == "muon" and group.is_hidden_matrix for group in groups]
        self._parts: list[torch.optim.Optimizer] = []
        if hidden := _torch_groups(groups, is_orthogonalised, True, training):
            # the size of a step as AdamW's, so that one learning rate suits both (Liu et al. 2025, section 2.2)
            self._parts.append(torch.optim.Muon(hidden, momentum=training.momentum, adjust_lr_fn="match_rms_adamw"))
        if others := _torch_groups(groups, is_orthogonalised, False, training):
            if name == "sgd":
                momentum = training.momentum
                self._parts.append(torch.optim.SGD(others, momentum=momentum, nesterov=momentum > 0))
            else:
                self._parts.append(torch.optim.AdamW(others, betas=(training.beta1, training.beta2), fused=True))

    def step(self, learning_rate: float) -> None:
        """Change the parameters by their gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate * group["learning_rate_scale"]
            part.step()

    def clear_gradients(self) -> None:
        for part in self._parts:
            part.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """All that the next step needs, by name."""
        return {
            f"{number}.{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
            for number, part in enumerate(self._parts)
            for index, values in part.state_dict()["state"].items()
            for name, value in values.items()
            if value is not None
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state` gave."""
        by_part: dict[int, dict[int, dict[str, Tensor]]] = defaultdict(lambda: defaultdict(dict))
        for key, value in state.items():
            part_number, index, name = key.split(".", 2)
            by_part[int(part_number)][int(index)][name] = value
        for number, part in enumerate(self._parts):
            part.load_state_dict({"state": by_part[number], "param_groups": part.state_dict()["param_groups"]})


def _torch_groups(
    groups: list[ParameterGroup], is_orthogonalised: list[bool], picked: bool, training: Training
) -> list[dict[str, Any]]:
    """The groups that Muon takes, or those that it doesn't, as torch's optimizers take them."""
    return [
        {
            "params": list(group.parameters),
            "weight_decay": training.weight_decay if group.is_decayed else 0.0,
            "learning_rate_scale": group.learning_rate_scale,
        }
        for group, with_muon in zip(groups, is_orthogonalised, strict=True)
        if with_muon == picked and group.parameters
    ]
