"""Synthetic results for the dashboard: any number of runs with samples and curves, in experiments of a hundred.

    python benchmarks/dashboard/synthetic.py FOLDER [--runs 1000] [--samples 200] [--steps 100]

Ten families, two decoding strategies and five seeds make an experiment. Every run has `samples` rows over three evals
and, of a neural family, a curve of `steps` rows. The numbers are drawn with a fixed seed and mean nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.common.results_folder import CONFIG_FILE, CURVE_FILE, SAMPLES_FILE
from harness.evaluation.metric import Formula, Metric
from harness.runs.record import RunRecord
from harness.statistics.intervals import mean, ratio_of_totals

FAMILIES = ("unigram", "bigram", "ngram", "mlp", "rnn", "gru", "lstm", "mingru", "ssm", "transformer")
DECODINGS = ("greedy", "top_p")
NUM_SEEDS = 5
RUNS_AN_EXPERIMENT = len(FAMILIES) * len(DECODINGS) * NUM_SEEDS


def write_synthetic(results: Path, num_runs: int, num_samples: int = 200, num_steps: int = 100) -> None:
    """Write so many runs. num_samples: rows of samples.parquet in each; num_steps: rows of curve.parquet."""
    for number in range(num_runs):
        experiment, place = divmod(number, RUNS_AN_EXPERIMENT)
        family = FAMILIES[place // (len(DECODINGS) * NUM_SEEDS)]
        decoding = DECODINGS[place // NUM_SEEDS % len(DECODINGS)]
        _write_run(results / f"sweep{experiment:03d}", family, decoding, place % NUM_SEEDS, num_samples, num_steps)


def _write_run(folder: Path, family: str, decoding: str, seed: int, num_samples: int, num_steps: int) -> None:
    run_id = f"{family}-{decoding}-s{seed}"
    level = 5.0 - 0.3 * FAMILIES.index(family)
    draws = np.random.default_rng([FAMILIES.index(family), DECODINGS.index(decoding), seed])
    num_documents, num_sums = num_samples // 4, num_samples // 2
    rows, metrics = [], []
    bits = level * (1 + draws.normal(0, 0.05, num_documents))
    num_bytes = np.random.default_rng(0).integers(500, 4000, num_documents)
    nats = bits * num_bytes * math.log(2)
    for place in range(num_documents):
        values = {"bits_per_byte": float(bits[place])}
        row = _row("perplexity", f"document-{place}", values, {"source": "plays" if place % 2 else "chats"})
        rows.append(
            row | {"nats": float(nats[place]), "num_bytes": int(num_bytes[place]), "num_tokens": int(num_bytes[place])}
        )
    clusters = [f"document-{place}" for place in range(num_documents)]
    estimate = ratio_of_totals(nats, num_bytes, clusters, 1 / math.log(2))
    formula = Formula("nats", "num_bytes", 1 / math.log(2))
    metrics.append(_metric("perplexity", "bits_per_byte", "bits/byte", False, estimate, formula, False))
    for name, metric, count, ease in (
        ("arithmetic", "exact_match", num_sums, 0.08),
        ("turn_taking", "handed_back", num_samples - num_documents - num_sums, 0.1),
    ):
        right = draws.random(count) < ease * FAMILIES.index(family)
        for place in range(count):
            row = _row(name, f"{name}-{place}", {metric: bool(right[place])}, {"digits": str(1 + place % 3)})
            texts = {"prompt": f"Human: {place} and {place}?\n\nAssistant:", "target": str(2 * place)}
            rows.append(row | texts | {"answer": f" {2 * place + (not right[place])}", "finish_reason": "stop"})
        found = mean(right, [f"{name}-{place}" for place in range(count)])
        metrics.append(_metric(name, metric, "share", True, found, Formula(metric), True))
    target = folder / run_id
    target.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([{"run_id": run_id, **row} for row in rows]).to_parquet(target / SAMPLES_FILE, index=False)
    _curve(level, num_steps, draws).to_parquet(target / CURVE_FILE, index=False)
    (target / CONFIG_FILE).write_text(f"model: {family}\n", encoding="utf-8")
    _record(folder, run_id, family, decoding, seed, metrics).write(target)


def _row(eval_name: str, sample_id: str, values: dict[str, Any], slices: dict[str, str]) -> dict[str, Any]:
    nothing = dict.fromkeys(("prompt", "finish_reason", "nats", "num_tokens", "num_bytes")) | {
        "target": "",
        "answer": "",
    }
    about = {"eval": eval_name, "sample_id": sample_id, "cluster": sample_id}
    return about | nothing | {"values": json.dumps(values), "slices": json.dumps(slices), "parts": "{}"}


def _metric(name: str, metric: str, unit: str, is_higher: bool, found: Any, formula: Formula, decoded: bool) -> Metric:
    ends = {"stderr": found.stderr, "ci_low": found.ci_low, "ci_high": found.ci_high, "df": found.df}
    how = dataclasses.asdict(formula)
    return Metric(
        name,
        1,
        metric,
        "all",
        found.value,
        unit,
        is_higher,
        found.n,
        found.n_total,
        **ends,
        **how,
        uses_decoding=decoded,
    )


def _curve(level: float, num_steps: int, draws: np.random.Generator) -> pd.DataFrame:
    step = np.arange(1, num_steps + 1)
    validation = level + 3 * np.exp(-4 * (step / num_steps) ** 0.5) + draws.normal(0, 0.01, num_steps)
    return pd.DataFrame(
        {
            "step": step,
            "tokens": 1000 * step,
            "flops": 1e9 * step,
            "seconds": 0.5 * step * (1 + 0.05 * draws.random()),
            "train_loss_nats": 0.7 * validation,
            "validation_bits_per_byte": validation,
            "learning_rate": 1e-3,
            "tokens_per_second": 2000.0,
        }
    )


def _record(folder: Path, run_id: str, family: str, decoding: str, seed: int, metrics: list[Metric]) -> RunRecord:
    place = FAMILIES.index(family)
    return RunRecord(
        run_id=run_id,
        fit_id=f"{family}-{seed}",
        experiment=folder.name,
        status="complete",
        error=None,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=f"2026-01-{1 + int(folder.name[-3:]) % 28:02d}T00:{place:02d}:{10 * seed:02d}+00:00",
        family=family,
        model={
            "name": family,
            "num_layers": 1 + place % 4,
            "d_model": 32 * (1 + place),
            "learning_rate": 1e-3 * (1 + place),
        },
        tokenizer={"name": "char", "vocab_size": 100, "fingerprint": "ab" * 32},
        data={"name": "mixture", "fingerprint": "cd" * 32, "train_bytes": 10**6, "config": {"weight": 0.5}},
        decoding={"name": decoding, "max_new_tokens": 100},
        training={"batch_tokens": 1024, "warmup_fraction": 0.05},
        evals={name: {"version": 1} for name in ("perplexity", "arithmetic", "turn_taking")},
        seed=seed,
        deterministic=False,
        budget={"tokens": 10**6, "seconds": None, "flops": None, "num_params": 100_000},
        spent={"tokens": 10**6, "flops": 10**12, "seconds": 30.0 + place + seed, "steps": 100},
        cost={
            "num_params": 100_000 + 1000 * place,
            "model_bytes": 400_000,
            "flops_per_token": 200_000 * (1 + place),
            "state_bytes_at_context": 1000,
        },
        metrics=metrics,
        versions={"python": "3.11"},
        git={"commit": None, "dirty": False},
        device="cpu",
        num_threads=2,
        peak_memory_bytes=10**9,
        wandb={"mode": "offline", "run_id": "x", "url": None},
        decoding_id=decoding,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--steps", type=int, default=100)
    chosen = parser.parse_args()
    write_synthetic(chosen.folder, chosen.runs, chosen.samples, chosen.steps)
