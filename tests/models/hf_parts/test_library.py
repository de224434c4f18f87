"""Loading from a folder with the transformers library, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from models.checks import Impossible
from models.hf_parts.left_padded_cache import LeftPaddedCache
from models.hf_parts.library import first_look, load, past
from tests.peers import peer

VOCAB_SIZE, START = 40, 3


@pytest.mark.parametrize(("architecture", "shape"), [("gpt2", (2, 8)), ("llama", (2, 4))])
def test_a_model_is_seen_to_know_its_tokens_and_to_keep_keys_and_values_in_each_layer(
    architecture: str, shape: tuple[int, int]
) -> None:
    # gpt2: width 16 in two heads; llama: width 16 in four heads, of which two each share a key and a value
    model = load(str(peer(architecture, VOCAB_SIZE, START)))
    assert first_look(model) == (VOCAB_SIZE, [shape] * 4)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@torch.no_grad()
def test_a_cache_of_ours_serves_as_one_of_theirs() -> None:
    model = load(str(peer("llama", VOCAB_SIZE, START)))
    tokens = torch.tensor([[3, 1, 4, 1, 5], [3, 9, 2, 6, 5]])
    cache = LeftPaddedCache.empty(first_look(model)[1], 2, torch.zeros(1))
    read = []
    for part in tokens.split([2, 1, 2], dim=1):
        cache = cache.grow([part.shape[1]] * 2)
        read.append(model(input_ids=part, past_key_values=past(cache), use_cache=True).logits)
    torch.testing.assert_close(torch.cat(read, dim=1), model(input_ids=tokens).logits, atol=1e-5, rtol=0)


def test_the_library_s_messages_are_as_before_afterwards(tmp_path: Path) -> None:
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        for wanted in (logging.INFO, logging.ERROR):
            logging.set_verbosity(wanted)
            logging.enable_progress_bar()
            load(str(peer("gpt2", VOCAB_SIZE, START)))
            with pytest.raises(Impossible):
                load(str(tmp_path))
            assert logging.get_verbosity() == wanted
            assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(verbosity)
        if not bars:
            logging.disable_progress_bar()


def test_weights_without_an_output_layer_are_refused(tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(peer("llama", VOCAB_SIZE, START)).model.save_pretrained(tmp_path)
    with pytest.raises(Impossible, match=r"not a complete LlamaForCausalLM: lm_head\.weight"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": None}, "can't be read by transformers"),
        ({"model_type": "t5"}, "can't be read by transformers"),
        ({"model_type": None, "architectures": None}, "can't be read by transformers"),
        ({"n_embd": "wide"}, "can't be read by transformers"),
        (
            {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}},
            "can't be read by transformers",
        ),
    ],
)
def test_a_configuration_that_transformers_does_not_take_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(peer("gpt2", VOCAB_SIZE, START), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    (folder / "own.py").write_text("raise SystemExit('code of the folder was run')")
    with pytest.raises(Impossible, match=message):
        load(str(folder))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(peer("gpt2", VOCAB_SIZE, START), tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(Impossible, match="can't be read by transformers"):
        load(str(folder))
    (folder / "config.json").write_text("{")
    with pytest.raises(Impossible, match="can't be read by transformers"):
        load(str(folder))
