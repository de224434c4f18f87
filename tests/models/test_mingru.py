"""The family; its equations are held in test_minimal_recurrent.py."""

from __future__ import annotations

import torch

from models.mingru import MinGRU, MinGRUMixer
from models.settings.mingru import MinGRUConfig


def test_what_is_kept_and_what_is_taken_sum_to_one() -> None:
    torch.manual_seed(0)
    model = MinGRUConfig(d_model=8).build(5, 4)
    assert isinstance(model, MinGRU)
    mixer = model.make_mixer()
    assert isinstance(mixer, MinGRUMixer)
    num_gates = len(mixer.gates_and_candidate.weight) // mixer.width - 1
    decay, share = mixer.decay_and_share(20 * torch.randn(3, 2, num_gates * mixer.width))
    torch.testing.assert_close(decay + share, torch.ones(3, 2, mixer.width))
