"""Seeds made from names: a random draw depends only on its purpose."""

from __future__ import annotations

import hashlib


def seed_of(*parts: object) -> int:
    """A 64-bit seed from the names of a random sequence (a run's seed, a sample's id); the same in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")
