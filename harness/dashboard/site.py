"""What every view works with: the index, the numbers, how families look, and the processes that hold fits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.common.errors import UserError, closest
from harness.dashboard.choices import Choices
from harness.dashboard.model_process import Models
from harness.dashboard.scope import Numbers, Scope
from harness.runs.index import Entry, Index

if TYPE_CHECKING:
    import pandas as pd

    from harness.dashboard.board import Board
    from harness.dashboard.looks import Look
    from harness.dashboard.raters import Raters

_WAIT, _WAIT_FOR_FILE = 0.8, 600.0
"""Seconds: a page comes soon and says what it waits for; a file comes when it is whole."""


class Site:
    """A results folder, opened."""

    def __init__(self, results: Path) -> None:
        """UserError where there is no such folder."""
        self.index = Index(results)
        self.numbers = Numbers(self.index)
        self.models = Models(self.index.results)

    @cached_property
    def raters(self) -> Raters:
        """Those who rate replies here."""
        from harness.dashboard.raters import Raters  # with the ratings' libraries

        return Raters()

    def looks(self) -> Mapping[str, Look]:
        """By family: the same in every view."""
        from harness.dashboard.looks import looks  # with the report's colours, and so pandas

        return looks(entry.family for entry in self.index.entries() if entry.family)

    def scope(self, choices: Choices) -> Scope:
        """The experiments that were chosen, else the one that finished a run last. UserError where one is gone, or
        there is none."""
        experiments = self.index.experiments()
        chosen = choices.values("experiment")
        for name in chosen:
            if name not in experiments:
                raise UserError(
                    f"there is no experiment {name!r} in {self.index.results.name}.{closest(name, experiments)} "
                    f"There is: {', '.join(sorted(experiments)) or 'none'}. It may have been removed since this "
                    "address was made."
                )
        if chosen:
            return self.numbers.scope(chosen)
        latest = next((entry.experiment for entry in self.index.entries() if entry.has_record), None)
        if latest is None:
            raise UserError(
                "there is no finished run yet. `bakeoff compare` trains and compares every family; `bakeoff run` makes "
                "one run."
            )
        return self.numbers.scope([latest])

    def board(self, scope: Scope, choices: Choices) -> Board | None:
        """The scope's numbers; None where the page should load itself again. UserError where no run can be read."""
        if self.index.num_unread and not choices.value("file"):
            return None
        return self.numbers.board(scope, _wait(choices))

    def pairs(self, scope: Scope, choices: Choices) -> pd.DataFrame | None:
        """The scope's tests; None where the page should load itself again."""
        return self.numbers.pairs(scope, _wait(choices))

    def changes(self, scope: Scope, choices: Choices) -> pd.DataFrame | None:
        """What post-training changed; None where the page should load itself again."""
        return self.numbers.changes(scope, _wait(choices))

    def swept(self, scope: Scope) -> dict[str, str]:
        """The numbers that were swept: by dotted name what an axis is called."""
        kept = self.numbers.kept.get("swept", scope.key)
        if kept is None:
            from harness.report.swept import swept

            comparison, _ = self.numbers.comparison(scope)
            kept = self.numbers.kept.put("swept", scope.key, {option.key: option.axis for option in swept(comparison)})
        return dict(kept)

    def run(self, run: str) -> Entry:
        """A run by its id. UserError where it doesn't exist (any more)."""
        entry = self.index.get(run)
        if entry is None:
            raise UserError(
                f"there is no run {run!r} (any more). It may have been removed since this address was made. The "
                "overview lists the runs that there are."
            )
        return entry

    def close(self) -> None:
        """Keep what was read, and end what is being computed."""
        self.index.close()
        self.numbers.close()
        self.models.close()


def _wait(choices: Choices) -> float:
    return _WAIT_FOR_FILE if choices.value("file") else _WAIT
