"""What a person chose, which is all in the address: it can be shared, reloaded and gone back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from harness.common.errors import UserError

KEPT_BETWEEN_VIEWS = ("experiment", "where", "q", "base", "pin", "decoding")
MOST_TEXT = 2000
"""Characters of a text that an address can hold."""
_MOST_PARTS, _MOST_CHARACTERS = 500, MOST_TEXT + 100


@dataclass(frozen=True)
class Choices:
    """The parts of an address after '?'."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Choices:
        """UserError where there are too many, or one is too long."""
        kept = tuple((key, value) for key, value in pairs if value != "")
        if len(kept) > _MOST_PARTS or any(len(key) + len(value) > _MOST_CHARACTERS for key, value in kept):
            raise UserError(
                f"this address has {len(kept)} parts, or one of more than {_MOST_CHARACTERS} characters. Allowed are "
                f"{_MOST_PARTS} parts. Go to the overview and choose again."
            )
        return cls(kept)

    def value(self, name: str, default: str = "") -> str:
        """The last value of a name."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a name, each once."""
        return tuple(dict.fromkeys(value for key, value in self.pairs if key == name))

    def picked(self, name: str, allowed: Sequence[str], default: str) -> str:
        """The value of a name where it is allowed, else the default."""
        value = self.value(name, default)
        return value if value in allowed else default

    def number(self, name: str) -> float | None:
        """A value as a number; None where there is none."""
        try:
            value = float(self.value(name))
        except ValueError:
            return None
        return value if abs(value) < 1e300 else None

    def text(self, name: str) -> str:
        """A text that was typed; browsers send line breaks as CR LF."""
        return self.value(name).replace("\r\n", "\n")

    def changed(self, **changes: str | Sequence[str] | None) -> Choices:
        """With other values; None takes a name out."""
        kept = [(key, value) for key, value in self.pairs if key not in changes]
        for key, values in changes.items():
            if values is not None:
                kept += [(key, value) for value in ([values] if isinstance(values, str) else values)]
        return Choices(tuple(kept))

    def toggled(self, name: str, value: str) -> Choices:
        """With a value added, or taken out where it is there."""
        values = self.values(name)
        rest = [other for other in values if other != value]
        return self.changed(**{name: rest if value in values else [*values, value]})

    def only(self, names: Iterable[str]) -> Choices:
        """Those of these names."""
        wanted = set(names)
        return Choices(tuple((key, value) for key, value in self.pairs if key in wanted))

    def without(self, *names: str) -> Choices:
        """All others."""
        return Choices(tuple((key, value) for key, value in self.pairs if key not in names))

    def query(self) -> str:
        """As the part of an address after '?'."""
        return urlencode(self.pairs, quote_via=quote)

    def address(self, view: str) -> str:
        """The address of a view with these choices."""
        query = self.query()
        return f"{view}?{query}" if query else view
