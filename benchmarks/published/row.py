"""A row of the table: a published value beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean


@dataclass(frozen=True)
class Row:
    """A published value, ours, and whether they agree."""

    what: str
    """What was measured, with its unit."""
    theirs: float | str
    """As printed; a text where an order is published, best first."""
    ours: float | str
    """Ours, unrounded; over seeds their mean."""
    digits: int
    """Decimals that are printed of theirs, and of ours."""
    tolerance: float | None
    """The difference allowed: 0 where every printed digit must be equal; None where only the order is compared, in a
    row of its own."""
    protocol: str
    """How ours was measured, and what differs from theirs."""
    source: str
    """Where theirs is published."""

    @property
    def difference(self) -> float | None:
        """Ours as printed, less theirs; None between texts."""
        if isinstance(self.ours, str) or isinstance(self.theirs, str):
            return None
        return round(round(self.ours, self.digits) - self.theirs, self.digits)

    @property
    def is_within(self) -> bool | None:
        """Whether the two agree; None where no agreement is claimed."""
        if self.tolerance is None:
            return None
        if self.difference is None:
            return self.ours == self.theirs
        return abs(self.difference) <= self.tolerance + 1e-9

    def cells(self) -> dict[str, str]:
        """The row as texts, by column."""
        verdict = {True: "yes", False: "NO", None: "-"}[self.is_within]
        return {
            "what": self.what,
            "theirs": self._printed(self.theirs),
            "ours": self._printed(self.ours),
            "difference": "" if self.difference is None else f"{self.difference:+.{self.digits}f}",
            "tolerance": "order only"
            if self.tolerance is None
            else "equal"
            if self.tolerance == 0
            else f"{self.tolerance}",
            "within": verdict,
            "protocol": self.protocol,
            "source": self.source,
        }

    def _printed(self, value: float | str) -> str:
        return value if isinstance(value, str) else f"{value:.{self.digits}f}"


def over_seeds(losses: list[float]) -> tuple[float, str]:
    """The mean over seeds, and the words that say what it is a mean of."""
    spread = f", {min(losses):.3f} to {max(losses):.3f}" if len(losses) > 1 else ""
    return mean(losses), f"{len(losses)} seed{'s' if len(losses) > 1 else ''}{spread}"
