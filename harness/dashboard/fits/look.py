"""What is inside a fit while it reads a text, as plain values: numbers come from the model's own methods.

Probabilities are those of `logprobs`; attention, hidden units, embeddings and contexts those of `inner`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError, closest
from harness.common.lazy import LazyModule
from harness.dashboard.fits.held import Held
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness.training.fits import Fit
    from models.inner import Inner
    from models.language_model import LanguageModel
else:
    torch = LazyModule("torch")

MOST_TOKENS = 96
"""Of a text that are looked at."""
_NUM_CANDIDATES = 10
_MOST_UNITS = 256
_MOST_IN_PLANE = 1500
_NUM_NEIGHBOURS, _MOST_WITH_NEIGHBOURS = 6, 24


def look(held: Held, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """One answer: all that the page shows of request['run'] reading request['text']. request['layer']: whose hidden
    units; '' for the last. request['member']: of a combination of models, which one; '' for the whole."""
    fit = held.fit(request["run"])
    model, names = member_of(fit.model, request["member"])
    tokens = fit.tokenizer.encode(request["text"])
    window = model.window_length
    most = MOST_TOKENS if window is None else min(MOST_TOKENS, window - 1)
    read = torch.from_numpy(tokens[:most])
    inner = model.inner(read)
    yield {
        "family": model.config.family,
        "why_no_distribution": model.why_no_distribution,
        "members": names,
        "is_combination": bool(members_of(model)),
        "window": window,
        "num_tokens": len(tokens),
        "tokens": [[int(token), fit.tokenizer.token_text(int(token))] for token in read],
        "start": fit.tokenizer.token_text(fit.tokenizer.start_token),
        "positions": positions(model, fit.tokenizer, read),
        "attention": attention_of(inner),
        "units": units_of(inner, request["layer"]),
        "embeddings": embeddings_of(held, fit, inner, request["member"], read),
        "evidence": evidence_of(inner, fit.tokenizer),
    }


def member_of(model: LanguageModel, name: str) -> tuple[LanguageModel, list[str]]:
    """A member of a combination, or the model itself for '', and the names of all members. Names of members of members
    are joined by dots."""
    names: dict[str, LanguageModel] = {}

    def collect(combination: LanguageModel, prefix: str) -> None:
        for key, member in members_of(combination).items():
            names[f"{prefix}{key}"] = member
            collect(member, f"{prefix}{key}.")

    collect(model, "")
    if name and name not in names:
        raise UserError(
            f"this model has no member {name!r}.{closest(name, names)} Allowed: {', '.join(names) or 'none'}."
        )
    return names.get(name, model), list(names)


def members_of(model: LanguageModel) -> Mapping[str, LanguageModel]:
    """The models that a combination combines; none of any other model."""
    from models.combined import CombinedModel

    return model.members if isinstance(model, CombinedModel) else {}


def positions(model: LanguageModel, tokenizer: Tokenizer, tokens: Tensor) -> list[dict[str, Any]]:
    """For each position, the end too: what may come next, the likeliest first, and of the token that does come its
    probability and rank."""
    logprobs = model.logprobs(tokens[None])[0].cpu()
    if model.why_no_distribution is not None:
        logprobs = torch.log_softmax(logprobs, dim=-1)
    probabilities = logprobs.double().exp()
    best = probabilities.topk(min(_NUM_CANDIDATES, probabilities.shape[1]), dim=1)
    entropy = -(probabilities * logprobs.double().clamp(min=-1e4)).sum(dim=1) / math.log(2)
    expected = []
    for position, (values, ids) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        expected.append(
            {
                "candidates": [
                    [token, tokenizer.token_text(token), value] for token, value in zip(ids, values, strict=True)
                ],
                "entropy_bits": float(entropy[position]),
            }
        )
        if position < len(tokens):
            value = float(probabilities[position, tokens[position]])
            rank = 1 + int((probabilities[position] > value).sum())
            expected[-1] |= {"probability": value, "rank": rank}
    return expected


def attention_of(inner: Inner) -> list[list[list[list[float]]]] | None:
    """By layer and head, for each position, how much it takes from each position up to its own."""
    if inner.attention is None:
        return None
    return [
        [[[round(weight, 4) for weight in row[: position + 1]] for position, row in enumerate(head)] for head in layer]
        for layer in inner.attention.cpu().tolist()
    ]


def units_of(inner: Inner, layer: str) -> dict[str, Any] | None:
    """The hidden units of a layer at each position; of a very wide layer the first ones."""
    if not inner.units:
        return None
    name = layer if layer in inner.units else list(inner.units)[-1]
    units = inner.units[name].cpu()
    values = [[round(value, 4) for value in row] for row in units[:, :_MOST_UNITS].tolist()]
    return {"layers": list(inner.units), "layer": name, "num_units": units.shape[1], "values": values}


def embeddings_of(held: Held, fit: Fit, inner: Inner, member: str, tokens: Tensor) -> dict[str, Any] | None:
    """Tokens in the plane of the two principal components of all embeddings, and the nearest neighbours, by cosine, of
    the text's tokens."""
    if inner.embeddings is None:
        return None
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    vectors = inner.embeddings.cpu().double().numpy()
    key = (fit.folder, fit.id, member)
    if key not in held.kept:
        components = PCA(min(2, *vectors.shape), random_state=0).fit(vectors)
        neighbours = NearestNeighbors(n_neighbors=min(_NUM_NEIGHBOURS, len(vectors)), metric="cosine").fit(vectors)
        held.kept[key] = (components, neighbours)
    components, neighbours = held.kept[key]
    in_text = list(dict.fromkeys(tokens.tolist()))
    shown = list(dict.fromkeys([*in_text, *range(min(len(vectors), _MOST_IN_PLANE))]))
    points = components.transform(vectors[shown])
    asked = in_text[:_MOST_WITH_NEIGHBOURS]
    near = []
    if asked:
        distances, ids = neighbours.kneighbors(vectors[asked])
        for token, row, others in zip(asked, distances.tolist(), ids.tolist(), strict=True):
            pairs = [(other, 1 - distance) for other, distance in zip(others, row, strict=True) if other != token]
            named = [[other, fit.tokenizer.token_text(other), cosine] for other, cosine in pairs]
            near.append([token, fit.tokenizer.token_text(token), named])
    return {
        "points": [
            [token, fit.tokenizer.token_text(token), float(x), float(row[0]) if row else 0.0]
            for token, (x, *row) in zip(shown, points, strict=True)
        ],
        "num_in_text": len(in_text),
        "num_tokens": len(vectors),
        "width": vectors.shape[1],
        "explained": [float(share) for share in components.explained_variance_ratio_],
        "near": near,
    }


def evidence_of(inner: Inner, tokenizer: Tokenizer) -> list[list[dict[str, Any]]] | None:
    """For each token, the contexts whose counts make its probability."""
    if not inner.evidence:
        return None
    return [
        [
            {
                "context": [tokenizer.token_text(token) for token in part.context],
                "own": part.own,
                "passed_on": part.passed_on,
                "count": part.count,
                "total": part.total,
            }
            for part in parts
        ]
        for parts in inner.evidence
    ]
