"""Models of the transformers library with random weights, as folders that model=hf reads; and a tokenizer for them."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch


def write_gpt2(folder: Path, vocab_size: int, start_token: int, context_length: int = 64, spread: float = 0.3) -> Path:
    """A small GPT-2. spread: standard deviation of its weights; a large one makes the model confident."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=context_length,
        n_embd=16,
        n_layer=2,
        n_head=2,
        initializer_range=spread,
        bos_token_id=start_token,
        eos_token_id=start_token,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def write_llama(folder: Path, vocab_size: int, start_token: int, context_length: int = 64, spread: float = 0.3) -> Path:
    """A small Llama, with fewer heads of keys than of queries."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab_size,
        max_position_embeddings=context_length,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=spread,
        bos_token_id=start_token,
        eos_token_id=start_token,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


ARCHITECTURES = {"gpt2": write_gpt2, "llama": write_llama}


@functools.cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bakeoff-peers-")


def scratch() -> Path:
    """A folder of this process, gone when it ends."""
    return Path(_own_folder().name)


@functools.cache
def peer(architecture: str, vocab_size: int, start_token: int) -> Path:
    """A folder of this process with such a model."""
    folder = scratch() / f"{architecture}-{vocab_size}-{start_token}"
    return ARCHITECTURES[architecture](folder, vocab_size, start_token)


START = "<|endoftext|>"


def write_tokenizer(folder: Path, texts: Iterable[str], vocab_size: int = 300) -> Path:
    """A byte-level tokenizer as GPT-2's, learnt from these texts, as transformers writes it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[START],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _written(folder, tokenizer, {"bos_token": START, "eos_token": START})


def write_fallback_tokenizer(folder: Path, texts: Iterable[str], vocab_size: int = 400) -> Path:
    """A tokenizer of characters as Llama 2's, with the 256 bytes for what it doesn't know and a space before each text,
    as transformers writes it.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])  # type: ignore[assignment]
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)  # type: ignore[assignment]
    named = ["<unk>", "<s>", "</s>"]
    special = [*named, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False)
    )
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if token["content"] in named]
    return _written(folder, Tokenizer.from_str(json.dumps(described)), {"bos_token": "<s>", "eos_token": "</s>"})


def _written(folder: Path, tokenizer: Any, names: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {**names, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return folder
