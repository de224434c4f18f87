"""Splits by a hash of a name or content.

A document stays in its split when others are added or removed, and all processes agree.
"""

from __future__ import annotations

import hashlib

from harness.text.data.corpus import Split
from harness.text.utf8 import encode_utf8


def split_by_hash(key: str, validation_fraction: float, test_fraction: float) -> Split:
    """The split of a key. A share `test_fraction` of all keys is for test, `validation_fraction` for validation.

    Whether a key is for test depends only on `test_fraction`.
    """
    number = int.from_bytes(hashlib.sha256(encode_utf8(key)).digest()[:8], "big") / 2**64
    if number < test_fraction:
        return "test"
    return "validation" if number < test_fraction + validation_fraction else "train"


def check_fractions(validation_fraction: float, test_fraction: float) -> None:
    """ValueError with a sentence for the user, unless both are in (0, 1) and leave something to train on."""
    for name, fraction in (("validation_fraction", validation_fraction), ("test_fraction", test_fraction)):
        if not 0 < fraction < 1:
            raise ValueError(f"{name}={fraction} must be between 0 and 1, as 0.05.")
    if validation_fraction + test_fraction >= 1:
        raise ValueError(
            f"validation_fraction={validation_fraction} and test_fraction={test_fraction} leave nothing for "
            "training: their sum must be below 1."
        )
