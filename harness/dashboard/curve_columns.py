"""The columns of curves that are drawn, and what they are."""

from __future__ import annotations

SPENT = {"tokens": "training tokens", "seconds": "training seconds", "flops": "training FLOPs"}
MOVED = "kl_nats"
ALONG = {**SPENT, MOVED: "KL from the fit before, nats a reply"}
"""What can be the axis."""
COMPARABLE = "validation_bits_per_byte"
"""Whatever the tokenizer."""
LOSSES = {COMPARABLE: "validation bits per byte", "train_loss_nats": "training loss, nats a token"}
MEASURED = {
    **LOSSES,
    "reward": "reward",
    "gold": "gold",
    MOVED: ALONG[MOVED],
    "reply_tokens": "tokens a reply",
    "cut_replies": "share of replies that are cut",
}
ABOUT = {
    "reward": "The mean reward of a step's replies: the sum of the stage's rewards, each times its weight.",
    "gold": "How good a step's replies really are, 0 to 1, which only the program behind simulated raters knows. Where "
    "the reward rises and gold falls, the stage has learnt the mistakes of its reward.",
    MOVED: "How far the model that writes a step's replies has moved from the fit before the stage.",
    "reply_tokens": "The mean length of a step's replies.",
    "cut_replies": "The share of a step's replies that were cut before they handed over.",
}
"""What stages of post-training say of the replies that they learn from."""
