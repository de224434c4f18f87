from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.dashboard.fits.held import Held
from harness.dashboard.fits.look import look, member_of

TEXT = "Hello, how are you today? I am fine, thank you."


@pytest.fixture(scope="module")
def held(fits: Path) -> Held:
    return Held(fits)


def seen(held: Held, run: str, text: str = TEXT, **more: str) -> dict[str, Any]:
    [answer] = look(held, {"run": run, "text": text, "layer": "", "member": "", **more})
    return dict(answer)


@pytest.mark.parametrize("family", ["transformer", "gru", "ngram", "mixture", "uniform"])
def test_ids_and_probabilities_are_the_models_own(held: Held, run_of: dict[str, str], family: str) -> None:
    answer, fit = seen(held, run_of[family]), held.fit(run_of[family])
    tokens = fit.tokenizer.encode(TEXT)
    read = [token for token, _ in answer["tokens"]]
    assert read == tokens[: len(read)].tolist()
    assert len(read) == (31 if family == "transformer" else len(tokens))
    logprobs = fit.model.logprobs(torch.tensor([read]))[0].double()
    scored = fit.model.token_logprobs(torch.tensor([read]))[0].exp()
    for position, expected in enumerate(answer["positions"]):
        best, *_ = expected["candidates"]
        assert best[2] == pytest.approx(float(logprobs[position].max().exp()), rel=1e-5)
        if position < len(read):
            assert expected["probability"] == pytest.approx(float(scored[position]), rel=1e-4, abs=1e-7)
            rank = int((logprobs[position] > logprobs[position, read[position]]).sum()) + 1
            assert expected["rank"] == rank


def test_attention_units_and_embeddings_are_those_of_inner(held: Held, run_of: dict[str, str]) -> None:
    answer, fit = seen(held, run_of["transformer"], layer="layer 1"), held.fit(run_of["transformer"])
    inner = fit.model.inner(torch.tensor([token for token, _ in answer["tokens"]]))
    assert inner.attention is not None
    assert inner.embeddings is not None
    for layer, heads in enumerate(answer["attention"]):
        for head, rows in enumerate(heads):
            for position, row in enumerate(rows):
                assert row == pytest.approx(inner.attention[layer, head, position, : position + 1].tolist(), abs=1e-4)
                assert sum(row) == pytest.approx(1, abs=0.01)
    assert answer["units"]["layer"] == "layer 1"
    assert np.allclose(answer["units"]["values"], inner.units["layer 1"].numpy(), atol=1e-4)
    vectors = inner.embeddings.double().numpy()
    centred = vectors - vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    shown = answer["embeddings"]
    points = np.array([point[2:] for point in shown["points"]])
    wanted = centred[[point[0] for point in shown["points"]]] @ axes[:2].T
    assert np.allclose(np.abs(points), np.abs(wanted), atol=1e-6)  # the sign of an axis is nobody's
    assert shown["explained"] == pytest.approx((sizes**2 / (sizes**2).sum())[:2].tolist())
    token, _, near = shown["near"][0]
    cosines = vectors @ vectors[token] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[token])
    cosines[token] = -2
    assert near[0][0] == int(cosines.argmax())
    assert near[0][2] == pytest.approx(float(cosines.max()))


def test_contexts_add_up(held: Held, run_of: dict[str, str]) -> None:
    answer = seen(held, run_of["ngram"])
    for parts, expected in zip(answer["evidence"], answer["positions"], strict=False):
        probability = 0.0
        for part in reversed(parts):
            probability = part["own"] + part["passed_on"] * probability
        assert probability == pytest.approx(expected["probability"], rel=1e-4)
        assert all(part["count"] <= part["total"] for part in parts)


def test_what_a_family_lacks_is_none(held: Held, run_of: dict[str, str]) -> None:
    lacks = {
        family: {key for key in ("attention", "units", "embeddings", "evidence") if seen(held, run)[key] is None}
        for family, run in run_of.items()
    }
    assert lacks == {
        "transformer": {"evidence"},
        "gru": {"attention", "evidence"},
        "ngram": {"attention", "units", "embeddings"},
        "mixture": {"attention", "units", "embeddings", "evidence"},
        "uniform": {"attention", "units", "embeddings", "evidence"},
    }


def test_the_members_of_a_combination_can_be_looked_at(held: Held, run_of: dict[str, str]) -> None:
    whole = seen(held, run_of["mixture"])
    assert len(whole["members"]) >= 2
    families = {seen(held, run_of["mixture"], member=name)["family"] for name in whole["members"]}
    assert "mixture" not in families
    with pytest.raises(UserError, match="no member 'x'"):
        member_of(held.fit(run_of["mixture"]).model, "x")


@pytest.mark.parametrize("text", ["", "\x00", "\u202e<script>", "é" * 50, "😀", "a" * 2000])
@pytest.mark.parametrize("family", ["transformer", "ngram", "gru"])
def test_any_text_can_be_looked_at(held: Held, run_of: dict[str, str], family: str, text: str) -> None:
    answer = seen(held, run_of[family], text)
    assert len(answer["positions"]) == len(answer["tokens"]) + 1
