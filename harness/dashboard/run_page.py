"""One run: what it is, what came out, what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.numerals import interval, number, quantity, sign
from harness.common.plurals import many
from harness.dashboard.choices import Choices
from harness.dashboard.overview import tracebacks
from harness.dashboard.pages import Page
from harness.dashboard.site import Site
from harness.report.stages import stage_lines, stage_rows_of_run
from harness.report.wording import words
from harness.runs.index import Entry

if TYPE_CHECKING:
    import pandas as pd


def view(site: Site, choices: Choices) -> Page:
    """The page of the run whose id is in the address. UserError where there is none."""
    entry = site.run(choices.value("run"))
    page = Page("/run", "run.html", {"entry": entry, "error": ""})
    page.context |= dict.fromkeys(("facts", "metrics", "notes", "stages"), ())
    page.context |= {"failures": tracebacks(site, entry), "settings": _settings(entry)}
    if entry.has_record:
        from harness.runs.record import RunRecord

        try:
            record = RunRecord.read(site.index.folder(entry))
        except (UserError, OSError) as error:
            page.context["error"] = str(error)
            return page
        page.context |= {
            "facts": _facts(record),
            "notes": record.notes,
            "stages": stage_lines(stage_rows_of_run(record)),
            "metrics": [_metric(m) for m in record.metrics],
        }
        page.tables["metrics"] = lambda: _table(record.metrics)
    return page


def _settings(entry: Entry) -> list[tuple[str, str]]:
    """Each setting with its value as a user writes it."""
    settings = sorted(json.loads(entry.settings).items())
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in settings]


def _facts(record: Any) -> list[tuple[str, str]]:
    return [
        ("Family", f"{record.family}, seed {record.seed}"),
        ("Decoding", str(record.decoding.get("name"))),
        ("Data", f"{record.data.get('name')} ({str(record.data.get('fingerprint'))[:12]})"),
        ("Parameters", quantity(record.cost.get("num_params"))),
        ("Spent", _spent(record.spent)),
        ("Finished", f"{str(record.finished_at)[:16].replace('T', ' ')} UTC"),
        ("Machine", f"{record.device}, {many(record.num_threads, 'thread')}"),
        ("Fit", record.fit_id),
    ]


def _spent(spent: Mapping[str, Any]) -> str:
    """As '1M tokens, 60 s'; a dash where the fit failed."""
    known = [
        f"{quantity(spent[name])} {unit}" for name, unit in (("tokens", "tokens"), ("seconds", "s")) if spent.get(name)
    ]
    return ", ".join(known) or "–"


def _metric(metric: Any) -> dict[str, str]:
    value = f"{number(metric.value, metric.unit)}{sign(metric.unit)}" if metric.value is not None else "–"
    return {
        "eval": metric.eval,
        "metric": words(metric.metric),
        "slice": metric.slice,
        "value": value,
        "interval": interval(metric.ci_low, metric.ci_high, metric.unit),
        "n": f"{metric.n:,} of {metric.n_total:,}",
        "reason": metric.reason or "",
    }


def _table(metrics: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([vars(metric) for metric in metrics])
