"""Which fits a page can look into, or let write: one run of each, since runs that differ in their decoding or evals
share a fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.common.errors import UserError
from harness.dashboard.choices import Choices
from harness.dashboard.site import Site
from harness.runs.index import Entry
from harness.runs.systems import labels, settings_of


def fitted(site: Site, choices: Choices) -> list[Entry]:
    """What `with_fits` gives. UserError where that is nothing."""
    chosen = choices.values("experiment")
    entries = with_fits(site, choices)
    if not entries:
        raise UserError(
            f"no run{f' of {chosen[0]}' if chosen else ''} has a fit yet. `bakeoff run model=lstm` makes one."
        )
    return entries


def with_fits(site: Site, choices: Choices) -> list[Entry]:
    """A run of each fit of the chosen experiments, else of all; the latest that finished first."""
    chosen = choices.values("experiment")
    entries = [
        entry
        for entry in site.index.entries()
        if entry.has_record and entry.status != "failed" and (not chosen or entry.experiment in chosen)
    ]
    entries.sort(key=lambda entry: entry.finished_at, reverse=True)
    newest: dict[str, Entry] = {}
    for entry in entries:
        newest.setdefault(entry.fit_id, entry)
    return list(newest.values())


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


def listed(site: Site, entries: list[Entry], chosen: Iterable[Entry]) -> dict[str, str]:
    """The names of runs for a list, by their ids and in the order of names: the chosen ones, and one of each other
    fit.

    A name is what the report of the experiment calls the system, with the seed: 'gru, post=sft, seed 0'. The
    experiment stands before it where there are several, the run's id behind it where names are equal.
    """
    runs = {entry.id: entry for entry in chosen}
    of_chosen = {entry.fit_id for entry in runs.values()}
    runs |= {entry.id: entry for entry in entries if entry.fit_id not in of_chosen}
    experiments = {entry.experiment for entry in runs.values()}
    systems = _systems(site, experiments)
    names = {}
    for entry in runs.values():
        name = f"{systems.get(entry.id, entry.model)}, seed {entry.seed}"  # a run may have been removed just now
        names[entry.id] = f"{entry.experiment}: {name}" if len(experiments) > 1 else name
    num_of = Counter(names.values())
    unique = {run: name if num_of[name] == 1 else f"{name}, {runs[run].run_id}" for run, name in names.items()}
    return dict(sorted(unique.items(), key=lambda item: item[1]))


def _systems(site: Site, experiments: Iterable[str]) -> Mapping[str, str]:
    """The name of the system of each run of these experiments, by the run's id."""
    systems: dict[str, str] = {}
    by_experiment = site.index.experiments()
    for name in experiments:
        entries = [entry for entry in by_experiment.get(name, []) if entry.has_record]
        settings, _ = settings_of([entry.configured for entry in entries], whole=False)
        systems |= zip((entry.id for entry in entries), labels(settings, "model.name"), strict=True)
    return systems
