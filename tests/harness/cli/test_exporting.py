"""Exported programs, run where there is only numpy; and folders that transformers loads."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.cli.exporting import _PARTS, PROGRAM_FILE, _family_part, export_program, export_transformers
from harness.common.errors import UserError
from harness.completion.decoding.choosers import Greedy
from harness.completion.engine import DecodingStrategy, Engine
from harness.completion.sequence import Prompt
from harness.text.data.corpus import Document
from harness.text.tokenizers.bpe import BpeTokenizerSettings
from harness.text.tokenizers.byte import ByteTokenizerSettings
from harness.text.tokenizers.char import CharTokenizerSettings
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit
from models.checking.trial import Vocabulary, fit
from models.neural_model import NeuralModel
from tests.harness.cli.programs.comparing import small_model
from tests.models.families import tiny_config

TEXT = 20 * "Human: Is naïve café “quoted”?\nAssistant: It's 12 + 34 = 46, I'd say.\n\n"
PROMPT = "Human: It's 123 at naïve 東 café"
NEW_TOKENS = 30
FAMILIES = sorted(path.stem for path in (_PARTS / "families").glob("[a-z]*.py"))
TOKENIZERS = ("char", "byte", "bpe")


@functools.cache
def tokenizer(kind: str) -> Tokenizer:
    settings: dict[str, Any] = {
        "char": CharTokenizerSettings,
        "byte": ByteTokenizerSettings,
        "bpe": functools.partial(BpeTokenizerSettings, vocab_size=300),
    }
    return settings[kind]().train([Document("a", TEXT, "plays", "a")])


@functools.cache
def fitted(family: str, kind: str, **options: Any) -> Fit:
    """A small fit to TEXT."""
    reader = tokenizer(kind)
    stream = torch.tensor([reader.start_token, *reader.encode(TEXT)])
    vocabulary = Vocabulary(reader.vocab_size, reader.start_token, stream)
    model = fit(tiny_config(family, vocabulary, **options), vocabulary)
    if isinstance(model, NeuralModel):
        model.eval()
    return Fit(f"{family}-{kind}", Path(f"{family}-{kind}"), model, reader, {})


def greedy_text(of: Fit, prompt: str = PROMPT, num_tokens: int = NEW_TOKENS) -> str:
    [made] = Engine(of.model, of.tokenizer, DecodingStrategy(Greedy())).complete([Prompt(prompt, num_tokens)])
    return prompt + made.text


_DRIVER = """
import contextlib, io, json, runpy, sys
sys.path[:0] = [sys.argv[1]]
for module in ("torch", "harness", "models", "safetensors"):
    try:
        __import__(module)
    except ImportError:
        continue
    sys.exit(f"{module} can be imported here")
printed = []
for sys.argv in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        runpy.run_path(sys.argv[0], run_name="__main__")
    printed.append(text.getvalue())
print(json.dumps(printed))
"""


def with_numpy_alone(folder: Path, command_lines: list[list[str]]) -> list[str]:
    """What programs print that run in one process in which only numpy can be imported."""
    library = folder / "library"
    library.mkdir(parents=True)
    of_numpy = Path(np.__file__).parent
    for package in (of_numpy, of_numpy.with_name("numpy.libs")):
        if package.exists():
            (library / package.name).symlink_to(package)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _DRIVER, str(library)],
        input=json.dumps(command_lines),
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    printed: list[str] = json.loads(done.stdout)
    return printed


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What each family's program prints, with each tokenizer."""
    folder = tmp_path_factory.mktemp("programs")
    pairs = [(family, kind) for family in FAMILIES for kind in TOKENIZERS]
    words = []
    for family, kind in pairs:
        export_program(fitted(family, kind), folder / f"{family}-{kind}")
        program = folder / f"{family}-{kind}" / PROGRAM_FILE
        words.append([str(program), PROMPT, "--max-new-tokens", str(NEW_TOKENS)])
    return dict(zip(pairs, with_numpy_alone(folder, words), strict=True))


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_writes_what_the_engine_writes(family: str, kind: str, printed: dict[tuple[str, str], str]) -> None:
    assert printed[family, kind] == greedy_text(fitted(family, kind)) + "\n"


def test_every_family_that_is_no_combination_has_a_program() -> None:
    from tests.models.families import FAMILIES as ALL

    assert set(ALL) - set(FAMILIES) == {"mixture", "product", "cache", "hf"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_is_two_files_and_short(family: str, tmp_path: Path) -> None:
    export_program(fitted(family, "bpe"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["run.py", "weights.safetensors"]
    lines = (tmp_path / "out" / PROGRAM_FILE).read_text().splitlines()
    assert len(lines) < 300
    assert not any("harness" in line or len(line) > 120 for line in lines)


def test_what_has_no_program_is_refused(tmp_path: Path) -> None:
    for config, said in (
        (tiny_config("mixture"), "model=mixture can't be exported as a program"),
        (tiny_config("ngram", order="inf"), "model.order=inf can't be exported as a program"),
    ):
        with pytest.raises(UserError, match=said):
            _family_part(config)
    labelled = ByteTokenizerSettings(speaker_tokens=True).train([])
    with pytest.raises(UserError, match=r"speaker_tokens=true can't be exported"):
        export_program(Fit("a", Path("a"), small_model("uniform"), labelled, {}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("preset", ["gpt2", "llama"])
def test_transformers_loads_what_is_written_and_writes_the_same_text(preset: str, kind: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    of = fitted("transformer", kind, preset=preset, context_length=128)
    export_transformers(of, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    reader = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = reader(PROMPT, return_tensors="pt")
    assert ids["input_ids"][0].tolist() == [of.tokenizer.start_token, *of.tokenizer.encode(PROMPT)]
    with torch.no_grad():
        logprobs = model(**ids).logits[0].log_softmax(-1)
    assert torch.allclose(logprobs, of.model.logprobs(ids["input_ids"][:, 1:])[0], rtol=0, atol=1e-4)
    made = model.generate(**ids, max_new_tokens=NEW_TOKENS)
    assert reader.decode(made[0], skip_special_tokens=True) == greedy_text(of)
