"""The fits that were used last, held in memory."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.runs.engines import engine_of
from harness.runs.lookup import find_fit
from harness.training.fit_folder import fit_digest

if TYPE_CHECKING:
    import torch

    from harness.completion.engine import DecodingStrategy, Engine
    from harness.training.fits import Fit

_MOST_FITS = 3


class Held:
    """At most three fits; the one that was not used for longest goes first."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self._fits: OrderedDict[tuple[Path, str], Fit] = OrderedDict()
        self.kept: dict[Any, Any] = {}
        """What was computed of the fits that are held, by any key that begins with the fit's folder."""

    def run(self, run: str) -> Path:
        """The folder of a run, 'experiment/run_id', that the server has found."""
        return self._results / run

    def fit(self, run: str) -> Fit:
        """The fit of a run. UserError where it has none, or the fit is damaged."""
        from harness.training.fits import pick_device

        return self._load(find_fit(str(self.run(run)), self._results), pick_device("auto"))

    def engine(self, run: str, strategy: DecodingStrategy | None) -> Engine:
        """The engine of a run. strategy: None for the run's own."""
        return engine_of(self.run(run), strategy, self._load)

    def _load(self, folder: Path, device: torch.device) -> Fit:
        import torch

        from harness.training.fits import load_fit

        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))  # two processes share the machine
        key = (folder, fit_digest(folder))
        if key in self._fits:
            self._fits.move_to_end(key)
            return self._fits[key]
        fit = self._fits[key] = load_fit(folder, device)
        while len(self._fits) > _MOST_FITS:
            (gone, _), _ = self._fits.popitem(last=False)
            self.kept = {name: value for name, value in self.kept.items() if name[0] != gone}
        return fit

    def warm_up(self, run: str) -> Iterator[Mapping[str, Any]]:
        """Load the libraries and a run's fit before they are needed."""
        self.fit(run)
        yield {"loaded": run}
