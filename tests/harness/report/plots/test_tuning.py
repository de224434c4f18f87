"""The plot of the expected best: what its lines and its words say."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.report.plots import tuning
from harness.report.plots.style import Plot, plotting
from harness.report.plots.tuning import BestSoFar, expected_best

LINE = BestSoFar(
    "gru",
    np.array([3.0, 2.5, 2.4]),
    np.array([2.8, 2.2, 2.1]),
    np.array([3.2, 2.8, 2.7]),
    {"FLOPs": np.array([1, 2, 3.0])},
)
NONE = BestSoFar("none", np.full(3, np.nan), None, None, {"FLOPs": np.zeros(3)})


@pytest.mark.parametrize(("along", "places"), [("trials", [1, 2, 3]), ("FLOPs", [1.0, 2.0, 3.0])])
def test_a_family_s_line_goes_through_its_values(
    along: str, places: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    whole = tuning.drawn

    def kept(figure: Figure, *words: str) -> Plot:
        figures.append(figure)
        return whole(figure, *words)

    monkeypatch.setattr(tuning, "drawn", kept)
    with plotting():
        plot = expected_best([LINE, NONE], along, "A caption.")
    assert plot is not None
    assert plot.alt == f"Expected best against {along}. gru 2.400 after 3."
    [axes] = figures[0].axes
    assert axes.lines[0].get_xydata().tolist() == [[x, y] for x, y in zip(places, LINE.values, strict=True)]
    [band] = axes.collections
    assert band.get_datalim(axes.transData).y0 == pytest.approx(2.1)


def test_nothing_is_drawn_where_no_family_has_a_value_or_spent_any() -> None:
    assert expected_best([NONE], "trials", "") is None
    free = BestSoFar("uniform", np.array([6.8]), None, None, {"FLOPs": np.zeros(1)})
    assert expected_best([free], "FLOPs", "") is None
