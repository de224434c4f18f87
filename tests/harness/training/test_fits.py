"""What a fit's id depends on, and what is refused when one is loaded; other people's weights as fits, and changes to
them."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.cli.score_files import read_files, score_texts
from harness.common.errors import UserError
from harness.common.results_folder import FIT_FILE, ResultsFolder
from harness.common.sealed import without_seal, write_sealed
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Prompt
from harness.config.compose import compose
from harness.runs.settings import typed
from harness.text.data.corpus import Corpus
from harness.training.fits import Fit, FitSettings, check_device, fit_id, load_fit, pick_device
from harness.training.fitting import obtain
from harness.training.workshop import Workshop, load_corpus
from models.combined import CombinedModel
from models.language_model import WEIGHTS_FILE
from tests.commands import Fork, bakeoff, environment
from tests.harness.small_run import SMALL, only_run
from tests.peers import write_gpt2, write_tokenizer

CPU = torch.device("cpu")
COMMON = ["data=chatterbot", "tracking=none", "training.validation_bytes=500"]


@pytest.fixture(scope="module")
def corpus():
    return load_corpus(typed(compose(COMMON)).data)


@pytest.fixture(scope="module")
def original(corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 and its tokenizer in one folder, as transformers writes them."""
    folder = tmp_path_factory.mktemp("peer") / "gpt2"
    write_tokenizer(folder, [document.text for document in corpus.train[:50]])
    vocab_size = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
    return write_gpt2(folder, vocab_size, start_token=0)


@pytest.fixture
def peer(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(original, tmp_path / "gpt2")


def overrides(folder: Path | str) -> list[str]:
    return [*COMMON, "model=hf", f"model.path={folder}", "tokenizer=hf", f"tokenizer.path={folder}"]


def fit_of(corpus, results: Path, *picked: str) -> Fit:
    settings = typed(compose(picked))
    fit_settings = FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed)
    return obtain(fit_settings, corpus, Workshop(ResultsFolder(results), CPU))


def theirs(folder: Path, text: str) -> tuple[float, str]:
    """The nats of a text after the start token, and the five tokens that follow it, all by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]])
    with torch.no_grad():
        logprobs = torch.log_softmax(model(ids).logits[0, :-1], dim=-1)
    nats = -float(logprobs.gather(1, ids[0, 1:, None]).double().sum())
    written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=5, do_sample=False)
    return nats, tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_fit_of_it_is_nothing_but_a_hash_and_scores_and_writes_as_transformers_does(
    corpus, peer: Path, tmp_path: Path
) -> None:
    fit = fit_of(corpus, tmp_path, *overrides(peer))
    assert set(fit.facts["spent"].values()) == {0}
    assert fit.facts["cost"]["model_bytes"] == (peer / "model.safetensors").stat().st_size
    assert (fit.folder / "weights.safetensors").stat().st_size < 1000
    [row] = fit.curve().to_dict("records")
    assert row["validation_bits_per_byte"] > 0
    text = "What is AI? ünïcødé 🙂"
    (tmp_path / "some.txt").write_text(text, encoding="utf-8")
    nats, written = theirs(peer, text)
    assert score_texts(fit, read_files([str(tmp_path / "some.txt")]))["total"]["nats"] == pytest.approx(nats, abs=1e-3)
    [made] = Engine(fit.model, fit.tokenizer, DecodingStrategy(Greedy())).complete([Prompt(text, 5)])
    assert made.text == written


def test_the_folder_s_place_names_it_however_it_is_spelt(
    corpus, peer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    fits = [fit_of(corpus, tmp_path / "results", *overrides(path)) for path in (peer, "gpt2", "'~/gpt2'")]
    assert len({fit.id for fit in fits}) == 1
    monkeypatch.chdir("/")
    assert load_fit(fits[0].folder, CPU).model.cost() == fits[0].model.cost()


def test_other_weights_in_the_same_place_are_another_fit_and_an_old_fit_of_them_is_refused(
    corpus, peer: Path, tmp_path: Path
) -> None:
    old = fit_of(corpus, tmp_path, *overrides(peer))
    weights = {name: value * 1.01 for name, value in load_file(peer / "model.safetensors").items()}
    save_file(weights, peer / "model.safetensors", metadata={"format": "pt"})
    new = fit_of(corpus, tmp_path, *overrides(peer))
    assert new.id != old.id
    with pytest.raises(UserError, match=r"changed since the fit was made\. Put the old weights back"):
        load_fit(old.folder, CPU)
    shutil.rmtree(peer)
    with pytest.raises(UserError, match=r"model\.json: model\.path=.*no such folder"):
        load_fit(old.folder, CPU)


def test_another_tokenizer_in_the_same_place_is_another_fit(corpus, peer: Path, tmp_path: Path) -> None:
    old = fit_of(corpus, tmp_path, *overrides(peer))
    write_tokenizer(peer, [document.text for document in corpus.train[50:100]])
    assert fit_of(corpus, tmp_path, *overrides(peer)).id != old.id
    # an old fit keeps the tokenizer that it was scored with
    assert load_fit(old.folder, CPU).tokenizer.fingerprint == old.tokenizer.fingerprint


def test_a_mixture_takes_it_for_a_member(corpus, peer: Path, tmp_path: Path) -> None:
    member = ["model@model.members.second=hf", f"model.members.second.path={peer}"]
    picked = [
        *COMMON,
        "model=mixture",
        "model.members.first.order=2",
        *member,
        "tokenizer=hf",
        f"tokenizer.path={peer}",
    ]
    mixed = fit_of(corpus, tmp_path, *picked)
    assert isinstance(mixed.model, CombinedModel)
    again = load_fit(mixed.folder, CPU)
    tokens = torch.from_numpy(mixed.tokenizer.encode("What is AI?"))[None]
    assert torch.equal(again.model.token_logprobs(tokens), mixed.model.token_logprobs(tokens))
    (peer / "config.json").write_text((peer / "config.json").read_text() + "\n")
    with pytest.raises(UserError, match="changed since the fit was made"):
        load_fit(mixed.folder, CPU)


@pytest.mark.campaign
def test_runs_completions_scores_chats_and_reports_from_the_command_line(peer: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    peer.rename(home / "gpt2")
    picked = ["model=hf", "model.path=gpt2", "tokenizer=hf", "tokenizer.path=~/gpt2"]
    few = [
        "evals.perplexity.max_documents=5",
        "evals.arithmetic.num_samples=5",
        "evals.turn_taking.num_samples=3",
        "evals.turn_ends.num_samples=3",
    ]
    settings = dict(override.split("=", 1) for override in (*SMALL, *few, *picked))
    done = bakeoff(home, "run", *(f"{key}={value}" for key, value in settings.items()), HOME=str(home))
    assert "Loading weights" not in done.stderr
    record = json.loads((only_run(home) / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["family"] == "hf"
    assert record["cost"]["num_params"] > 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    results, name = f"--results={home / 'results'}", record["run_id"]
    output = json.loads(bakeoff(elsewhere, "complete", name, "Human: ", "--json", results).stdout)
    assert output["completions"][0]["finish_reason"] in ("stop", "length")
    (elsewhere / "some.txt").write_text("What is AI?")
    output = json.loads(bakeoff(elsewhere, "score", name, "some.txt", "--json", results).stdout)
    assert output["total"]["num_bytes"] == 11
    said = Fork(elsewhere, "chat", name, "--max-new-tokens", "10", results, typed=b"hello\n/quit\n").done()
    assert said.returncode == 0
    assert "Assistant:" in said.stdout
    bakeoff(home, "report")


# --- mistakes of new users


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _no_vocab_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["vocab_size"]
    (folder / "config.json").write_text(json.dumps(config))


def _encoder(folder: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertForMaskedLM(config).save_pretrained(folder)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, ("tokenizer.path=", "no such folder", "save_pretrained")),
        (_no_config, ("model.path=", "config.json")),
        (_only_pickled, ("pytorch_model.bin", "can contain code", "save_pretrained")),
        (_no_vocab_size, ("can't be read by transformers",)),
        (_encoder, ("BertLMHeadModel", "Encoders (as BERT)")),
        (_no_tokenizer, ("tokenizer.path=", "tokenizer.json")),
    ],
)
def test_an_unusable_folder_is_refused_in_one_message(
    corpus, peer: Path, tmp_path: Path, spoil: Any, words: tuple[str, ...]
) -> None:
    spoil(peer)
    with pytest.raises(UserError) as caught:
        fit_of(corpus, tmp_path / "results", *overrides(peer))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("tokenizer", ["byte", "bpe", "char"])
def test_another_tokenizer_than_the_model_s_is_refused(corpus, peer: Path, tmp_path: Path, tokenizer: str) -> None:
    with pytest.raises(UserError, match=r"tokenizer=hf tokenizer\.path="):
        fit_of(corpus, tmp_path / "results", *COMMON, "model=hf", f"model.path={peer}", f"tokenizer={tokenizer}")


def test_without_transformers_the_command_ends_with_status_2_and_says_what_to_install(
    peer: Path, tmp_path: Path
) -> None:
    (tmp_path / "blocked" / "transformers").mkdir(parents=True)
    (tmp_path / "blocked" / "transformers" / "__init__.py").write_text("raise ImportError('blocked by the test')")
    path = f"{tmp_path / 'blocked'}{os.pathsep}{environment()['PYTHONPATH']}"
    done = bakeoff(tmp_path, "run", *overrides(peer), status=2, fresh=True, PYTHONPATH=path)
    assert "pip install '.[hf]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("picked", [["model=hf"], ["tokenizer=hf"]])
def test_without_a_path_the_option_is_refused_at_once(picked: list[str]) -> None:
    with pytest.raises(UserError, match=r"path(='' is not allowed| is empty)"):
        typed(compose([*COMMON, *picked]))


def settings_of(*picked: str) -> FitSettings:
    settings = typed(compose([*COMMON, *picked]))
    return FitSettings(settings.model, settings.tokenizer, settings.training, settings.budget, settings.seed)


def test_a_fit_is_named_by_all_that_its_weights_depend_on_and_by_nothing_else(corpus) -> None:
    ngram = "model=ngram"
    names = [fit_id(settings_of(ngram, *more), corpus) for more in ([], ["seed=1"], ["model.order=3"])]
    assert len(set(names)) == 3
    for same in ("decoding=top_p", "evals=[]", "model.counting_megabytes=1", "model.counting_megabytes=500"):
        assert fit_id(settings_of(ngram, same), corpus) == names[0]
    other = Corpus(corpus.name, corpus.train[1:], corpus.validation, corpus.test)
    assert fit_id(settings_of(ngram), other) != names[0]


def test_an_unfinished_fit_is_refused_with_what_is_missing(corpus, tmp_path: Path) -> None:
    fit = fit_of(corpus, tmp_path, *COMMON, "model=unigram")
    assert load_fit(fit.folder, CPU).id == fit.id
    (fit.folder / "model.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        load_fit(fit.folder, CPU)
    (fit.folder / "fit.json").unlink()
    with pytest.raises(UserError, match=r"fit\.json is damaged: it is missing"):
        load_fit(fit.folder, CPU)


def test_opening_a_fit_draws_nothing(corpus, tmp_path: Path) -> None:
    fit = fit_of(
        corpus, tmp_path, *COMMON, "model=lstm", "model.d_model=8", "budget.tokens=100", "training.batch_tokens=100"
    )
    before = torch.get_rng_state()
    load_fit(fit.folder, CPU)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_device_without_a_driver_is_refused_and_one_that_torch_finds_is_not(name: str) -> None:
    kind = name.partition(":")[0]
    if {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[kind]:
        check_device(name)
    elif kind == "mps" or not Path("/proc/driver/nvidia").exists():
        with pytest.raises(UserError, match=f"device={name} was asked for, but this machine has no driver for it"):
            check_device(name)
    check_device("cpu")
    check_device("auto")


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a GPU here")
def test_a_device_that_is_not_there_is_refused_and_auto_takes_one_that_is() -> None:
    with pytest.raises(UserError, match=r"device=cuda:1 was asked for, but torch finds none here\. Allowed: cpu"):
        pick_device("cuda:1")
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "mps")


def test_n_gram_weights_that_point_outside_their_arrays_are_refused_by_name(corpus, tmp_path: Path) -> None:
    folder = fit_of(corpus, tmp_path, *COMMON, "model=ngram", "model.order=2", "tokenizer=byte").folder
    weights = load_file(folder / WEIGHTS_FILE)
    save_file({**weights, "tokens": torch.full_like(weights["tokens"], 715827882)}, folder / WEIGHTS_FILE)
    with pytest.raises(UserError, match="its content changed after it was written"):
        load_fit(folder, CPU)
    sealed = json.loads((folder / FIT_FILE).read_text())
    write_sealed(folder / FIT_FILE, without_seal(sealed), sealed["files"])
    with pytest.raises(UserError, match=f"{re.escape(str(folder / WEIGHTS_FILE))} can't be used: the array 'tokens'"):
        load_fit(folder, CPU)
