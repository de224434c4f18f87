"""Tries every family equally often and chooses each family's settings on validation text.

A trial is a fit, so it is found again by its content; no eval is asked. The trials go round the families, so that an
interrupted search has tried all of them equally often. Trials that diverge, don't fit in memory or can't be fitted
count as trials without a value.

Any number of processes may share a search, on this machine and on others that see the results folder. Each goes
through the same trials: it makes those that nobody has made or is making, and finds the others.
"""

from __future__ import annotations

import bisect
import dataclasses
import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.common.claims import Claim
from harness.common.durations import time_left
from harness.common.errors import UserError
from harness.common.files import make_folder, write_bytes
from harness.common.results_folder import FIT_FILE, ResultsFolder
from harness.runs.plan import RunPlan, plan
from harness.runs.tuning.making import Asked
from harness.runs.tuning.searchers import searcher
from harness.runs.tuning.settings import TuneSettings
from harness.runs.tuning.space import Family
from harness.runs.tuning.trials import (
    COMPLETE,
    FAILED,
    KILLED,
    REFUSED,
    TRIALS_FILE,
    TUNING_FOLDER,
    Trial,
    Tuned,
    distinct_best,
    keep,
    kept,
)
from harness.training.workshop import Prepared

log = logging.getLogger("bakeoff")

_CLAIMS, _BEGUN = "claims", ".begun"
_SECONDS_BETWEEN_LOOKS = 0.3
_WITHOUT_A_WORD = (
    "its process ended without a word: it was killed, perhaps because memory was short. Take fewer workers "
    "(sweep.workers=1), a smaller model or smaller batches"
)


class _Stream:
    """The trials of one family, as its searcher asks for them."""

    def __init__(self, settings: TuneSettings, tuned: Tuned, seed: int) -> None:
        self.tuned = tuned
        self.most = settings.trials if tuned.family.space else 1
        self._seed = seed
        self._searcher = searcher(settings, tuned.family.space, tuned.family.name, seed)
        self._num_asked = 0
        self._open: dict[int, Asked] = {}

    @property
    def open(self) -> list[Asked]:
        """The trials without an outcome that can be made now: one where the searcher learns from outcomes, else all."""
        while self._num_asked < self.most and not (self._searcher.learns and self._open):
            draw = self._searcher.ask()
            if draw is None:
                self.most = self._num_asked
                break
            self._num_asked += 1
            self._open[self._num_asked] = Asked(self.tuned.family, self._num_asked, draw, self._seed)
        return list(self._open.values())

    def take(self, trial: Trial) -> None:
        """Take in the outcome of an open trial."""
        del self._open[trial.number]
        bisect.insort(self.tuned.trials, trial, key=lambda each: each.number)
        self._searcher.tell(trial.validation_bits_per_byte)


class Tuner:
    """A search over several families; `tuned` holds what was done so far, also when it is interrupted."""

    def __init__(self, settings: TuneSettings, families: Sequence[Family]) -> None:
        self.tuned = [Tuned(family) for family in families]
        self.settings = settings
        self._prepared = Prepared()
        self._first = [family.trial(family.first) for family in families]
        self.experiment_name = self._first[0].experiment_name
        self.folder = ResultsFolder(self._first[0].results_dir).experiment(self.experiment_name) / TUNING_FOLDER
        self._streams = [_Stream(settings, tuned, self._first[0].seed) for tuned in self.tuned]
        self._planned: dict[tuple[str, int, int], RunPlan | Trial] = {}
        self._claims: dict[str, Claim] = {}  # a claim must be watched for a minute before it is taken over
        self._kept = kept(self.folder)
        self._size_read = self._size()
        self._num_kept_before = len(self._kept)
        self._seconds: list[float] = []

    def check(self) -> None:
        """UserError for what would refuse every trial, as missing data."""
        plan(self._first[0], self._prepared)

    def begin(self) -> None:
        """Note that the search begins anew: a trial whose process ended without a word before is made again."""
        for note in self._folder_of_claims.glob(f"*{_BEGUN}"):
            note.unlink(missing_ok=True)

    def run(self) -> None:
        """Make the trials that are missing, then the confirmations; those that other processes make are waited for."""
        self.check()
        while wanted := self._wanted():
            for asked in wanted:
                if (trial := self._known(asked) or self._made(asked)) is not None:
                    self._take(asked, trial)
                    break
            else:
                time.sleep(_SECONDS_BETWEEN_LOOKS)  # others make what is left; one of them may die

    def find(self) -> int:
        """Take in the trials that are there already. Returns how many of those that can be made now are missing."""
        while True:
            wanted = self._wanted()
            known = [(asked, trial) for asked in wanted if (trial := self._known(asked)) is not None]
            if not known:
                return len(wanted)
            for asked, trial in known:
                self._take(asked, trial)

    def is_doing(self, process: str) -> bool:
        """Whether a process (`process_name`) has begun a trial that it has not ended."""
        return any(_read(note) == process for note in self._folder_of_claims.glob(f"*{_BEGUN}"))

    def news(self) -> list[Trial]:
        """The trials that any process made since the last call."""
        before = len(self._kept)
        self._read_kept()
        return self._kept[before:]

    @property
    def num_left(self) -> int:
        """How many trials and confirmations have no outcome yet."""
        confirm = self.settings.confirm_seeds, self.settings.confirm_best
        wanted = sum(stream.most + confirm[0] * min(confirm[1], stream.most) for stream in self._streams)
        return wanted - sum(len(tuned.trials) + len(tuned.confirmations) for tuned in self.tuned)

    @property
    def _folder_of_claims(self) -> Path:
        return self.folder / _CLAIMS

    def _wanted(self) -> list[Asked]:
        """What has no outcome yet and can be made now, in the order in which it is made: trials, then confirmations."""
        trials = [asked for stream in self._streams for asked in stream.open]
        return sorted(trials, key=lambda asked: asked.number) or list(self._unconfirmed())

    def _unconfirmed(self) -> Iterator[Asked]:
        """The best settings of each family with further seeds: the best of many trials is partly the luckiest."""
        first = self._first[0].seed
        for tuned in self.tuned:
            confirmed = {(trial.number, trial.seed) for trial in tuned.confirmations}
            for trial in distinct_best(tuned.trials, self.settings.confirm_best):
                for seed in range(first + 1, first + 1 + self.settings.confirm_seeds):
                    if (trial.number, seed) not in confirmed:
                        yield Asked(tuned.family, trial.number, dict(trial.settings), seed)

    def _take(self, asked: Asked, trial: Trial) -> None:
        """Take in what came of a trial."""
        if trial not in self._kept:
            self._keep(trial)
        stream = next(stream for stream in self._streams if stream.tuned.family is asked.family)
        if asked.seed == self._first[0].seed:
            stream.take(trial)
            return
        tuned = stream.tuned
        ranks = {best.number: rank for rank, best in enumerate(distinct_best(tuned.trials, self.settings.confirm_best))}
        bisect.insort(tuned.confirmations, trial, key=lambda each: (ranks[each.number], each.seed))

    def _plan(self, asked: Asked) -> RunPlan | Trial:
        """The run whose fit a trial is, or the trial where its settings can't be fitted here."""
        key = (asked.family.name, asked.number, asked.seed)
        if key not in self._planned:
            try:
                self._planned[key] = asked.plan(self.settings.budget_fraction, self._prepared)
            except UserError as error:
                self._planned[key] = asked.without_value(REFUSED, str(error))
        return self._planned[key]

    def _known(self, asked: Asked) -> Trial | None:
        """A trial that was made already; None where it wasn't."""
        planned = self._plan(asked)
        if isinstance(planned, Trial):
            return planned
        self._read_kept()
        without_value = [
            trial
            for number, trial in enumerate(self._kept)
            # what was refused or killed in an earlier search may be possible now
            if trial.fit_id == planned.fit_id
            and (trial.status == FAILED or (trial.status != COMPLETE and number >= self._num_kept_before))
        ]
        if without_value:
            return dataclasses.replace(without_value[-1], number=asked.number)
        return asked.made(planned) if (planned.results.fit(planned.fit_id) / FIT_FILE).exists() else None

    def _made(self, asked: Asked) -> Trial | None:
        """A trial that is made now; None where another process is making it."""
        planned = self._plan(asked)
        assert not isinstance(planned, Trial)
        make_folder(self._folder_of_claims)
        name = f"fit-{planned.fit_id}"
        claim = self._claims.setdefault(name, Claim(self._folder_of_claims / name))
        if not claim.take():
            return None
        begun = self._folder_of_claims / f"{name}{_BEGUN}"
        try:
            if (trial := self._known(asked)) is not None:  # it was made meanwhile
                return trial
            if begun.exists():  # nobody has the claim, so whoever began is gone; it may be the trial that ends it
                trial = asked.without_value(KILLED, _WITHOUT_A_WORD, planned.fit_id)
            else:
                self._say_what_is_made(asked)
                write_bytes(begun, process_name(os.getpid()).encode())
                began = time.monotonic()
                trial = asked.made(planned)
                self._seconds.append(time.monotonic() - began)
            self._keep(trial)
            return trial
        finally:
            begun.unlink(missing_ok=True)
            claim.release()

    def _say_what_is_made(self, asked: Asked) -> None:
        left = time_left(self.num_left * sum(self._seconds) / len(self._seconds)) if self._seconds else ""
        if asked.seed == self._first[0].seed:
            log.info("%s: trial %d of %d%s", asked.family.name, asked.number, self.settings.trials, left)
        else:
            log.info("%s: trial %d again with seed %d%s", asked.family.name, asked.number, asked.seed, left)

    def _keep(self, trial: Trial) -> None:
        """Add a trial to the lines of the folder, unless it is there; of one without a value the reason is said."""
        make_folder(self._folder_of_claims)
        lines = Claim(self._folder_of_claims / "lines")  # network file systems don't append in one piece
        lines.wait()
        try:
            self._read_kept()
            if trial not in self._kept:
                keep(self.folder, trial)
                if trial.reason is not None:
                    log.warning("%s: trial %d has no value: %s", trial.family, trial.number, trial.reason)
        finally:
            lines.release()

    def _read_kept(self) -> None:
        """Read the lines of the folder, if there are new ones."""
        if (size := self._size()) != self._size_read:
            self._kept, self._size_read = kept(self.folder), size

    def _size(self) -> int:
        """Bytes of the lines of the folder."""
        path = self.folder / TRIALS_FILE
        return path.stat().st_size if path.exists() else 0


def process_name(pid: int) -> str:
    """The name of a process of this machine in the notes of who does what."""
    return f"{socket.gethostname()}-{pid}"


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8")
    except OSError:
        return ""  # it ended meanwhile
