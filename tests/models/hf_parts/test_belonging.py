"""Whether a model and a tokenizer belong together."""

from __future__ import annotations

import pytest

from models.checks import Impossible
from models.hf_parts.belonging import checked_end_token, checked_vocabulary


@pytest.mark.parametrize(("vocab_size", "known"), [(40, 40), (37, 40), (90, 100)])
def test_a_padded_vocabulary_belongs_to_its_tokenizer(vocab_size: int, known: int) -> None:
    checked_vocabulary("folder", vocab_size, known)


@pytest.mark.parametrize(("vocab_size", "known"), [(41, 40), (89, 100)])
def test_another_vocabulary_is_refused(vocab_size: int, known: int) -> None:
    with pytest.raises(Impossible, match=rf"has {vocab_size} tokens, but the model in folder has {known}"):
        checked_vocabulary("folder", vocab_size, known)


@pytest.mark.parametrize(
    ("begins", "ends", "end"),
    [(3, 3, 3), (3, 7, 7), (3, [7, 8], 7), (None, 3, 3), (None, None, 3), (3, -1, 3), (None, [9, 3], 3)],
)
def test_a_document_ends_with_its_start_token_or_the_model_s_end(
    begins: int | None, ends: int | list[int] | None, end: int
) -> None:
    assert checked_end_token("folder", 3, begins, ends) == end


def test_another_start_token_is_refused() -> None:
    with pytest.raises(Impossible, match="opens documents with token 5, but the model in folder with 3 or 7"):
        checked_end_token("folder", 5, 3, 7)
