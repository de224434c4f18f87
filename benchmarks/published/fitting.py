"""Models fitted to token ids by the product's own code, without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from harness.common.seeds import seed_of
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.settings import Training
from harness.training.training import fit
from models.language_model import CountingModel, LanguageModel, ModelConfig


def stream_of(start_token: int, documents: Sequence[np.ndarray]) -> np.ndarray:
    """Documents as one stream: each is opened by the start token, which also ends the one before; (N,) int64."""
    parts = [np.append(start_token, document) for document in documents]
    return np.concatenate([*parts, [start_token]]).astype(np.int64)


def counted(config: ModelConfig, vocab_size: int, start_token: int, documents: Sequence[np.ndarray]) -> LanguageModel:
    """A model of a family that counts, fitted to all documents."""
    model = config.build(vocab_size, start_token)
    assert isinstance(model, CountingModel)
    model.count(torch.from_numpy(stream_of(start_token, documents)))
    model.finish()
    return model


def trained(
    config: ModelConfig,
    tokenizer: Tokenizer,
    documents: Sequence[np.ndarray],
    recipe: Training,
    num_tokens: int,
    seed: int,
    set_first_weights: Callable[[LanguageModel], None] = lambda model: None,
) -> LanguageModel:
    """A model of a family that learns by gradients, after `num_tokens` tokens: the last weights, chosen by no text.

    set_first_weights: changes the weights that training starts from.
    """
    torch.manual_seed(seed_of("weights", seed))
    model = config.build(tokenizer.vocab_size, tokenizer.start_token)
    set_first_weights(model)
    # With num_validations=1 validation text only checks the end of the fit; a document of the training text will do.
    validation = Validation([documents[0][:64]], 64)
    with tempfile.TemporaryDirectory() as folder:
        stream = stream_of(tokenizer.start_token, documents)
        fit(model, stream, validation, recipe, Budget(tokens=num_tokens), seed, Path(folder), say=lambda text: None)
    return model
