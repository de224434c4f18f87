"""`bakeoff export`: a fit as two files that need neither bakeoff nor torch, or as a folder of the transformers library.

A program is joined from the parts in harness/cli/programs: the family's, the tokenizer's and what completes a text.
Their imports of one another are left out, and the others come first.
"""

from __future__ import annotations

import ast
import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from harness.common.errors import UserError
from harness.common.files import make_folder, write_bytes, write_json
from harness.config.tokenizer_file import TOKENIZER_FILE, load_tokenizer
from harness.text.tokenizers.library_form import library_form
from harness.text.tokenizers.token_bytes import spelling_of_bytes
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.fits import Fit, saved_model
from models.hf_parts.architecture import described_options
from models.language_model import WEIGHTS_FILE, LanguageModel, ModelConfig

PROGRAM_FILE = "run.py"
_PARTS = Path(__file__).parent / "programs"
_PACKAGE = "harness.cli.programs."
_ENTRY = '\n\nif __name__ == "__main__":\n    complete(Model, Tokenizer)\n'


def check_export(folder: Path, form: str) -> None:
    """UserError where the fit in a folder can't be exported in this form. Needs no torch."""
    config, saved = saved_model(folder)
    tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
    if form == "program":
        _family_part(config)
        _tokenizer_part(tokenizer)
        return
    try:
        described_options(config, saved["vocab_size"], saved["start_token"])
    except ValueError as error:
        raise UserError(f"this fit can't be written for transformers: {error}.") from None
    library_form(tokenizer)


def export_program(fit: Fit, folder: Path) -> None:
    """Write a fit's weights and a program that completes texts with them. UserError where there is no such program."""
    import safetensors.numpy

    family, (tokenizer, described) = _family_part(fit.model.config), _tokenizer_part(fit.tokenizer)
    settings, weights = program_inputs(fit.model)
    about = {"settings": json.dumps(settings), "tokenizer": json.dumps(described)}
    make_folder(folder)
    write_bytes(folder / WEIGHTS_FILE, safetensors.numpy.save(weights, about))
    write_bytes(folder / PROGRAM_FILE, program(family, tokenizer).encode())


def program_inputs(model: LanguageModel) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The settings and the weights of which a program makes a model."""
    options = dataclasses.asdict(model.config)
    settings = {
        **{name: value for name, value in options.items() if isinstance(value, (int, float, str, NoneType))},
        "family": model.config.family,
        "vocab_size": model.vocab_size,
        "start_token": model.start_token,
    }
    return settings, {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in model.tensors().items()}


def _family_part(config: ModelConfig) -> Path:
    module = type(config).__module__
    part = _PARTS / "families" / f"{module.rpartition('.')[2]}.py"
    if not module.startswith("models.settings.") or not part.is_file():
        families = ", ".join(sorted(path.stem for path in part.parent.glob("[a-z]*.py")))
        raise UserError(
            f"a fit of model={config.family} can't be exported as a program: there is none for this family. "
            f"Name a run of one of: {families}."
        )
    if getattr(config, "order", None) == "inf":
        raise UserError(
            "a fit of model=ngram with model.order=inf can't be exported as a program: it is its whole training text. "
            "Name a run whose model.order is a number."
        )
    return part


def _tokenizer_part(tokenizer: Tokenizer) -> tuple[Path, dict[str, Any]]:
    """(the part that reads the tokenizer, what it reads). UserError where there is none."""
    content = json.loads(tokenizer.to_json())
    kind = content.get("kind")
    if kind not in ("char", "byte", "bpe"):
        raise UserError(
            f"a fit with {type(tokenizer).__name__} can't be exported as a program: only those with tokenizer=char, "
            "byte or bpe can."
        )
    if tokenizer.label_tokens:
        raise UserError(
            "a fit with tokenizer.speaker_tokens=true can't be exported as a program, which doesn't know where turns "
            "begin. Train one with tokenizer.speaker_tokens=false."
        )
    if kind == "bpe":
        content = {"split_digits": content["split_digits"], **_byte_pairs(content["merges"])}
    return _PARTS / "tokenizers" / f"{kind}.py", content


def _byte_pairs(merges: list[tuple[str, str]]) -> dict[str, Any]:
    """The bytes of each token, in hexadecimal, and the merges as (left, right, joined) ids."""
    byte_of = {char: byte for byte, char in enumerate(spelling_of_bytes())}
    ids = {char: token for token, char in enumerate(sorted(byte_of))}
    joined = []
    for left, right in merges:
        joined.append((ids[left], ids[right], ids.setdefault(left + right, len(ids))))
    return {"tokens": [bytes(byte_of[char] for char in token).hex() for token in ids], "merges": joined}


def program(family: Path, tokenizer: Path) -> str:
    """The source of a program: one file of a family's part, a tokenizer's, and what they need."""
    parts = list(dict.fromkeys([*_with_needed(family), *_with_needed(tokenizer), _PARTS / "completing.py"]))
    trees = {part: ast.parse(part.read_text(encoding="utf-8")) for part in parts}
    docs = "\n\n".join(ast.get_docstring(trees[part]) or "" for part in (family, tokenizer, parts[-1]))
    imports = [node for tree in trees.values() for node in tree.body if _is_import(node) and not _needed(node)]
    head = [f'"""{docs}\n"""', "from __future__ import annotations", *_import_lines(imports)]
    return "\n\n".join(head) + "\n" + "".join(_body(part, tree) for part, tree in trees.items()) + _ENTRY


def _with_needed(part: Path) -> Iterator[Path]:
    """The parts that a part imports, then itself."""
    for node in ast.parse(part.read_text(encoding="utf-8")).body:
        if needed := _needed(node):
            yield from _with_needed(needed)
    yield part


def _needed(node: ast.stmt) -> Path | None:
    """The part that an import is of."""
    if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith(_PACKAGE):
        return _PARTS.joinpath(*node.module.removeprefix(_PACKAGE).split(".")).with_suffix(".py")
    return None


def _import_lines(imports: Iterable[ast.stmt]) -> list[str]:
    """Imports as two blocks: of the standard library, and of numpy."""
    whole = {ast.unparse(node) for node in imports if isinstance(node, ast.Import)}
    names: dict[str, set[str]] = defaultdict(set)
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names[node.module] |= {alias.name for alias in node.names}
    names.pop("__future__")
    single = [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    numpy = "import numpy as np"
    return ["\n".join([*sorted(whole - {numpy}), *single]), numpy]


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _body(part: Path, tree: ast.Module) -> str:
    """All of a part but its docstring and its imports."""
    last = max(node.end_lineno or 0 for node in tree.body[:1] + [node for node in tree.body if _is_import(node)])
    return "\n\n" + "\n".join(part.read_text(encoding="utf-8").splitlines()[last:]).strip("\n") + "\n"


def export_transformers(fit: Fit, folder: Path) -> None:
    """Write a fit as a folder that transformers' AutoModelForCausalLM and AutoTokenizer load."""
    import safetensors.torch

    from models.hf_parts.weights import written

    described, tensors = written(fit.model)
    tokenizer, start = library_form(fit.tokenizer)
    ends = {"bos_token_id": fit.model.start_token, "eos_token_id": fit.model.start_token}
    make_folder(folder)
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": start, "eos_token": start}
    write_json(folder / "tokenizer.json", tokenizer)
    write_json(folder / "tokenizer_config.json", {**names, "clean_up_tokenization_spaces": False})
    write_json(folder / "generation_config.json", {**ends, "pad_token_id": fit.model.start_token, "do_sample": False})
    write_json(folder / "config.json", described)
    write_bytes(folder / "model.safetensors", safetensors.torch.save(tensors, {"format": "pt"}))
