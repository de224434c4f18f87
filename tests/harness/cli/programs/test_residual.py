"""What the programs of residual blocks share, compared with torch."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from harness.cli.programs.residual import ShortConvolution, part, rms_norm, sigmoid, softplus


def test_functions_are_torch_s_even_far_from_zero() -> None:
    x = np.array([-1000, -30, -1, 0, 1e-3, 2, 30, 1000], np.float32)
    assert np.allclose(sigmoid(x), torch.sigmoid(torch.from_numpy(x)), rtol=0, atol=1e-6)
    assert np.allclose(softplus(x), F.softplus(torch.from_numpy(x)), rtol=1e-6)
    scale = np.arange(8, dtype=np.float32)
    expected = F.rms_norm(torch.from_numpy(x), (8,), torch.from_numpy(scale))
    assert np.allclose(rms_norm(x, scale), expected, rtol=1e-5)


def test_a_convolution_sees_the_last_tokens() -> None:
    weight, x = (torch.randn(*shape, generator=torch.Generator().manual_seed(0)) for shape in ((4, 3), (6, 3)))
    convolution = ShortConvolution({"weight": weight.numpy(), "bias": np.ones(3, np.float32)})
    expected = F.conv1d(F.pad(x.t(), (3, 0)), weight.t()[:, None], torch.ones(3), groups=3).t()
    assert np.allclose(np.stack([convolution(row) for row in x.numpy()]), expected, atol=1e-6)


def test_a_part_of_the_weights_goes_by_the_rest_of_its_names() -> None:
    one = np.ones(1)
    assert part({"a.b": one, "a.c.d": one, "b.a": one}, "a.") == {"b": one, "c.d": one}
