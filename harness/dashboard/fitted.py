"""Which fits a page can look into, or let write: one run of each, since runs that differ in their decoding or evals
share a fit."""

from __future__ import annotations

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.site import Site
from harness.runs.index import Entry


def fitted(site: Site, choices: Choices) -> list[Entry]:
    """A run of each model and seed of the chosen experiments, else of all; the latest that finished first. UserError
    where there is none."""
    chosen = choices.values("experiment")
    entries = [
        entry
        for entry in site.index.entries()
        if entry.has_record and entry.status != "failed" and (not chosen or entry.experiment in chosen)
    ]
    if not entries:
        raise UserError(
            f"no run{f' of {chosen[0]}' if chosen else ''} has a fit yet. `bakeoff run model=lstm` makes one."
        )
    entries.sort(key=lambda entry: entry.finished_at, reverse=True)
    return list({(entry.experiment, entry.model, entry.seed): entry for entry in reversed(entries)}.values())[::-1]


def chosen_run(site: Site, choices: Choices, side: str, entries: list[Entry]) -> Entry | None:
    """The run of one side. Without a choice: the latest for A, none for B. UserError where it is gone, or has no
    fit."""
    run = choices.value(side)
    if not run:
        return entries[0] if side == "a" else None
    entry = site.run(run)
    if not entry.has_record or entry.status == "failed":
        raise UserError(f"{entry.id} has no fit: it is {entry.status}. {entry.why}".strip())
    return entry


def listed(entries: list[Entry], *more: Entry | None) -> list[tuple[str, str]]:
    """(id, name) of runs for a list, those that were chosen too."""
    known = {entry.id for entry in entries}
    shown = [*entries, *(entry for entry in more if entry is not None and entry.id not in known)]
    several = len({entry.experiment for entry in shown}) > 1
    return sorted(((entry.id, named(entry, several)) for entry in shown), key=lambda pair: pair[1])


def named(entry: Entry, with_experiment: bool = False) -> str:
    """'lstm, seed 0'."""
    name = f"{entry.model or entry.family}, seed {entry.seed}"
    return f"{entry.experiment}: {name}" if with_experiment else name
