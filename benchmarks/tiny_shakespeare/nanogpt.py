"""nanoGPT's recipe for a processor, in plain torch: the model, the batches and the loop that its README runs.

    python train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 --log_interval=1
        --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000
        --dropout=0.0

(github.com/karpathy/nanoGPT 3adf61e, README.md, model.py and train.py, written down again). None of this project's code
is in it, so that what the recipe takes doesn't depend on how fast this project is. Its seconds are those of the loop
with its evaluations, as the command has them, without starting Python and reading the text.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_STEPS, NUM_ROWS, WINDOW = 2_000, 12, 64
STEPS_AN_EVALUATION, BATCHES_AN_EVALUATION = 250, 20
NUM_LAYERS, NUM_HEADS, WIDTH = 4, 4, 128
PEAK_RATE, LAST_RATE, WARMUP_STEPS, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 1e-4, 100, 0.1, 1.0


class Block(nn.Module):
    """model.py, Block: attention and an MLP, each after a layer norm without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.queries_keys_values = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.attention_out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp_in = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.mlp_out = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        heads = (
            part.view(*x.shape[:2], NUM_HEADS, WIDTH // NUM_HEADS).transpose(1, 2)
            for part in self.queries_keys_values(self.attention_norm(x)).split(WIDTH, dim=2)
        )
        attended = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.attention_out(attended.transpose(1, 2).contiguous().view(x.shape))
        out: Tensor = x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))
        return out


class NanoGPT(nn.Module):
    """model.py, GPT: learned positions, the embedding also as output, GPT-2's first weights."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocab_size, WIDTH), nn.Embedding(WINDOW, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                ends_a_block = name.endswith(("attention_out.weight", "mlp_out.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * NUM_LAYERS) if ends_a_block else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


def trained(
    train: np.ndarray, validation: np.ndarray, vocab_size: int, seed: int, num_steps: int = NUM_STEPS
) -> tuple[NanoGPT, float]:
    """train.py: the model after `num_steps` steps on random windows of `train`, and the seconds that the loop took."""
    torch.manual_seed(seed)
    model = NanoGPT(vocab_size)
    matrices, others = ([p for p in model.parameters() if (p.dim() >= 2) == is_matrix] for is_matrix in (True, False))
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.99))
    began = time.perf_counter()
    for step in range(num_steps + 1):
        if step % STEPS_AN_EVALUATION == 0:
            for ids in (train, validation):
                _evaluate(model, ids)
        if step == num_steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, num_steps)
        inputs, targets = _batch(train)
        F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return model, time.perf_counter() - began


def _batch(ids: np.ndarray) -> tuple[Tensor, Tensor]:
    """train.py, get_batch: random windows, and the same one character further."""
    starts = torch.randint(len(ids) - WINDOW, (NUM_ROWS,)).tolist()
    inputs, targets = (
        torch.stack([torch.from_numpy(ids[start + shift :][:WINDOW]) for start in starts]) for shift in (0, 1)
    )
    return inputs, targets


@torch.no_grad()
def _evaluate(model: NanoGPT, ids: np.ndarray) -> float:
    """train.py, estimate_loss: the mean over some random batches."""
    total = 0.0
    for _ in range(BATCHES_AN_EVALUATION):
        inputs, targets = _batch(ids)
        total += float(F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()))
    return total / BATCHES_AN_EVALUATION


def _rate(step: int, num_steps: int) -> float:
    """train.py, get_lr: a linear rise, then a cosine."""
    if step < WARMUP_STEPS:
        return PEAK_RATE * (step + 1) / (WARMUP_STEPS + 1)
    share = (step - WARMUP_STEPS) / max(1, num_steps - WARMUP_STEPS)
    return LAST_RATE + (PEAK_RATE - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


@torch.inference_mode()
def losses(model: NanoGPT, ids: np.ndarray) -> np.ndarray:
    """Nats of each character but the first, in windows side by side, (N - 1,) float64."""
    data = torch.from_numpy(ids)
    parts = [
        F.cross_entropy(
            model(data[None, begin : begin + WINDOW][:, : len(data) - 1 - begin])[0],
            data[begin + 1 : begin + 1 + WINDOW],
            reduction="none",
        )
        for begin in range(0, len(data) - 1, WINDOW)
    ]
    return torch.cat(parts).double().numpy()
