"""Samples of two runs side by side, and one sample across all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet

from harness.common.errors import UserError
from harness.common.numerals import number, sign
from harness.common.results_folder import SAMPLES_FILE
from harness.dashboard.board import Board
from harness.dashboard.charts.points import Dot, Ends, Plane, scatter
from harness.dashboard.choices import Choices
from harness.dashboard.looks import Look
from harness.dashboard.pages import Page
from harness.dashboard.sample_rows import Pair, measures_in, one_sample, pair, sample_rows, slices_in
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.dashboard.tokens import token_texts
from harness.dashboard.transcripts import dialogue
from harness.evaluation.rows import parsed
from harness.report.result_lines import ResultLine
from harness.report.results import damaged_by
from harness.report.wording import words
from harness.runs.index import Entry

if TYPE_CHECKING:
    import pandas as pd

PAGE_SIZE = 20
LOOKED_INTO = 300
"""Characters of a prompt and its answer that the view Inside is asked about."""
SHOWN, MOST = 600, 20_000
"""Characters of a text: in a list, and of one sample before 'show all'."""
_SHOWN_LINES = 8
_KINDS = {"both": "both right", "a": "A right, B wrong", "b": "B right, A wrong", "none": "none right"}
_YES_OR_NO = {"both": "both yes", "a": "A yes, B no", "b": "B yes, A no", "none": "both no"}
"""Of what is not better where it is so."""
_ORDERS = {"file": "as in the file", "a": "A higher by most", "b": "B higher by most", "low": "lowest values"}


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where a run, eval or sample of the address is gone."""
    page = Page("/samples", "samples.html", {"pair": None, "sample": None, "why_not": ""})
    scope = site.scope(choices)
    page.context["scope"] = scope
    board = site.board(scope, choices)
    if board is None:
        page.is_waiting = True
        return page
    first, second = _runs(site, choices, board)
    evals = evals_in(site, first)
    eval_name = choices.picked("eval", evals, _default_eval(board, evals))
    page.context |= {
        "first": first,
        "second": second,
        "runs": [(entry.id, entry.id if scope.is_whole else entry.run_id) for entry in _with_samples(scope)],
        "evals": [(name, words(name)) for name in evals],
        "eval": eval_name,
        "orders": _ORDERS,
    }
    if not evals:
        page.context["why_not"] = f"{first.run_id} has no samples: it failed, or its evals have none."
        return page
    if choices.value("sample"):
        _add_sample(page, site, choices, scope, board, eval_name)
        return page
    if first.fingerprint != second.fingerprint:
        page.context["why_not"] = (
            f"{first.run_id} and {second.run_id} were tested on different data (fingerprints "
            f"{first.fingerprint[:12]} and "
            f"{second.fingerprint[:12]}), so their samples can't be put side by side. Choose two runs of the same data."
        )
        return page
    rows_a, rows_b = sample_rows(site, first, eval_name), sample_rows(site, second, eval_name)
    if rows_b.empty:
        page.context["why_not"] = f"{second.run_id} has no samples of {words(eval_name)}."
        return page
    _add_pair(page, site, choices, board, rows_a, rows_b)
    return page


def _runs(site: Site, choices: Choices, board: Board) -> tuple[Entry, Entry]:
    """A and B: runs of the address, or the first seeds of its models; else of the two best models."""
    entries = []
    for name, rank in (("a", -1), ("b", -2)):
        run, model = choices.value(name), choices.value(f"model_{name}")
        if not run:
            systems = board.systems
            usual = list(dict.fromkeys(line.system for line in answered(site, board.lines))) or systems
            system = model if model in systems else usual[max(rank, -len(usual))]
            if model and model not in systems:
                raise UserError(f"there is no model {model!r} here (any more). There is: {', '.join(systems)}.")
            run = first_seed(site, board, system, choices.value("decoding"))
        entries.append(site.run(run))
    for entry in entries:
        if not entry.has_record:
            raise UserError(f"{entry.id} has no samples yet: it is {entry.status}. {entry.why}".strip())
    return entries[0], entries[1]


def answered(site: Site, lines: Sequence[ResultLine]) -> list[ResultLine]:
    """Those with a run that has not failed."""
    good = {entry.id for entry in site.index.entries() if entry.has_record and entry.status != "failed"}
    return [line for line in lines if good & {*line.runs}]


def first_seed(site: Site, board: Board, system: str, decoding: str) -> str:
    """The run of a system with the lowest seed that has not failed."""
    line = board.line(system, decoding)
    entries = [entry for run in line.runs if (entry := site.index.get(run)) is not None]
    usable = [entry for entry in entries if entry.status != "failed"] or entries
    return min(usable, key=lambda entry: (entry.seed or 0, entry.id)).id if usable else line.runs[0]


def _with_samples(scope: Scope) -> list[Entry]:
    entries = [entry for entry in scope.entries if entry.has_record and entry.status != "failed"]
    return sorted(entries, key=lambda entry: entry.id)


def evals_in(site: Site, entry: Entry) -> list[str]:
    """The evals that a run has samples of."""
    path = site.index.folder(entry) / SAMPLES_FILE
    if not path.exists():
        return []
    with damaged_by(path):
        column = pyarrow.parquet.read_table(path, columns=["eval"], use_threads=False)["eval"]
        return sorted(column.unique().to_pylist())


def _default_eval(board: Board, evals: Sequence[str]) -> str:
    """The first headline with answers that are right or wrong, else the first."""
    shares = [board.measures[index].eval for index in board.headlines if board.measures[index].unit == "share"]
    return next((name for name in shares if name in evals), next(iter(evals), ""))


def _add_pair(
    page: Page, site: Site, choices: Choices, board: Board, rows_a: pd.DataFrame, rows_b: pd.DataFrame
) -> None:
    eval_name = page.context["eval"]
    measures = measures_in(rows_a)
    headline = next((m.metric for m in board.measures if m.eval == eval_name and m.metric in measures), None)
    metric = choices.picked("metric", measures, headline or next(iter(measures), ""))
    part = choices.picked("slice", slices_in(rows_a), "")
    index = board.index_of(eval_name, metric)
    unit = board.measures[index].unit if index is not None else ""
    both = pair(rows_a, rows_b, metric, part)
    page.context |= {
        "metrics": [(name, words(name)) for name in measures],
        "metric": metric,
        "slices": [(name, name) for name in slices_in(rows_a)],
        "slice": part,
        "unit": unit,
        "kinds": _KINDS if index is None or board.measures[index].higher_is_better else _YES_OR_NO,
    }
    if not both.ids:
        page.context["why_not"] = "The two runs have no sample in common, so nothing can be put side by side."
        return
    kind = choices.picked("kind", list(_KINDS), "") if both.is_yes_or_no else ""
    inside = both.chosen(kind)
    if not both.is_yes_or_no:
        ends = [(choices.number(f"{axis}_from"), choices.number(f"{axis}_to")) for axis in ("x", "y")]
        inside &= both.within(ends)
        _add_scatter(page, both, choices, words(metric), ends)
    wanted = choices.value("find").lower()
    if wanted:
        texts = [
            frame[name].fillna("").str.lower()
            for frame in (both.first, both.second)
            for name in ("prompt", "answer", "target")
        ]
        inside &= np.logical_or.reduce([text.str.contains(wanted, regex=False).to_numpy(dtype=bool) for text in texts])
    chosen = _ordered(np.flatnonzero(inside), both, choices.picked("order", list(_ORDERS), "file"))
    page_number = max(1, int(choices.number("page") or 1))
    shown = chosen[(page_number - 1) * PAGE_SIZE : page_number * PAGE_SIZE]
    page.context |= {
        "pair": both,
        "counts": {name: int(both.chosen(name).sum()) for name in _KINDS},
        "kind": kind,
        "num_chosen": len(chosen),
        "number": page_number,
        "num_pages": math.ceil(len(chosen) / PAGE_SIZE),
        "cards": [_card(both, row, unit) for row in shown],
        "num_unpaired": len(rows_a) - len(both.ids) if not part else 0,
    }
    page.tables["samples"] = lambda: samples_table(both, chosen, metric)


def _add_scatter(page: Page, both: Pair, choices: Choices, name: str, ends: Sequence[Ends]) -> None:
    known = np.flatnonzero(~np.isnan(both.a) & ~np.isnan(both.b))
    if len(known) < 2:
        return
    low = min(both.a[known].min(), both.b[known].min())
    is_log = bool(low > 0 and max(both.a[known].max(), both.b[known].max()) / low > 30)
    dots = [
        Dot(
            float(both.a[row]),
            float(both.b[row]),
            Look("c0", "o"),
            f"{both.ids[row]}: A {both.a[row]:.4g}, B {both.b[row]:.4g}",
            choices.changed(sample=both.ids[row]).address("/samples"),
        )
        for row in known
    ]
    plane = Plane(f"A: {name}", f"B: {name}", is_log, is_log, lambda value: f"{value:.3g}")
    about = f"Each point is a sample: {name} of A against that of B, {len(known)} samples. The list below has the same."
    part = (ends[0], ends[1]) if any(end is not None for pair_of_ends in ends for end in pair_of_ends) else None
    page.drawings["scatter"] = scatter(dots, plane, about, "scatter", diagonal=True, brush="xy", part=part)


def _ordered(rows: Any, both: Pair, order: str) -> list[int]:
    apart = both.a - both.b
    if order == "file":
        return [int(row) for row in rows]
    by = {"a": -apart, "b": apart, "low": np.fmin(both.a, both.b)}[order]
    return [int(row) for row in sorted(rows, key=lambda row: (math.isnan(by[row]), by[row]))]


def _card(both: Pair, row: int, unit: str) -> dict[str, Any]:
    sample_a, sample_b = both.first.iloc[row], both.second.iloc[row]
    return {
        "id": both.ids[row],
        "prompt": _tail(sample_a["prompt"]),
        "target": _head(sample_a["target"]),
        "answers": [
            ("A", _head(sample_a["answer"]), value_text(both.a[row], unit, both.is_yes_or_no)),
            ("B", _head(sample_b["answer"]), value_text(both.b[row], unit, both.is_yes_or_no)),
        ],
    }


def value_text(value: float | None, unit: str, is_yes_or_no: bool) -> str:
    """'yes', 'no', '2.103', '–'."""
    if value is None or math.isnan(value):
        return "–"
    if is_yes_or_no:
        return "yes" if value == 1 else "no"
    return f"{number(value, unit)}{sign(unit)}"


def _inside(entry: Entry, prompt: str, answer: str) -> str:
    """The address where the end of a prompt and the beginning of its answer are looked into; '' where there is no
    text."""
    answer = answer[: LOOKED_INTO // 2]
    text = prompt[len(answer) - LOOKED_INTO :] + answer
    return Choices().changed(a=entry.id, text=text).address("/inside") if text else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _head(value: object) -> str:
    text = _text(value)
    shown = "\n".join(text[:SHOWN].split("\n")[:_SHOWN_LINES])
    return text if shown == text else f"{shown} …"


def _tail(value: object) -> str:
    text = _text(value)
    shown = "\n".join(text[-SHOWN // 2 :].split("\n")[-_SHOWN_LINES:])
    return text if shown == text else f"… {shown}"


def samples_table(both: Pair, rows: Sequence[int], metric: str) -> pd.DataFrame:
    """The chosen samples with both runs' answers and values."""
    import pandas as pd

    rows_a, rows_b = both.first.iloc[list(rows)], both.second.iloc[list(rows)]
    return pd.DataFrame(
        {
            "sample_id": rows_a.index.astype(str),
            "cluster": rows_a["cluster"].to_numpy(),
            "prompt": rows_a["prompt"].to_numpy(),
            "target": rows_a["target"].to_numpy(),
            "answer_a": rows_a["answer"].to_numpy(),
            "answer_b": rows_b["answer"].to_numpy(),
            f"{metric}_a": both.a[list(rows)],
            f"{metric}_b": both.b[list(rows)],
        }
    )


def _add_sample(page: Page, site: Site, choices: Choices, scope: Scope, board: Board, eval_name: str) -> None:
    """One sample: the exact prompt, and what every model made of it."""
    sample_id, first = choices.value("sample"), page.context["first"]
    row = one_sample(site, first, eval_name, sample_id)
    if row is None:
        raise UserError(
            f"{first.run_id} has no sample {sample_id!r} of {words(eval_name)} (any more). The list of samples shows "
            "those that there are."
        )
    whole = choices.value("all") == "yes"
    prompt = _text(row["prompt"])
    index = next((index for index in board.headlines if board.measures[index].eval == eval_name), None)
    metric = choices.value("metric") or (board.measures[index].metric if index is not None else "")
    answers = [
        _answer(site, board, line.system, line.decoding, eval_name, sample_id, metric, whole)
        for line in reversed(board.lines)
    ]
    page.context["sample"] = {
        "id": sample_id,
        "prompt": prompt if whole else prompt[-MOST:],
        "num_hidden": 0 if whole else max(0, len(prompt) - MOST),
        "target": _text(row["target"])[: None if whole else MOST],
        "slices": ", ".join(f"{name} {value}" for name, value in parsed(row["slices"]).items()),
        "metric": words(metric),
        "tokens": token_texts(site, first, prompt) if choices.value("tokens") == "yes" else None,
        "wants_tokens": choices.value("tokens") == "yes",
    }
    page.context["answers"] = [answer for answer in answers if answer is not None]
    page.context["looks"] = site.looks()


def _answer(
    site: Site, board: Board, system: str, decoding: str, eval_name: str, sample_id: str, metric: str, whole: bool
) -> dict[str, Any] | None:
    entry = site.index.get(first_seed(site, board, system, decoding))
    if entry is None or not entry.has_record:
        return None
    try:
        row = one_sample(site, entry, eval_name, sample_id)
    except (UserError, OSError):
        return None
    if row is None:
        return None
    values = parsed(row["values"])
    value = values.get(metric)
    answer = _text(row["answer"])
    num_tokens, nats = row["num_tokens"], row["nats"]
    return {
        "run": entry.id,
        "system": system,
        "family": entry.family,
        "decoding": decoding,
        "seed": entry.seed,
        "answer": answer if whole else answer[:MOST],
        "inside": _inside(entry, _text(row["prompt"]), answer or _text(row["target"])),
        "num_hidden": 0 if whole else max(0, len(answer) - MOST),
        "value": value_text(float(value), "", isinstance(value, bool)) if isinstance(value, int | float) else "–",
        "finish": _text(row["finish_reason"]),
        "bits_a_token": nats / math.log(2) / num_tokens if nats is not None and num_tokens else None,
        "nats": nats,
        "num_tokens": num_tokens,
        "dialogue": dialogue(entry, _text(row["prompt"])[-MOST:], answer[:MOST], values),
        "values": [
            (words(name), value_text(float(v), "", isinstance(v, bool)))
            for name, v in values.items()
            if isinstance(v, int | float)
        ],
    }
