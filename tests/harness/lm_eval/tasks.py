"""Small tasks in lm_eval's format, with their data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.text.data.arithmetic_problems import problems
from harness.text.data.arithmetic_wording import Wording

SUMS = [
    dict(zip(("context", "completion"), Wording("qa").render(problem), strict=True))
    for problem in problems("test", 40, 0)
]
TEXTS = ["To be, or not to be", "a", "Question: What is 3 minus 8?\nAnswer: -5", "naïve café"]
CHOICES = [
    {"question": "The sum of 2 and 2 is", "choices": ["four", "five", "a much longer wrong answer"], "gold": 0},
    {"question": "To be, or not to", "choices": ["do", "be", "see"], "gold": 1},
    {"question": "12 plus 7 is", "choices": ["19", "20", "21"], "gold": 0},
    {"question": "The sun is", "choices": ["hot", "cold", "blue"], "gold": 0},
    {"question": "Seven is less than", "choices": ["six", "eight", "one"], "gold": 1},
    {"question": "A cat says", "choices": ["meow", "woof", "moo"], "gold": 0},
]


def write_tasks(folder: Path) -> Path:
    """toy_sums (loglikelihood), toy_choices (multiple_choice), toy_texts (loglikelihood_rolling), toy_written and
    toy_filtered (generate_until), and toy_group, which weighs the first two."""
    _write(folder, "toy_sums", SUMS, output_type="loglikelihood", doc_to_text="{{context}}",
           doc_to_target="{{completion}}", metric_list=_metrics(acc="mean", perplexity="perplexity"))  # fmt: skip
    _write(folder, "toy_choices", CHOICES, output_type="multiple_choice", doc_to_text="question",
           doc_to_choice="choices", doc_to_target="gold",
           metric_list=_metrics(acc="mean", acc_norm="mean", mcc="matthews_corrcoef"))  # fmt: skip
    _write(folder, "toy_texts", [{"text": text} for text in TEXTS], output_type="loglikelihood_rolling",
           doc_to_text="", doc_to_target="{{text}}",
           metric_list=_metrics(word_perplexity="weighted_perplexity", byte_perplexity="weighted_perplexity",
                                bits_per_byte="bits_per_byte"))  # fmt: skip
    written: dict[str, Any] = {
        "output_type": "generate_until",
        "doc_to_text": "{{context}}",
        "doc_to_target": "{{completion}}",
        "fewshot_split": "test",
        "metric_list": _metrics(exact_match="mean"),
    }
    _write(folder, "toy_written", SUMS[:12], generation_kwargs={"until": ["\n\n", "\n"], "max_gen_toks": 8}, **written)
    first_number = [{"function": "regex", "regex_pattern": "(-?[0-9]+)"}, {"function": "take_first"}]
    _write(folder, "toy_filtered", SUMS[:12], generation_kwargs={"until": ["\n"], "max_gen_toks": 8}, repeats=2,
           filter_list=[{"name": "number", "filter": first_number},
                        {"name": "vote", "filter": [{"function": "majority_vote"}, {"function": "take_first"}]}],
           **written)  # fmt: skip
    weighed = [{"metric": "acc", "aggregation": "mean", "weight_by_size": True}]
    group = {"group": "toy_group", "task": ["toy_sums", "toy_choices"], "aggregate_metric_list": weighed}
    (folder / "toy_group.yaml").write_text(yaml.safe_dump(group))
    return folder


def _metrics(**aggregations: str) -> list[dict[str, Any]]:
    worse = ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")
    return [
        {"metric": name, "aggregation": aggregation, "higher_is_better": name not in worse}
        for name, aggregation in aggregations.items()
    ]


def _write(folder: Path, name: str, docs: Sequence[Mapping[str, Any]], **options: Any) -> None:
    data = folder / f"{name}.json"
    data.write_text("\n".join(map(json.dumps, docs)))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "target_delimiter": "" if "completion" in docs[0] else " ",
        **options,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
