"""Shared by the recurrent families: embedding -> recurrent layers -> output, with a state that is carried on.

A family defines one layer, as torch's own module, and how it runs. How texts are read with a carried state is in
models/carried.py; all else (embedding, first weights, dropout, cost) is here. Dropout is on what goes into each layer
and into the output, never between one step and the next (Zaremba, Sutskever and Vinyals 2014). With
`tie_embeddings` one matrix serves as embedding and output (Press and Wolf 2017; Inan et al. 2017).

Initialisation: matrices from the input uniform as Glorot and Bengio (2010), recurrent matrices orthogonal (Saxe,
McClelland and Ganguli 2014), each gate by itself; biases 0. Embeddings are normal; the layers see them with a
standard deviation of 1, the output with 1 / sqrt(d_model), so a tied matrix is multiplied by sqrt(d_model) at the
input (Vaswani et al. 2017, section 3.4). Smaller inputs let a network settle in states that no input moves it out of.

Shape legend: B rows, T tokens, V vocabulary size, D d_model, L layers, G gates of a layer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import nullcontext
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import CarriedModel, Carry
from models.dropout import drop
from models.language_model import Cost
from models.settings.recurrent import RecurrentConfig


class RecurrentModel(CarriedModel):
    """A stack of recurrent layers over one embedding."""

    config: RecurrentConfig
    num_gates: ClassVar[int]
    """G: how many (D, D) blocks a layer's matrices have."""
    num_carried: ClassVar[int]
    """How many tensors a layer carries from one step to the next."""

    def __init__(self, config: RecurrentConfig, vocab_size: int, start_token: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        d_model = config.d_model
        d_embedding = config.d_embedding or d_model
        self.embedding = nn.Parameter(torch.empty(vocab_size, d_embedding))
        widths_in = [d_embedding] + [d_model] * (config.num_layers - 1)
        self.layers = nn.ModuleList(self.make_layer(width_in, d_model) for width_in in widths_in)
        # Tied: None, and the embedding is used instead, so that the weights hold it once.
        self.output = None if config.tie_embeddings else nn.Parameter(torch.empty(vocab_size, d_model))
        self.output_bias = nn.Parameter(torch.zeros(vocab_size))
        self.embedding_scale = 1.0 if self.output is not None else d_model**0.5
        nn.init.normal_(self.embedding, std=1 / self.embedding_scale)
        if self.output is not None:
            nn.init.normal_(self.output, std=d_model**-0.5)
        for layer in self.layers:
            assert isinstance(layer, nn.RNNBase)
            self.initialise(layer)

    @abstractmethod
    def make_layer(self, width_in: int, d_model: int) -> nn.RNNBase:
        """One layer, `width_in` to D, as torch's own module."""

    @abstractmethod
    def run_layer(self, layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """inputs: (T, B, width_in), T >= 1; carry: each (B, D). Returns the outputs (T, B, D), and the carry after
        them."""

    def initialise(self, layer: nn.RNNBase) -> None:
        """Draw a layer's first weights."""
        for name, parameter in layer.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            else:
                draw = nn.init.xavier_uniform_ if name.startswith("weight_ih") else nn.init.orthogonal_
                for block in parameter.detach().chunk(self.num_gates):
                    draw(block)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        # cuDNN has gradients in training mode alone, and these layers have no dropout of their own to turn off
        self.layers.train(mode or self.device.type == "cuda")
        return self

    @property
    def training_length(self) -> int:
        return self.config.training_length

    @property
    def hidden_width(self) -> int:
        return self.config.d_model

    def blank_carry(self, num_rows: int) -> Carry:
        """Each (L, B, D)."""
        blank = self.embedding.new_zeros(self.config.num_layers, num_rows, self.config.d_model)
        return (blank,) * self.num_carried

    @property
    def embeddings(self) -> Tensor:
        return self.embedding.detach()

    def _layer_by_layer(self, tokens: Tensor, carry: Carry, dropout: float) -> Iterator[tuple[Tensor, Carry]]:
        """What each layer gives (T, B, D), and carries on."""
        # (T, B, D): time first, so that each step is one block
        hidden = F.embedding(tokens.t(), self.embedding) * self.embedding_scale
        for layer, *before in zip(self.layers, *carry, strict=True):
            assert isinstance(layer, nn.RNNBase)
            hidden, last = self.run_layer(layer, drop(hidden, dropout), tuple(before))
            yield hidden, last

    def units(self, tokens: Tensor) -> dict[str, Tensor]:
        layers = self._layer_by_layer(tokens, self.blank_carry(1), 0.0)
        return {f"layer {number}": hidden[:, 0] for number, (hidden, _) in enumerate(layers, 1)}

    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        dropout = self.config.dropout if training else 0.0
        after: list[Carry] = []
        for hidden, last in self._layer_by_layer(tokens, carry, dropout):
            after.append(last)
            outputs = hidden
        carried = tuple(torch.stack(parts) for parts in zip(*after, strict=True))
        return drop(outputs, dropout).transpose(0, 1), carried

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding if self.output is None else self.output, self.output_bias)

    def cost(self) -> Cost:
        """FLOPs are those of the matrices, 2 per multiply-add; element-wise work isn't counted."""
        d_model = self.config.d_model
        in_layers = sum(parameter.numel() for parameter in self.layers.parameters() if parameter.dim() == 2)
        bytes_per_value = self.embedding.element_size()
        return Cost(
            num_params=self.num_params(),
            model_bytes=self.num_params() * bytes_per_value,
            flops_per_token=2 * (in_layers + self.vocab_size * d_model),
            state_bytes_at_context=4 * self.vocab_size
            + self.num_carried * self.config.num_layers * d_model * bytes_per_value,
        )


def runs_by_hand(values: Tensor) -> bool:
    """Whether to use a family's own recurrence instead of torch's module: on the processor, where torch has no fast
    kernel for it. A graphics card has cuDNN's.
    """
    return values.device.type == "cpu"


def run_torch_layer(layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
    """A layer by torch's own module. Shapes as in `run_layer`."""
    before = tuple(part[None] for part in carry)
    # where bfloat16 is asked for, torch runs cuDNN's layers in float16, whose gradients may vanish
    with torch.autocast("cuda", enabled=False) if inputs.is_cuda else nullcontext():
        outputs, after = layer(inputs, before if len(before) > 1 else before[0])
    return outputs, tuple(part[0] for part in (after if len(before) > 1 else (after,)))


def weights_of(layer: nn.RNNBase) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(from the input (GD, width_in), recurrent (GD, D), bias of the first (GD,), bias of the second (GD,))."""
    from_input, recurrent, input_bias, recurrent_bias = layer.all_weights[0]
    return from_input, recurrent, input_bias, recurrent_bias
