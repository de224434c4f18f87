"""On a graphics card everything is as on the processor, up to rounding. Skipped where torch finds no NVIDIA card.

The processor is the oracle: its numbers are those that other files hold to other tools. Both compute in float32,
without TF32, and add up in different orders, so numbers differ by some units of the seventh digit. Optimizers that
divide by gradients, and step after step, make that up to a hundred times larger: so 1e-4 is asked for. What one card
does twice must be equal.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Prompt
from harness.config.compose import compose
from harness.config.settings import build
from harness.scoring.compression import compress, decompress, fresh_copy
from harness.scoring.likelihood import document_logprobs
from harness.training.budget import Budget
from harness.training.curve import Validation
from harness.training.fits import Fit, load_fit, pick_device
from harness.training.fitting import obtain
from harness.training.gradients import OutOfMemory
from harness.training.settings import Training
from harness.training.training import fit
from harness.training.workshop import Workshop
from models.language_model import LanguageModel, NeuralModelConfig
from models.recurrent import RecurrentModel
from tests.commands import Fork, bakeoff
from tests.conftest import ROOT
from tests.harness.small_run import only_run
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.made import SMALL_GRU, corpus, wanted
from tests.models.families import FAMILIES, LEARNING, MARKOV, VARIANTS, options, random_tokens, tiny_config
from tests.models.families import fit as fitted_briefly

if not torch.cuda.is_available():
    pytest.skip("torch finds no NVIDIA card here", allow_module_level=True)
pytestmark = pytest.mark.gpu
CPU = torch.device("cpu")
CLOSE = 1e-4
NEURAL = [family for family in LEARNING if issubclass(options(family)[0], NeuralModelConfig)]
VOCAB, STEPS = 30, 20
TRAINING = Training(batch_tokens=256, num_curve_rows=STEPS, num_validations=2)


@pytest.fixture(scope="module")
def card() -> torch.device:
    return pick_device("cuda")


def stream(length: int = STEPS * 256 + 1) -> np.ndarray:
    """A chain in which most tokens follow their neighbour."""
    steps = np.random.default_rng(0).choice([1, 2, 7], size=length, p=[0.7, 0.2, 0.1])
    steps[0] = 0
    return (np.cumsum(steps) % VOCAB).astype(np.uint16)


VALIDATION = Validation([stream()[:500].astype(np.int64)], 500)


def family_config(family: str, *overrides: str) -> NeuralModelConfig:
    """A family at its default options, without dropout: its random numbers differ from device to device."""
    settings = compose([f"model={family}", "model.dropout=0", *overrides])
    return build(settings["model"], NeuralModelConfig, "model")  # type: ignore[type-abstract]


def trained(
    config: NeuralModelConfig, device: torch.device, folder: Path, num_steps: int = STEPS, **changes: Any
) -> tuple[LanguageModel, pd.DataFrame]:
    """A model after some steps, and its curve."""
    training = dataclasses.replace(TRAINING, **changes)
    torch.manual_seed(0)
    model = config.build(VOCAB, 0).on(device)
    budget = Budget(tokens=num_steps * training.batch_tokens)
    _, curve = fit(model, stream(), VALIDATION, training, budget, 0, folder, print)
    return model, pd.DataFrame(curve)


@pytest.fixture
def exact_muon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Muon multiplies in bfloat16, whose third digit differs from device to device: here in float32."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.float)


@pytest.mark.usefixtures("exact_muon")
@pytest.mark.parametrize("family", NEURAL)
def test_the_first_losses_are_those_of_the_processor(family: str, card: torch.device, tmp_path: Path) -> None:
    config = family_config(family)
    expected = trained(config, CPU, tmp_path / "cpu")[1]
    losses = trained(config, card, tmp_path / "card")[1]
    for column in ("train_loss_nats", "validation_bits_per_byte"):
        assert losses[column].tolist() == pytest.approx(expected[column].tolist(), rel=CLOSE, nan_ok=True)


@pytest.mark.parametrize("family", [*FAMILIES, *VARIANTS])
def test_a_saved_model_gives_a_text_the_same_probabilities_there_however_it_is_read(
    family: str, card: torch.device, tmp_path: Path
) -> None:
    config = tiny_config(family)
    model = fitted_briefly(config, MARKOV).on(CPU)
    model.save(tmp_path)
    there = config.build(MARKOV.size, MARKOV.start_token).load(tmp_path).on(card)
    tokens, lengths = random_tokens(MARKOV.size, 3, 30), torch.tensor([30, 17, 0])
    whole = model.logprobs(tokens)
    torch.testing.assert_close(there.logprobs(tokens).cpu(), whole, atol=CLOSE, rtol=CLOSE)
    scores, expected = (each.token_logprobs(tokens, lengths).cpu() for each in (there, model))
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(scores[row, :length], expected[row, :length], atol=CLOSE, rtol=CLOSE)
    state = there.start(3)
    for place in range(30):
        torch.testing.assert_close(state.logprobs.cpu(), whole[:, place], atol=CLOSE, rtol=CLOSE)
        _, state = there.read(state, tokens[:, place : place + 1])
    _, ragged = there.read(there.start(3), tokens, lengths)
    ends = torch.stack([whole[row, length] for row, length in enumerate(lengths.tolist())])
    torch.testing.assert_close(ragged.select([2, 1, 0]).logprobs.cpu(), ends.flip(0), atol=CLOSE, rtol=CLOSE)
    for name, value in model.tensors().items():
        assert torch.equal(there.tensors()[name], value)


def made(results: Path, device: torch.device, *overrides: str) -> Fit:
    return obtain(wanted(*overrides), corpus(), Workshop(ResultsFolder(results), device))


TILTED = ["model=ngram", "post=[tilted,rloo]"]
RLOO = ["rewards=[length]", *(f"post.rloo.{option}" for option in ("prompts_per_step=4", "replies_per_prompt=2"))]
RLOO += [f"post.rloo.{option}" for option in ("budget.episodes=40", "max_new_tokens=12", "cut_reward=null")]
WRITERS = {
    "transformer": ["model=transformer", "model.d_model=32", "model.context_length=32"],
    "lstm": ["model=lstm", "model.d_model=32", "model.training_length=32"],
    "tilted": [*TILTED, *RLOO],
    "mixture": ["model=mixture"],
}


@pytest.fixture(scope="module", params=WRITERS)
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """A fit of conversations, made on the processor."""
    return made(tmp_path_factory.mktemp("writer"), CPU, *WRITERS[request.param])


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """A fit that drafts for the others."""
    return made(tmp_path_factory.mktemp("draft"), CPU, *WRITERS["lstm"])


STRATEGIES = sorted(path.stem for path in (ROOT / "conf" / "decoding").glob("*.yaml"))
# a guard is a classifier of texts, apart from any device
PICKED = {
    **{name: [f"decoding={name}"] for name in STRATEGIES if name != "guarded"},
    "beam and mirostat": ["decoding=[mirostat,beam]"],
    "ties at random": ["decoding=greedy", "decoding.chooser.ties=random"],
}
PICKED["speculative"] += ["decoding.search.draft=lstm"]
PICKED["constrained"] += ["decoding.transforms.constrained.pattern='[a-z ]+'"]


@pytest.mark.parametrize("name", PICKED)
def test_every_strategy_writes_the_same_text_as_on_the_processor(
    name: str, writer: Fit, draft: Fit, card: torch.device
) -> None:
    strategy = build(compose(PICKED[name])["decoding"], DecodingStrategy, "decoding")
    prompts = [Prompt(text, 30, ("\n",), seed) for seed, text in enumerate(["Human: hello", "Human: what", ""])]

    def written(device: torch.device) -> list[str]:
        fit = load_fit(writer.folder, device)
        drafting = load_fit(draft.folder, device)
        engine = Engine(
            fit.model, fit.tokenizer, strategy, find_model=lambda name: (drafting.model, drafting.tokenizer)
        )
        return [completion.text for completion in engine.complete(prompts)]

    texts = written(card)
    assert texts == written(CPU)
    assert texts == written(card)


@pytest.mark.parametrize("family", NEURAL)
def test_a_resumed_fit_is_the_uninterrupted_one_bit_by_bit(family: str, card: torch.device, tmp_path: Path) -> None:
    config = dataclasses.replace(family_config(family), dropout=0.1)
    shape = {"batch_tokens": 4096, "checkpoint_seconds": 1e-6, "averaging_fraction": 0.2}
    whole, whole_curve = trained(config, card, tmp_path / "whole", 10, **shape)
    for num_checkpoints in (2, 3):
        with killed_after(num_checkpoints):
            trained(config, card, tmp_path / "killed", 10, **shape)
    resumed, curve = trained(config, card, tmp_path / "killed", 10, **shape)
    assert curve["train_loss_nats"].tolist() == whole_curve["train_loss_nats"].tolist()
    differing = [name for name, value in whole.tensors().items() if not torch.equal(value, resumed.tensors()[name])]
    assert differing == []


def test_a_fit_made_there_is_scored_and_compressed_alike_anywhere(card: torch.device, tmp_path: Path) -> None:
    texts = [document.text[:200] for document in corpus().test[:3]]
    for overrides in (SMALL_GRU, WRITERS["transformer"]):
        there = made(tmp_path, card, *overrides)
        assert there.facts["device"] == f"cuda ({torch.cuda.get_device_name()})"
        here = load_fit(there.folder, CPU)
        encoded = [here.tokenizer.encode(text) for text in texts]
        scores = [np.concatenate(document_logprobs(fit.model, encoded)) for fit in (there, here)]
        assert scores[0] == pytest.approx(scores[1], rel=CLOSE, abs=CLOSE)
        file = compress(there.model, encoded)
        for expected, document in zip(encoded, decompress(fresh_copy(there.model), file), strict=True):
            assert document.tolist() == expected.tolist()


@pytest.mark.parametrize("family", NEURAL)
def test_bfloat16_learns_as_much_as_float32_and_nothing_is_float16(
    family: str, card: torch.device, tmp_path: Path
) -> None:
    config = family_config(family)
    exact = trained(config, card, tmp_path / "float32", 60)[1]
    rough = trained(config, card, tmp_path / "bfloat16", 60, precision="bfloat16")[1]
    # a product in bfloat16 has three digits; a loss is a mean over many
    assert rough["train_loss_nats"].iloc[-1] == pytest.approx(exact["train_loss_nats"].iloc[-1], rel=0.05)
    model = config.build(VOCAB, 0).to(card)
    with torch.autocast("cuda", torch.bfloat16):
        logits, carry = model(torch.zeros(2, 8, dtype=torch.int64, device=card))
    floats = {part.dtype for part in (logits, *(carry or ())) if part.is_floating_point()}
    assert floats <= {torch.bfloat16, torch.float32}
    assert not isinstance(model, RecurrentModel) or {part.dtype for part in carry} == {torch.float32}


DIFFERS = pytest.mark.xfail(reason="losses differ by up to 0.1 % from the third step on; nobody knows why yet")


@pytest.mark.parametrize("family", ["transformer", pytest.param("minlstm", marks=DIFFERS)])
def test_compiled_steps_have_the_losses_of_others(family: str, card: torch.device, tmp_path: Path) -> None:
    # other optimizers divide by gradients that are 0 at first, up to rounding
    config = family_config(family, "model.num_layers=2", "model.optimizer=sgd", "model.learning_rate=0.5")
    plain = trained(config, card, tmp_path / "plain")[1]
    compiled = trained(config, card, tmp_path / "compiled", compile=True)[1]
    assert compiled["train_loss_nats"].tolist() == pytest.approx(plain["train_loss_nats"].tolist(), rel=CLOSE)


SHORT = ("budget.episodes=64", "prompts_per_step=8", "max_new_tokens=12", "cut_reward=null")
WRITING = ("rloo", "grpo", "ppo", "dpo", "ipo", "reinforce", "rejection", "reward_weighted")
STAGES = {
    "sft": [*SMALL_GRU, "post=[sft]", "post.sft.budget.tokens=2000"],
    **{
        stage: [*SMALL_GRU, f"post=[{stage}]", "rewards=[length]", *(f"post.{stage}.{option}" for option in SHORT)]
        for stage in WRITING
    },
    "rloo above counts": WRITERS["tilted"],
    "rloo by a head": [
        *(*SMALL_GRU, "post=[rloo]", *RLOO[1:]),
        *("rewards=[preference_model]", "preference=head", "ratings.num_pairs=60"),
    ],
}


@pytest.mark.usefixtures("exact_muon")
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_post_training_begins_as_on_the_processor(stage: str, card: torch.device, tmp_path: Path) -> None:
    """The first replies follow from the same weights and seeds, so they are the same, and so are their rewards."""
    made(tmp_path / "cpu", CPU, *(words for words in STAGES[stage] if words.startswith("model")))
    shutil.copytree(tmp_path / "cpu", tmp_path / "card")
    every_step = "training.num_curve_rows=64"
    here, there = (made(tmp_path / device.type, device, *STAGES[stage], every_step) for device in (CPU, card))
    first, same = here.curve().iloc[0], there.curve().iloc[0]
    compared = [name for name in ("train_loss_nats", "reward", "reply_tokens", "better_log_ratio") if name in first]
    assert first[compared].tolist() == pytest.approx(same[compared].tolist(), rel=1e-3, abs=1e-3, nan_ok=True)
    assert there.facts["stages"][-1].keys() == here.facts["stages"][-1].keys()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run as a user makes it, with all evals that ask a model."""
    folder = tmp_path_factory.mktemp("run")
    evals = ("arithmetic.num_samples=10", "turn_taking.num_samples=10", "turn_taking.max_new_tokens=30")
    evals += ("turn_ends.num_samples=10", "showcase.max_new_tokens=20", "format_questions.max_new_tokens=30")
    small = ("data=chatterbot", "tracking=none", "budget.tokens=40000", *(f"evals.{option}" for option in evals))
    bakeoff(folder, "run", "model=transformer", "model.d_model=32", *small, fresh=True)
    return folder


def test_auto_takes_the_card_and_the_record_names_it(run: Path) -> None:
    record = json.loads((only_run(run) / "run.json").read_text())
    assert record["status"] == "complete", record["error"]
    assert record["device"] == f"cuda ({torch.cuda.get_device_name()})"


def test_the_commands_that_load_a_fit_use_the_card(run: Path) -> None:
    text = "Human: hello\n"
    (run / "text.txt").write_text(text)
    on_card, on_cpu = (
        (
            bakeoff(run, "complete", "transformer", text, "--max-new-tokens", "20", fresh=True, **hidden).stdout,
            json.loads(bakeoff(run, "score", "transformer", "text.txt", "--json", fresh=True, **hidden).stdout),
        )
        for hidden in ({}, {"CUDA_VISIBLE_DEVICES": ""})
    )
    assert on_card[0] == on_cpu[0]
    assert on_card[1].keys() == on_cpu[1].keys()
    chat = Fork(run, "chat", "transformer", "--max-new-tokens", "20", typed=b"hello\n").done()
    assert chat.returncode == 0, chat.stderr


def test_workers_of_a_sweep_share_the_card(tmp_path: Path) -> None:
    small = ("data=chatterbot", "tracking=none", "budget.tokens=10000", "evals=[perplexity]", "sweep.workers=2")
    bakeoff(tmp_path, "run", "-m", "model=lstm,gru", "model.d_model=32", *small, fresh=True)
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("default/*/run.json")]
    assert [record["status"] for record in records] == ["complete"] * 2
    assert {record["device"] for record in records} == {f"cuda ({torch.cuda.get_device_name()})"}


def test_a_card_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"device=cuda:99 was asked for, but .* Allowed: cpu, cuda:0"):
        pick_device("cuda:99")
    words = ("run", "model=lstm", "data=chatterbot", "tracking=none", "device=cuda:99")
    refused = bakeoff(tmp_path, *words, status=2, fresh=True).stderr
    assert "device=cuda:99 was asked for" in refused
    assert "Traceback" not in refused


@pytest.fixture
def little_memory(card: torch.device) -> Iterator[None]:
    """A card of which this process may have only a little."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.01)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.usefixtures("little_memory")
def test_a_step_that_needs_more_memory_than_the_card_has_says_what_to_lower(card: torch.device, tmp_path: Path) -> None:
    config = family_config("transformer")
    shape = {"batch_tokens": 1 << 18, "num_steps": 1}
    with pytest.raises(OutOfMemory, match=r"cuda:0 has not enough memory for step 1 of model=transformer.* Lower tr"):
        trained(config, card, tmp_path, **shape)
    # and what it says to lower helps
    _, curve = trained(config, card, tmp_path, **shape, max_tokens_at_once=1 << 12)
    assert math.isfinite(curve["train_loss_nats"].iloc[-1])
