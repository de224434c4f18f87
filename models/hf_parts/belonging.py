"""Whether a model of a transformers folder and a tokenizer belong together."""

from __future__ import annotations

from models.checks import Impossible

# Vocabularies of models are padded to round numbers: they are larger than their tokenizers', by a few percent.
_LEAST_SHARE = 0.9


def checked_vocabulary(path: str, vocab_size: int, known: int) -> None:
    """Impossible unless a tokenizer of `vocab_size` tokens can be that of the model in a folder, which has `known`."""
    if not _LEAST_SHARE * known <= vocab_size <= known:
        raise Impossible(
            f"the tokenizer has {vocab_size:,} tokens, but the model in {path} has {known:,}: it "
            f"belongs to another model. {_own_tokenizer(path)}"
        )


def checked_end_token(path: str, start_token: int, begins: int | None, ends: int | list[int] | None) -> int:
    """The token that ends a document; usually the one that opens it.

    start_token: the tokenizer's. begins, ends: the model's bos and eos. Impossible where they are of another tokenizer.
    """
    ends = ends if isinstance(ends, list) else [] if ends is None or ends < 0 else [ends]
    known = ends if begins is None else [begins, *ends]
    if known and start_token not in known:
        raise Impossible(
            f"the tokenizer opens documents with token {start_token}, but the model in {path} "
            f"with {' or '.join(map(str, dict.fromkeys(known)))}: it belongs to another model. {_own_tokenizer(path)}"
        )
    return start_token if not ends or start_token in ends else ends[0]


def _own_tokenizer(path: str) -> str:
    return f"Use the tokenizer that belongs to the model, mostly in the same folder: tokenizer=hf tokenizer.path={path}"
