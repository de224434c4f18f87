"""The options of model=transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.checks import MOST_HEADS, MOST_LAYERS, check_option
from models.language_model import LanguageModel, NeuralModelConfig, OptimizerName
from models.settings.make import make

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "modern": {
        "positions": "rotary",
        "norm": "rms",
        "feed_forward": "relu2",
        "mlp_ratio": 4.0,
        "biases": False,
        "query_key_norm": False,
        "norm_epsilon": 2**-23,
    },
    "gpt2": {
        "positions": "learned",
        "norm": "layer",
        "feed_forward": "gelu",
        "mlp_ratio": 4.0,
        "biases": True,
        "query_key_norm": False,
        "norm_epsilon": 1e-5,
    },
    "llama": {
        "positions": "rotary",
        "norm": "rms",
        "feed_forward": "swiglu",
        "mlp_ratio": 8 / 3,
        "biases": False,
        "query_key_norm": False,
        "norm_epsilon": 1e-5,
    },
}
"""What each preset sets, where the user doesn't."""


@dataclass(frozen=True)
class TransformerConfig(NeuralModelConfig):
    """A decoder-only transformer. Options that are None get the preset's value."""

    family: ClassVar[str] = "transformer"

    # As a search found them (results/reference/tuning).
    optimizer: OptimizerName = "muon"
    version: ClassVar[int] = 2
    width_field: ClassVar[str | None] = "d_model"

    preset: Literal["modern", "gpt2", "llama"] = "modern"
    """The architecture whose options are used where they are None: modern, gpt2 or llama."""
    num_layers: int = 4
    """Blocks; 1 to 1,000."""
    num_heads: int = 8
    """Attention heads; 1 to 1,000."""
    num_kv_heads: int | None = None
    """Heads of keys and values, each shared by as many query heads; a divisor of num_heads; None: num_heads."""
    d_model: int = 128
    """Width of the residual stream; a multiple of num_heads, with rotary positions of 2 * num_heads."""
    context_length: int = 64
    """Most tokens in a window, the start token included, and what a training step reads; 1 or more."""
    stride: int | None = None
    """Tokens by which the window slides on when it is full; 1 to context_length; None: half of it."""
    positions: Literal["rotary", "learned", "alibi", "none"] | None = None
    """How a token's position is told: rotary, learned, alibi or none; None: as the preset."""
    norm: Literal["rms", "layer"] | None = None
    """What normalises before each part: rms or layer; None: as the preset."""
    feed_forward: Literal["relu2", "swiglu", "gelu"] | None = None
    """The MLP's activation: relu2, swiglu or gelu; None: as the preset."""
    mlp_ratio: float | None = None
    """Width of each MLP's hidden layer, in d_model; above 0; None: as the preset."""
    biases: bool | None = None
    """Whether matrices in the blocks have biases; None: as the preset."""
    query_key_norm: bool | None = None
    """Whether each head's queries and keys are normalised; None: as the preset."""
    norm_epsilon: float | None = None
    """What is added to the mean square before its root is taken; above 0; None: as the preset."""
    rotary_base: float = 10_000.0
    """Rotary positions: how many times slower the last pair of values turns than the first; above 1."""
    dropout: float = 0.0
    """Share of the values that training drops from the embedding, the attention and each block's output; 0 up to 1."""
    tie_embeddings: bool = True
    """Whether one matrix serves as embedding and as output."""
    learning_rate: float = 0.0061
    """Highest learning rate of the schedule; above 0."""

    def __post_init__(self) -> None:
        check_option(self, "preset", self.preset in PRESETS, " or ".join(PRESETS))
        for name, value in {"num_kv_heads": self.num_heads, **PRESETS[self.preset]}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        assert self.num_kv_heads is not None
        assert self.mlp_ratio is not None
        assert self.norm_epsilon is not None
        check_option(self, "num_layers", 1 <= self.num_layers <= MOST_LAYERS, f"1 to {MOST_LAYERS:,}")
        check_option(self, "num_heads", 1 <= self.num_heads <= MOST_HEADS, f"1 to {MOST_HEADS:,}")
        check_option(
            self,
            "num_kv_heads",
            self.num_kv_heads >= 1 and self.num_heads % self.num_kv_heads == 0,
            f"a divisor of num_heads ({self.num_heads})",
        )
        even = " (2 * num_heads: rotary positions need heads of even width)" if self.positions == "rotary" else ""
        check_option(
            self,
            "d_model",
            self.d_model >= 1 and self.d_model % self.width_multiple == 0,
            f"a multiple of {self.width_multiple}{even}",
        )
        check_option(self, "context_length", self.context_length >= 1, "1 or more")
        check_option(
            self,
            "stride",
            self.stride is None or 1 <= self.stride <= self.context_length,
            f"1 to context_length ({self.context_length}), or null for half of it",
        )
        check_option(self, "mlp_ratio", self.hidden_width >= 1, "above 0")
        check_option(self, "norm_epsilon", self.norm_epsilon > 0, "above 0")
        check_option(self, "rotary_base", self.rotary_base > 1, "above 1")
        check_option(self, "dropout", 0 <= self.dropout < 1, "0 up to, not including, 1")
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")

    @property
    def width_multiple(self) -> int:
        return (2 if self.positions == "rotary" else 1) * self.num_heads

    @property
    def head_width(self) -> int:
        return self.d_model // self.num_heads

    @property
    def kv_width(self) -> int:
        """Width of the keys of all heads, and of the values."""
        assert self.num_kv_heads is not None
        return self.num_kv_heads * self.head_width

    @property
    def hidden_width(self) -> int:
        """Width of each MLP's hidden layer."""
        assert self.mlp_ratio is not None
        return round(self.mlp_ratio * self.d_model)

    @property
    def window_length(self) -> int | None:
        return self.context_length

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.transformer.Transformer", self, vocab_size, start_token)
