"""What was compared: data, tokenizer, what was matched and by how much it missed, seeds, machine; and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.common.numerals import quantity
from harness.common.plurals import many
from harness.report.cautions import cautions
from harness.report.comparison import Comparison
from harness.report.results import Run
from harness.report.wording import joined, options_text, span, words

_LIMITS = {"seconds": "training seconds", "tokens": "training tokens", "flops": "training FLOPs"}


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What was compared: (name, text) for the head of the page."""
    runs = comparison.results.runs
    named = [
        ("Data", "; ".join(_distinct(_data_text(run) for run in runs))),
        ("Tokenizer", "; ".join(_distinct(_tokenizer_text(run) for run in runs))),
        *_budget_facts(comparison),
        ("Decoding", "; ".join(_distinct(_decoding_text(run) for run in runs))),
        ("Seeds", ", ".join(str(seed) for seed in sorted({run.record.seed for run in runs}))),
        ("Evals", "; ".join(_eval_texts(runs))),
        ("Runs", _runs_text(comparison)),
        ("Machine", "; ".join(_distinct(_machine_text(run) for run in runs))),
        ("Versions", "; ".join(_distinct(_versions_text(run) for run in runs))),
        ("When", _when_text(runs)),
    ]
    return [(name, text) for name, text in named if text]


def warnings(comparison: Comparison) -> list[str]:
    """What a reader must know before believing a number here."""
    runs = comparison.results.runs
    sentences = cautions(comparison)
    leaks = {int(run.record.data.get("test_problems_seen_in_training") or 0) for run in runs} - {0}
    if leaks:
        counts = joined([str(leak) for leak in sorted(leaks)], "or")
        sentences.append(
            f"{counts} test {'problem occurs' if leaks == {1} else 'problems occur'} in the training text."
        )
    for left_out in comparison.results.left_out:
        sentences.append(f"Left out: {left_out.folder.name}. {left_out.why}")
    failed = [run for run in runs if run.record.status == "failed"]
    partial = [run for run in runs if run.record.status == "partial"]
    if failed:
        sentences.append(f"{len(failed)} of {many(len(runs), 'run')} failed; missing below: {_names(failed)}.")
    if partial:
        sentences.append(
            f"An eval failed in {len(partial)} of {many(len(runs), 'run')}; the rest of it stands: {_names(partial)}."
        )
    if len(comparison.decodings) > 1 and not any(measure.uses_decoding for measure in comparison.measures):
        sentences.append(
            f"There are {len(comparison.decodings)} decoding strategies, and no eval here asks a model to write: each "
            "measure is the same under all of them."
        )
    noted: dict[str, list[Run]] = {}
    for run in runs:
        for note in run.record.notes:
            noted.setdefault(note, []).append(run)
    for note, by in noted.items():
        of = "all runs" if len(by) == len(runs) else _names(by)
        begins_with_a_word = note.partition(" ")[0].isalpha()
        sentences.append(f"{note[:1].upper() if begins_with_a_word else note[:1]}{note[1:]} ({of}).")
    if comparison.results.unfinished:
        count = len(comparison.results.unfinished)
        them = "it" if count == 1 else "them"
        sentences.append(f"{count} more begun and not finished; start the same command again to finish {them}.")
    return sentences


def _names(runs: list[Run]) -> str:
    shown = [f"{run.system}, {run.decoding}, seed {run.record.seed}" for run in runs[:4]]
    return "; ".join(shown) + ("; ..." if len(runs) > 4 else "")


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _data_text(run: Run) -> str:
    data = run.record.data
    sizes = [
        f"{quantity(data[key], 'B')} {name}"
        for key, name in (("train_bytes", "training"), ("validation_bytes", "validation"), ("test_bytes", "test"))
        if data.get(key) is not None
    ]
    text = f"{data.get('name')}: {', '.join(sizes)}"
    if data.get("fingerprint"):
        text += f" (fingerprint {str(data['fingerprint'])[:12]})"
    seen = data.get("test_problems_seen_in_training")
    return text if seen is None else f"{text}; test problems seen in training: {seen}"


def _tokenizer_text(run: Run) -> str:
    tokenizer = run.record.tokenizer
    options = {key: value for key, value in tokenizer.items() if key not in tokenizer.get("config", {})}
    return _named(str(tokenizer.get("name")), options)


def _decoding_text(run: Run) -> str:
    return _named(run.decoding, run.record.decoding)


def _named(name: str, settings: dict[str, Any]) -> str:
    options = options_text(settings)
    return f"{name} ({options})" if options else name


def _budget_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What was matched and by how much it missed, and what was not."""
    matched, free = [], []
    runs = [run for run in comparison.results.runs if run.record.status != "failed"]
    for key, name in _LIMITS.items():
        limits = {run.record.budget.get(key) for run in runs}
        spent = span([amount for run in runs if (amount := _spent_before_stages(run, key)) is not None])
        known = sorted(float(limit) for limit in limits if limit is not None)
        if not known:
            free.append(f"{name} ({spent})")
        else:
            partly = ", for some none" if None in limits else ""
            allowed = joined([quantity(limit) for limit in known], "or")
            missed = _span_of_shares(runs, f"{key}_missed_by")
            matched.append(f"{name}: at most {allowed}{partly}, spent {spent}{missed}")
    params = _params_text(comparison, runs)
    (matched if params[0] else free).append(params[1])
    if matched and any(run.record.stages for run in runs):
        matched[-1] += " (all of this without the stages of post-training)"
    budget = [("Matched in", "; ".join(matched))] if matched else []
    return [*budget, ("Not matched", "; ".join(free))] if free else budget


def _spent_before_stages(run: Run, key: str) -> float | None:
    """What a budget limits: what the fit spent before the stages of post-training. None where it isn't known."""
    whole = run.record.spent.get(key)
    return None if whole is None else whole - sum(stage["spent"].get(key) or 0 for stage in run.record.stages)


def _span_of_shares(runs: list[Run], key: str) -> str:
    """By how much a limit was missed, as ' (-3.0 to +0.1 %)'; '' where it isn't known."""
    shares = sorted(float(share) for run in runs if (share := run.record.budget.get(key)) is not None)
    ends = dict.fromkeys(f"{100 * share:+.1f}" for share in shares[:1] + shares[-1:])
    return f" ({' to '.join(ends)} %)" if ends else ""


def _params_text(comparison: Comparison, runs: list[Run]) -> tuple[bool, str]:
    wanted = sorted({float(run.record.budget["num_params"]) for run in runs if run.record.budget.get("num_params")})
    counts = [float(count) for run in runs if (count := run.record.cost.get("num_params")) is not None]
    if not wanted:
        return False, f"parameters ({span(counts)})"
    missed = {
        run.system: float(run.record.budget["num_params_missed_by"])
        for run in runs
        if run.record.budget.get("num_params_missed_by") is not None
    }
    text = f"parameters: {joined([quantity(count) for count in wanted], 'or')}"
    solved = [f"{system} {100 * missed[system]:+.1f} %" for system in comparison.systems if system in missed]
    unsolved = [
        system for system in comparison.systems if system not in missed and any(r.system == system for r in runs)
    ]
    text += f", missed by {', '.join(solved)}" if solved else ""
    return True, text + (f" (no width to solve for: {', '.join(unsolved)})" if unsolved else "")


def _eval_texts(runs: tuple[Run, ...]) -> list[str]:
    found: dict[str, tuple[set[int], set[int]]] = {}
    for run in runs:
        for metric in run.record.metrics:
            versions, totals = found.setdefault(metric.eval, (set(), set()))
            versions.add(metric.eval_version)
            if metric.slice == "all":
                totals.add(metric.n_total)
    return [
        f"{words(name)} version {', '.join(str(v) for v in sorted(versions))}, {_samples_text(totals)} a run"
        for name, (versions, totals) in sorted(found.items())
    ]


def _samples_text(totals: set[int]) -> str:
    """'300 samples', '1 sample', '75 or 100 samples'."""
    if len(totals) < 2:
        return many(max(totals, default=0), "sample")
    return f"{joined([f'{total:,}' for total in sorted(totals)], 'or')} samples"


def _runs_text(comparison: Comparison) -> str:
    runs = comparison.results.runs
    count = {status: sum(run.record.status == status for run in runs) for status in ("complete", "partial", "failed")}
    fits = len({run.record.fit_id for run in runs})
    counts = [f"{n} {status}" for status, n in count.items() if n]
    if comparison.results.unfinished:
        counts.append(f"{len(comparison.results.unfinished)} unfinished")
    return f"{', '.join(counts)}; {many(fits, 'fit')} of {many(len(comparison.systems), 'model')}"


def _machine_text(run: Run) -> str:
    return f"{run.record.device}, {many(run.record.num_threads, 'thread')}"


def _versions_text(run: Run) -> str:
    versions = [f"{name} {version}" for name, version in sorted(run.record.versions.items())]
    commit = run.record.git.get("commit")
    if commit:
        versions.append(f"commit {str(commit)[:10]}{' with changes' if run.record.git.get('dirty') else ''}")
    return ", ".join(versions)


def _when_text(runs: tuple[Run, ...]) -> str:
    first, last = min(run.record.started_at for run in runs), max(run.record.finished_at for run in runs)
    return f"{first[:16].replace('T', ' ')} to {last[:16].replace('T', ' ')} UTC"
