"""One GPT-2 with random weights and one tokenizer, as one of our fits and as lm_eval's own model for transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from harness.text.tokenizers.hf import HFTokenizerSettings
from harness.training.fits import Fit
from models.settings.hf import HFConfig
from tests.peers import write_gpt2

START = "<|endoftext|>"
CONTEXT_LENGTH = 64
_TEXT = ["What is 12 plus 7? The answer is 19.", "Question: What is 3 minus 8?\nAnswer: -5", "To be, or not to be"]


def write(folder: Path) -> Path:
    """A folder of transformers': a byte-level tokenizer that puts the start token before a text, and the model."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=[START], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(_TEXT, trainer)
    start = tokenizer.token_to_id(START)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A", special_tokens=[(START, start)])
    special = {"bos_token": START, "eos_token": START, "pad_token": START}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return write_gpt2(folder, tokenizer.get_vocab_size(), start, CONTEXT_LENGTH)


def our_fit(folder: Path, **options: Any) -> Fit:
    tokenizer = HFTokenizerSettings(str(folder)).train([])
    model = HFConfig(str(folder), **options).build(tokenizer.vocab_size, tokenizer.start_token)
    return Fit("peer", folder, model, tokenizer, {})


def their_model(folder: Path, add_bos_token: bool = True) -> HFLM:
    """add_bos_token: as our models do. For whole texts lm_eval adds the token itself, and would score it."""
    from transformers import AutoTokenizer, GPT2LMHeadModel

    return HFLM(
        pretrained=GPT2LMHeadModel.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        add_bos_token=add_bos_token,
        batch_size=7,
        device="cpu",
    )


def teach(folder: Path, texts: list[str]) -> None:
    """Train the model in the folder until it knows the texts by heart."""
    from transformers import AutoTokenizer, GPT2LMHeadModel

    tokenizer, model = AutoTokenizer.from_pretrained(folder), GPT2LMHeadModel.from_pretrained(folder)
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    ids, held = encoded["input_ids"], encoded["attention_mask"].bool()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(200):
        optimizer.zero_grad()
        model(ids, labels=ids.where(held, -100)).loss.backward()
        optimizer.step()
    model.eval().save_pretrained(folder)
