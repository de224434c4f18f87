"""nanoGPT's recipe, written down again: its model is GPT-2 without biases, as transformers computes it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import transformers

from benchmarks.tiny_shakespeare import nanogpt


@torch.no_grad()
def test_the_model_is_gpt2_without_biases() -> None:
    torch.manual_seed(0)
    ours = nanogpt.NanoGPT(vocab_size=65)
    config = transformers.GPT2Config(
        vocab_size=65,
        n_positions=nanogpt.WINDOW,
        n_embd=nanogpt.WIDTH,
        n_layer=nanogpt.NUM_LAYERS,
        n_head=nanogpt.NUM_HEADS,
        activation_function="gelu",
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    for name, parameter in theirs.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
    theirs.transformer.wte.weight.copy_(ours.embedding.weight)
    theirs.transformer.wpe.weight.copy_(ours.positions.weight)
    for block, their_block in zip(ours.blocks, theirs.transformer.h, strict=True):
        assert isinstance(block, nanogpt.Block)
        pairs = (
            (block.queries_keys_values, their_block.attn.c_attn),
            (block.attention_out, their_block.attn.c_proj),
            (block.mlp_in, their_block.mlp.c_fc),
            (block.mlp_out, their_block.mlp.c_proj),
        )
        for mine, other in pairs:
            other.weight.copy_(mine.weight.t())
    tokens = torch.randint(0, 65, (2, nanogpt.WINDOW))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-5, rtol=0)
    # "number of parameters: 0.80M", as nanoGPT counts them for 65 characters: without the positions
    assert ours.embedding.weight.numel() + sum(p.numel() for p in ours.blocks.parameters()) + 128 == 795_904


def test_the_learning_rate_rises_and_falls_as_in_the_recipe() -> None:
    rates = [nanogpt._rate(step, 2_000) for step in (0, 99, 100, 1_050, 2_000)]
    assert rates == pytest.approx([1e-3 / 101, 1e-3 * 100 / 101, 1e-3, (1e-3 + 1e-4) / 2, 1e-4])


def test_a_few_steps_learn_and_every_character_but_the_first_is_scored() -> None:
    ids = np.random.default_rng(0).integers(0, 5, 1_000) * 2
    model, seconds = nanogpt.trained(ids, ids[:300], vocab_size=10, seed=0, num_steps=30)
    losses = nanogpt.losses(model, ids[:300])
    assert losses.shape == (299,)
    assert losses.mean() < math.log(10) - 0.1
    assert seconds > 0
