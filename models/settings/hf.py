"""The options of model=hf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.hf_parts.architecture import check_conversion
from models.hf_parts.folder import absolute, content_sha256, model_files, num_params
from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class HFConfig(ModelConfig):
    """Weights that were trained elsewhere."""

    family: ClassVar[str] = "hf"
    is_fitted: ClassVar[bool] = True

    path: str = ""
    """The folder: config.json, and model.safetensors whole or in parts. Kept as an absolute path."""
    context_length: int | None = None
    """Most tokens in a window; 1 or more, no more than the model knows positions for; None: as many."""
    stride: int | None = None
    """Tokens by which the window slides on when it is full; 1 to context_length; None: half of it."""

    convert: bool = False
    """Whether the weights become a transformer of our own, which can be trained on; GPT-2 and Llama."""

    def __post_init__(self) -> None:
        check_option(self, "path", bool(self.path), "a folder with config.json and model.safetensors")
        object.__setattr__(self, "path", absolute(self.path))  # a fit is read from any working directory
        check_option(self, "context_length", self.context_length is None or self.context_length >= 1, "1 or more")
        check_option(
            self,
            "stride",
            self.stride is None or 1 <= self.stride <= (self.context_length or self.stride),
            "1 to context_length, or null for half of it",
        )
        model_files(self.path)
        if self.convert:
            check_conversion(self.path, self.context_length, self.stride)

    @property
    def content_sha256(self) -> str:
        """SHA-256 (hex) of the folder's configuration and weights: other content at the same path makes another fit."""
        return content_sha256(model_files(self.path))

    @property
    def num_stored_params(self) -> int | None:
        return num_params(model_files(self.path))

    @property
    def is_deterministic(self) -> bool:
        return True

    @property
    def window_length(self) -> int | None:
        return self.context_length

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        address = "models.hf_parts.weights.converted" if self.convert else "models.hf.HFModel"
        return make(address, self, vocab_size, start_token)
