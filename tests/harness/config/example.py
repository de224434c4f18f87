"""Settings of every kind of field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Example:
    version: ClassVar[int] = 3
    count: int = 1
    share: float | None = None
    style: Literal["plain", "fancy"] = "plain"
    names: list[str] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)
    parts: dict[str, Inner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be 1 or more")


HERE = __name__
