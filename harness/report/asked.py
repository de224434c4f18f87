"""What models were asked, as far as it must be alike for a comparison, and in what they differ.

Values are compared only where the data, the test samples, the eval's version and the format of transcripts are the
same. Models of two families also need the same budget and the same options of the eval, since the question is which
family is better at equal cost. Models of one family may differ in these: then they are what is compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.config.identity import SOURCE
from harness.evaluation.metric import Metric
from harness.report.results import Run

LIMITS = ("tokens", "seconds", "flops", "num_params")
"""The limits of a budget."""
_MOST_NAMED = 3
_NUM_OF_FINGERPRINT = 12


@dataclass(frozen=True)
class Asked:
    """What one model was asked, to give one measure."""

    family: str
    everyone: Mapping[str, object]
    """What must be alike for any two models, by its name."""
    within_family: Mapping[str, object]
    """What must be alike for models of two families."""

    @classmethod
    def of(cls, records: Sequence[tuple[Run, Metric]], ids: frozenset[str] | int) -> Asked:
        """From the seeds' records of the measure. ids: of its samples; how many there are where those are unknown."""
        runs = [run for run, _ in records]
        eval_name = records[0][1].eval
        options = [run.record.evals.get(eval_name) or {} for run in runs]
        everyone = {
            "data": _distinct(str(run.record.data.get("fingerprint"))[:_NUM_OF_FINGERPRINT] for run in runs),
            "version of the eval": _distinct(str(metric.eval_version) for _, metric in records),
            "text of the eval": _distinct(str(own.get(SOURCE))[:_NUM_OF_FINGERPRINT] for own in options),
            "format": _distinct(name for run in runs for name in sorted(_formats(run.record.data))),
            "samples": ids,
        }
        within_family = {
            **{f"budget.{name}": _distinct(_text(run.record.budget.get(name)) for run in runs) for name in LIMITS},
            **{
                f"evals.{eval_name}.{name}": _distinct(_text(own.get(name)) for own in options)
                for name in sorted({name for own in options for name in own} - {SOURCE, "version", "_target_"})
            },
        }
        return cls(runs[0].record.family, everyone, within_family)


def differing(asked: Sequence[Asked]) -> list[str]:
    """In what models differ that must be alike, as 'data (cdcdcdcdcdcd and efefefefefef)'; empty where they may be
    compared."""
    parts = []
    for name in _names(one.everyone for one in asked):
        values = [one.everyone.get(name) for one in asked]
        if name == "samples":
            parts += _of_samples(values)
        elif len(set(values)) > 1:
            parts.append(_named(name, values))
    for name in _names(one.within_family for one in asked):
        values = [one.within_family.get(name) for one in asked]
        by_family = {(one.family, value) for one, value in zip(asked, values, strict=True)}
        if any(a[0] != b[0] and a[1] != b[1] for a, b in itertools.combinations(by_family, 2)):
            parts.append(_named(name, values))
    return parts


def _names(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _named(name: str, values: Sequence[object]) -> str:
    texts = sorted({"none" if value is None else str(value) for value in values}, key=lambda text: (len(text), text))
    if len(texts) > _MOST_NAMED:
        texts = [*texts[: _MOST_NAMED - 1], f"{len(texts) - _MOST_NAMED + 1} others"]
    return f"{name} ({', '.join(texts[:-1])} and {texts[-1]})"


def _of_samples(values: Sequence[object]) -> list[str]:
    """That the samples differ, where they do; by their number alone where the ids of some are unknown."""
    sets = [ids for ids in values if isinstance(ids, frozenset)]
    counts = sorted({len(ids) if isinstance(ids, frozenset) else int(str(ids)) for ids in values})
    total = " and ".join(f"{count:,}" for count in counts)
    if len(sets) == len(values) and len(set(sets)) > 1:
        return [f"samples ({total}, of which {len(frozenset.intersection(*sets)):,} are the same)"]
    return [f"samples ({total})"] if len(counts) > 1 else []


def _distinct(texts: Iterable[str]) -> str:
    return " with ".join(dict.fromkeys(texts))


def _text(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value)


def _formats(settings: object) -> Iterator[str]:
    """The names of the formats in which data are written, wherever they are set."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            if name == "format" and isinstance(value, Mapping):
                yield str(value.get("name"))
            else:
                yield from _formats(value)
    elif isinstance(settings, (list, tuple)):
        for item in settings:
            yield from _formats(item)
