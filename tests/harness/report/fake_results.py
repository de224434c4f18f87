"""Made-up results of a comparison, as a finished `compare` leaves them: plausible numbers, hostile text, and mishaps.

`python tests/harness/report/fake_results.py FOLDER [NUM_SEEDS]` writes them to look at.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.common.results_folder import CURVE_FILE, RUN_FILE, SAMPLES_FILE
from harness.evaluation.metric import Formula, Metric
from harness.runs.record import RunRecord
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean, median, ratio_of_totals

HOSTILE = (
    "<script>alert(1)</script>]]>--><img src=x onerror=alert(2)> | `code` $\\LaTeX$ & 100% "
    "\u202egnp.exe\u202c \x00\x1b[31m zero\u200bwidth {{ 7 * 7 }}\n=cmd()|' /C calc'!A0"
)
DECODINGS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 200},
    "temperature": {"temperature": 0.8, "max_new_tokens": 200},
    "top_k": {"k": 40, "temperature": 1.0, "max_new_tokens": 200},
    "top_p": {"p": 0.9, "temperature": 1.0, "max_new_tokens": 200},
}
PROMPTS = {
    "play": "HAMLET:\nTo be, or not to be, that is the",
    "chat": "Human: hi there, how are you?\n\nAssistant:",
    "sum": "Question: What is 12 plus 7?\nAnswer:",
}


@dataclass(frozen=True)
class Fake:
    """One model's plausible numbers."""

    name: str
    bits_per_byte: float
    num_params: int
    seconds: float
    flops_per_token: int
    skill: float
    neural: bool
    text: str


MODELS = [
    Fake("uniform", 6.87, 0, 0.01, 0, 0.0, False, "q)\u00e9Zk\u00f8;3~\u2713 {Lw#\u03b2v\u20ac9m|0^&Jr"),
    Fake("unigram", 4.71, 117, 0.02, 0, 0.0, False, "e ohtn  asriI tee,dl o\nhn ut  aeirs"),
    Fake("bigram", 3.52, 9_871, 0.05, 0, 0.01, False, "t the ore he s andin d mere wis thouthat\nFis, be"),
    Fake(
        "ngram", 2.31, 412_778, 3.1, 0, 0.06, False, "the question of my lord, and the king of France.\n\nHAMLET:\nWhat"
    ),
    Fake("rnn", 2.63, 801_024, 60.0, 1_602_048, 0.03, True, "the sould be the stand the more the comes\nAnd the prive"),
    Fake(
        "gru",
        2.18,
        803_840,
        60.0,
        1_607_680,
        0.18,
        True,
        "the matter with the world, and I will not be so.\n\nHORATIO:\n",
    ),
    Fake(
        "lstm",
        2.12,
        798_720,
        60.0,
        1_597_440,
        0.22,
        True,
        "the question is the heart of all the world,\nAnd that the king",
    ),
    Fake("transformer", 2.24, 801_792, 60.0, 1_703_000, 0.31, True, "the world that I have seen the state of men.\n"),
]


def write_fake_results(
    results: Path,
    num_seeds: int = 1,
    experiment: str = "families",
    models: list[Fake] | None = None,
    num_documents: int = 24,
    num_problems: int = 160,
    mishaps: bool = True,
) -> Path:
    """Write every model under every decoding at every seed. Returns the experiment's folder.

    `mishaps`: one failed run, one partial one, one unfinished folder, missing values, and hostile text in what models
    wrote.
    """
    folder = results / experiment
    for fake in models or MODELS:
        for seed in range(num_seeds):
            for decoding in DECODINGS:
                _write_run(folder, fake, seed, decoding, num_documents, num_problems, mishaps)
    if mishaps:
        unfinished = folder / "0123abcd-unfinished"
        unfinished.mkdir(parents=True)
        (unfinished / "config.yaml").write_text("model: lstm\n")
    (results / "fits" / "f-lstm-0").mkdir(parents=True, exist_ok=True)
    return folder


def copy_run(run: Path, name: str, changes: dict[str, Any]) -> Path:
    """A run's folder again under another name, as that of another fit, with other settings: {'model.order': 3}."""
    folder = run.parent / name
    shutil.copytree(run, folder)
    record = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    record["run_id"] = record["fit_id"] = name
    for key, value in changes.items():
        *path, last = key.split(".")
        node = record
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    (folder / RUN_FILE).write_text(json.dumps(record), encoding="utf-8")
    return folder


def _write_run(
    folder: Path, fake: Fake, seed: int, decoding: str, num_documents: int, num_problems: int, mishaps: bool
) -> None:
    run_id = f"{fake.name}-{decoding}-s{seed}"
    failed = mishaps and (fake.name, decoding, seed) == ("rnn", "top_p", 0)
    partial = mishaps and (fake.name, decoding, seed) == ("gru", "top_k", 0)
    metrics: list[Metric] = []
    rows: list[dict[str, Any]] = []
    if not failed:
        _perplexity(fake, seed, num_documents, metrics, rows)
        _arithmetic(fake, seed, decoding, num_problems, metrics, rows, mishaps)
        if not partial:
            _turn_taking(fake, seed, decoding, metrics, rows, mishaps)
        _showcase(fake, decoding, rows, mishaps)
        _write_table(folder / run_id / SAMPLES_FILE, pd.DataFrame([{"run_id": run_id, **row} for row in rows]))
        _write_table(folder / run_id / CURVE_FILE, _curve(fake, seed))
    error = None
    if failed:
        error = "RuntimeError: the loss became NaN at step 131 <b>(learning rate 3.0)</b>"
    elif partial:
        error = "turn_taking: ValueError: no transcripts of 2 speakers | in the test split"
    RunRecord(
        run_id=run_id,
        fit_id=f"f-{fake.name}-{seed}",
        experiment=folder.name,
        status="failed" if failed else "partial" if partial else "complete",
        error=error,
        started_at="2025-11-22T07:30:00+00:00",
        finished_at=f"2025-11-22T07:{31 + seed:02d}:00+00:00",
        family=fake.name,
        model={"name": fake.name, **({"num_layers": 1, "d_model": 384} if fake.neural else {})},
        tokenizer={"name": "char", "speaker_tokens": False, "vocab_size": 117, "fingerprint": "ab" * 32},
        data={
            "name": "mixture",
            "fingerprint": "cd" * 32,
            "train_bytes": 18_400_000,
            "validation_bytes": 920_000,
            "test_bytes": 941_000,
            "test_problems_seen_in_training": 0,
            "config": {"weights": {"shakespeare": 0.4, "chat": 0.4, "arithmetic": 0.2}},
        },
        decoding={"name": decoding, **DECODINGS[decoding]},
        training={"batch_tokens": 1024, "warmup_fraction": 0.05},
        evals={name: {"version": 1} for name in ("arithmetic", "perplexity", "showcase", "turn_taking")},
        glossary={"arithmetic": {"exact_match": "Share of the <b>sums</b> that are right."}},
        seed=seed,
        deterministic=True,  # so that one seed is enough to speak of families
        budget={
            "tokens": None,
            "seconds": 60.0,
            "flops": None,
            "num_params": 800_000,
            "seconds_missed_by": None if failed else fake.seconds * (1 + 0.002 * seed) / 60 - 1,
            "num_params_missed_by": (fake.num_params - 800_000) / 800_000 if fake.neural else None,
        },
        spent={
            "tokens": None if failed else int(18_400_000 if not fake.neural else 45_000 * fake.seconds),
            "flops": None if failed else int(3 * fake.flops_per_token * 45_000 * fake.seconds),
            "seconds": None if failed else fake.seconds * (1 + 0.002 * seed),
            "steps": None if failed else 900 if fake.neural else 1,
        },
        cost={
            "num_params": fake.num_params,
            "model_bytes": 4 * fake.num_params + 900,
            "flops_per_token": fake.flops_per_token,
            "state_bytes_at_context": 3072,
        },
        metrics=metrics,
        versions={"python": "3.11.2", "torch": "2.13.0", "bakeoff": "0.1.0"},
        git={"commit": "0" * 40, "dirty": False},
        device="cpu",
        num_threads=2,
        peak_memory_bytes=812_000_000,
        wandb={"mode": "offline", "run_id": "x", "url": None},
    ).write(folder / run_id)


def _perplexity(fake: Fake, seed: int, num_documents: int, metrics: list[Metric], rows: list[dict[str, Any]]) -> None:
    documents = np.random.default_rng(1)  # the same documents for every model
    num_bytes = documents.integers(2_000, 60_000, num_documents)
    hardness = documents.normal(0, 0.08, num_documents)
    noise = np.random.default_rng([seed, len(fake.name), int(fake.bits_per_byte * 100)])
    luck = noise.normal(0, 0.012) if fake.neural else 0.0
    bits = fake.bits_per_byte * (
        1 + luck + (0 if fake.name == "uniform" else hardness) + noise.normal(0, 0.006, num_documents)
    )
    nats = bits * num_bytes * math.log(2)
    sources = ["shakespeare" if i % 2 else "chat" for i in range(num_documents)]
    clusters = [f"doc-{i}" for i in range(num_documents)]
    scale = 1 / math.log(2)
    estimate = ratio_of_totals(nats, num_bytes, clusters, scale)
    metrics.append(_bits_per_byte("all", estimate, 8.0))
    assert estimate.value is not None
    for name, value, unit in (
        ("bits_per_char", estimate.value * 1.01, "bits/char"),
        ("token_perplexity", 2 ** (estimate.value * 1.01), "perplexity"),
        ("word_perplexity", 2 ** (estimate.value * 5.7), "perplexity"),
        ("byte_perplexity", 2**estimate.value, "perplexity"),
    ):
        estimate_of = Estimate(value, num_documents, num_documents)
        metrics.append(_metric("perplexity", name, "all", estimate_of, unit, False, uses_decoding=False))
    ratio = Estimate(8 / estimate.value, num_documents, num_documents)
    metrics.append(_metric("perplexity", "compression_ratio", "all", ratio, "ratio", True, uses_decoding=False))
    for source in ("chat", "shakespeare"):
        chosen = [i for i in range(num_documents) if sources[i] == source]
        part = ratio_of_totals(nats[chosen], num_bytes[chosen], [clusters[i] for i in chosen], scale)
        metrics.append(_bits_per_byte(f"source={source}", part))
    parts: list[dict[str, dict[str, Any]]] = [{} for _ in range(num_documents)]
    for place, name in enumerate(("0-15", "16-31", "32-63", "64-127")):
        long = [i for i in range(num_documents) if num_bytes[i] > 8_000]
        sizes = np.full(len(long), 16.0 if place < 2 else 2.0 ** (place + 3))
        own = bits[long] * (1 + 0.4 / (place + 1)) * sizes * math.log(2)
        whole = ratio_of_totals(own, sizes, [clusters[i] for i in long], scale)
        metrics.append(_bits_per_byte(f"position={name}", whole))
        for i, nats_here, size in zip(long, own, sizes, strict=True):
            totals = {"nats": float(nats_here), "num_tokens": int(size), "num_bytes": int(size)}
            parts[i].setdefault("position", {})[name] = {"values": {}, **totals}
    for i in range(num_documents):
        rows.append(
            _row("perplexity", f"d{i}", clusters[i], {"bits_per_byte": float(bits[i])}, {"source": sources[i]})
            | {
                "parts": json.dumps(parts[i]),
                "nats": float(nats[i]),
                "num_tokens": int(num_bytes[i]),
                "num_bytes": int(num_bytes[i]),
            }
        )


def _arithmetic(
    fake: Fake,
    seed: int,
    decoding: str,
    num_problems: int,
    metrics: list[Metric],
    rows: list[dict[str, Any]],
    mishaps: bool,
) -> None:
    problems = np.random.default_rng(2)
    noise = np.random.default_rng([seed, len(fake.name), len(decoding), 3])
    columns: dict[str, list[float | None]] = {
        name: [] for name in ("exact_match", "target_greedy", "answered", "digit_accuracy")
    }
    slices = []
    for i in range(num_problems):
        operation, digits = "+-x"[i % 3], 1 + i // 3 % 5
        a, b = (int(problems.integers(10 ** (digits - 1), 10**digits)) for _ in range(2))
        target = {"+": a + b, "-": a - b, "x": a * b}[operation]
        ease = (
            fake.skill * 3 * (1.6 if decoding == "greedy" else 1.0) * {"+": 1.0, "-": 0.8, "x": 0.4}[operation] / digits
        )
        right = bool(noise.random() < min(0.97, ease))
        answered = right or fake.skill > 0 or noise.random() < 0.2
        answer = str(target) if right else str(target + 1) if answered else (HOSTILE if mishaps else "the lord")
        values: dict[str, float | None] = {
            "exact_match": right,
            "target_greedy": right,
            "answered": answered,
            "digit_accuracy": (1.0 if right else float(noise.random() * 0.5)) if answered else None,
        }
        for name, value in values.items():
            columns[name].append(value)
        slices.append({"operation": operation, "digits": str(digits)})
        rows.append(
            _row("arithmetic", f"p{i}", f"{operation}{digits}-{i}", values, slices[-1])
            | {"prompt": f"Question: What is {a} {operation} {b}?\nAnswer:", "target": str(target), "answer": answer}
        )
    for name, values_of in columns.items():
        chance = {"exact_match": 0.004, "digit_accuracy": 0.1}.get(name)
        metrics.append(_metric("arithmetic", name, "all", mean(values_of), "share", True, chance, Formula(name)))
    for key in ("operation", "digits"):
        for value in sorted({s[key] for s in slices}):
            part = [columns["exact_match"][i] for i in range(num_problems) if slices[i][key] == value]
            chance = 0.1 if value == "1" else 0.01 if key == "digits" else 0.004
            formula = Formula("exact_match")
            metrics.append(
                _metric("arithmetic", "exact_match", f"{key}={value}", mean(part), "share", True, chance, formula)
            )


def _turn_taking(
    fake: Fake, seed: int, decoding: str, metrics: list[Metric], rows: list[dict[str, Any]], mishaps: bool
) -> None:
    noise = np.random.default_rng([seed, len(fake.name), len(decoding), 4])
    ease = max(0.0, min(0.97, 1.25 - fake.bits_per_byte * 0.18 - (0.2 if decoding == "greedy" else 0.0)))
    if fake.bits_per_byte > 4:
        ease = 0.0
    measured: dict[str, list[float | None]] = {}
    for i in range(60):
        back = bool(noise.random() < ease)
        in_reason = back and noise.random() < 0.9
        values: dict[str, float | None] = {
            "took_its_turn": float(in_reason and i % 9 > 0),
            "handed_back": float(back),
            "within_reason": float(in_reason),
            "ended_by_end_token": float(not back and i % 3 == 0),
            "empty_turn": float(noise.random() < 0.03),
            "turn_tokens": float(noise.integers(8, 120)) if back else None,
            "wrote_for_the_other": float(noise.random() < ease * 0.95),
            "alternation": float(noise.random()) if back else None,
        }
        for name, value in values.items():
            measured.setdefault(name, []).append(value)
        text = HOSTILE if mishaps and i == 0 else fake.text
        rows.append(
            _row("turn_taking", f"t{i}", f"conversation-{i // 2}", values, {})
            | {"prompt": "Human: hi\n\nAssistant:", "answer": text, "finish_reason": "stop" if back else "length"}
        )
    clusters = [f"conversation-{i // 2}" for i in range(60)]
    better = {
        "took_its_turn": True,
        "handed_back": True,
        "within_reason": True,
        "ended_by_end_token": None,
        "empty_turn": False,
        "wrote_for_the_other": None,
        "alternation": True,
    }
    for name, column in measured.items():
        if name == "turn_tokens":
            metrics.append(_metric("turn_taking", name, "all", median(column, clusters), "tokens", None))
        else:
            share = mean(column, clusters)
            metrics.append(_metric("turn_taking", name, "all", share, "share", better[name], formula=Formula(name)))


def _showcase(fake: Fake, decoding: str, rows: list[dict[str, Any]], mishaps: bool) -> None:
    for name, prompt in PROMPTS.items():
        text = f" {fake.text}" if decoding != "greedy" else " " + (fake.text[:14] + " ") * 40
        if mishaps and (fake.name, name) == ("uniform", "chat"):
            text = HOSTILE
        rows.append(
            _row("showcase", name, name, {}, {})
            | {"prompt": prompt, "answer": text, "finish_reason": "length", "num_tokens": len(text)}
        )


def _row(
    eval_name: str, sample_id: str, cluster: str, values: dict[str, float | None], slices: dict[str, str]
) -> dict[str, Any]:
    return {
        "eval": eval_name,
        "sample_id": sample_id,
        "cluster": cluster,
        "prompt": None,
        "target": "",
        "answer": "",
        "values": json.dumps(values),
        "finish_reason": None,
        "nats": None,
        "num_tokens": None,
        "num_bytes": None,
        "slices": json.dumps(slices),
        "parts": "{}",
    }


def _bits_per_byte(part: str, estimate: Estimate, chance: float | None = None) -> Metric:
    formula = Formula("nats", "num_bytes", 1 / math.log(2))
    return _metric("perplexity", "bits_per_byte", part, estimate, "bits/byte", False, chance, formula, False)


def _metric(
    eval_name: str,
    name: str,
    part: str,
    estimate: Estimate,
    unit: str,
    higher: bool | None,
    chance: float | None = None,
    formula: Formula | None = None,
    uses_decoding: bool = True,
) -> Metric:
    return Metric(
        eval=eval_name,
        eval_version=1,
        metric=name,
        slice=part,
        value=estimate.value,
        unit=unit,
        higher_is_better=higher,
        n=estimate.n,
        n_total=estimate.n_total,
        stderr=estimate.stderr,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        chance=chance,
        reason=estimate.reason,
        uses_decoding=uses_decoding,
        **({} if formula is None else asdict(formula)),
    )


def _curve(fake: Fake, seed: int) -> pd.DataFrame:
    steps = np.arange(0, 901, 10)[1:] if fake.neural else np.array([1])
    fraction = steps / steps[-1]
    level = fake.bits_per_byte * (1.0 + 0.004 * seed)
    validation = level + (5.5 - level) * np.exp(-4.5 * fraction**0.5) if fake.neural else np.array([fake.bits_per_byte])
    tokens = (45_000 * fake.seconds if fake.neural else 18_400_000) * fraction
    return pd.DataFrame(
        {
            "step": steps,
            "tokens": tokens.astype(int),
            "flops": tokens * 3 * fake.flops_per_token,
            "seconds": fake.seconds * fraction,
            "train_loss_nats": validation * 0.69 - 0.02,
            "validation_bits_per_byte": np.where((steps % 50 == 0) | (len(steps) == 1), validation, np.nan),
            "learning_rate": 3e-3 * (1 - fraction),
            "tokens_per_second": 45_000.0,
        }
    )


def _write_table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path, index=False)


if __name__ == "__main__":
    print(write_fake_results(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
