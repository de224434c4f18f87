"""Options that aren't bakeoff's own: Python files that a user names, and what may never be imported."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.common.errors import PluginError, UserError
from harness.config import hydra_compose, plugins
from harness.config.compose import compose, from_saved
from harness.config.identity import identity
from harness.config.options import option
from harness.config.settings import build
from harness.runs.settings import typed
from models.language_model import ModelConfig
from tests.commands import refused_without_torch
from tests.harness.config.plugin_files import forget_files
from tests.harness.runs.plugin_runs import TOKENIZER

EVAL = '''"""Counts capitals."""

from dataclasses import dataclass, field

from harness.evaluation import Complete, Eval, Score


@dataclass(frozen=True)
class _Part:
    """Of no interest."""


@dataclass(frozen=True)
class Capitals(Eval):
    name, version = "capitals", 1

    prompts: list[str] = field(default_factory=lambda: ["A", "B"])
    max_new_tokens: int = 40

    def samples(self, material):
        return []

    def requests(self, sample, material):
        return [Complete(sample.prompt, self.max_new_tokens)]

    def score(self, sample, answers, material):
        return Score({})
'''
MODEL = '''"""Knows nothing."""

from dataclasses import dataclass

from models.uniform import Uniform
from models.language_model import ModelConfig


@dataclass(frozen=True)
class OwnConfig(ModelConfig):
    family = "own"

    size: int

    def build(self, vocab_size, start_token):
        return Uniform(self, vocab_size, start_token)
'''
DECODING = '''"""Two transforms and a chooser."""

from dataclasses import dataclass

from harness.completion import Greedy, PlainTransform


@dataclass(frozen=True)
class FirstOne(PlainTransform):
    share: float = 0.5

    def reshape(self, logprobs):
        return logprobs


@dataclass(frozen=True)
class Other(FirstOne):
    """Whatever."""


@dataclass(frozen=True)
class Choice(Greedy):
    """As greedy as that."""
'''
DATA = '''"""Two words."""

from dataclasses import dataclass

from harness.text import Corpus, DataSource, Document


@dataclass(frozen=True)
class Words(DataSource):
    name = "words"

    count: int = 2

    def load(self):
        documents = tuple(Document(str(n), "ab", "words", str(n)) for n in range(self.count))
        return Corpus("words", documents, documents, documents)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in a process where no file was named yet."""
    forget_files(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_fields_of_the_one_class_in_a_file_are_its_options() -> None:
    write("elsewhere/capitals.py", EVAL)
    composed = compose(["evals=[perplexity,elsewhere/capitals.py]", "evals.capitals.max_new_tokens=7"])
    settings = typed(composed)
    assert list(settings.evals) == ["perplexity", "capitals"]
    assert settings.evals["capitals"].max_new_tokens == 7  # type: ignore[attr-defined]
    assert settings.evals["capitals"].prompts == ["A", "B"]  # type: ignore[attr-defined]
    [(module, path)] = composed["plugins"].items()
    assert module.startswith("bakeoff_file.capitals_")
    assert path == str(Path("elsewhere/capitals.py").absolute())


def test_every_kind_of_option_may_be_a_file() -> None:
    for name, text in (("my_model", MODEL), ("words", DATA), ("own", TOKENIZER), ("steps", DECODING)):
        write(f"{name}.py", text)
    files = ["model=./my_model.py", "model.size=3", "data=words.py", "tokenizer=./own.py", "decoding=./steps.py"]
    settings = typed(compose([*files, "decoding.transforms.first_one.share=0.25"]))
    assert settings.names["model"] == "my_model"
    assert settings.model.size == 3  # type: ignore[attr-defined]
    assert len(settings.data.load().train) == 2
    assert settings.tokenizer.train(()).vocab_size == 257
    assert list(settings.decoding.transforms) == ["first_one", "other"]
    assert settings.decoding.transforms["first_one"].share == 0.25  # type: ignore[attr-defined]
    assert type(settings.decoding.chooser).__name__ == "Choice"


def test_a_file_may_be_swept_and_be_a_member_of_a_mixture() -> None:
    from harness.runs.sweep import expand

    write("my_model.py", MODEL)
    jobs = expand(["model=unigram,./my_model.py", "+model.size=3"])
    assert jobs == [["model=unigram", "+model.size=3"], ["model=./my_model.py", "+model.size=3"]]
    composed = compose(["model=mixture", "model@model.members.second=./my_model.py", "model.members.second.size=1"])
    assert composed["model"]["members"]["second"]["_target_"].endswith(".OwnConfig")
    assert len(composed["plugins"]) == 1


def test_a_field_without_a_default_must_be_set() -> None:
    write("my_model.py", MODEL)
    with pytest.raises(UserError, match=r"model\.size has no default. Set it: model\.size="):
        compose(["model=./my_model.py"])


def test_a_yaml_file_beside_it_spells_out_the_options_instead() -> None:
    write("capitals.py", EVAL)
    write("capitals.yaml", "# Counts.\n_target_: capitals.Capitals\n# Said first.\nprompts: [C, capitals.D]\n")
    assert option("evals", "capitals.py").about == "Counts."
    composed = compose(["evals=[capitals.py]"])
    assert typed(composed).evals["capitals"].prompts == ["C", "capitals.D"]  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="no 'max_new_tokens'"):
        compose(["evals=[capitals.py]", "evals.capitals.max_new_tokens=3"])


def test_what_a_file_means_changes_with_its_text_and_not_with_its_folder() -> None:
    def found(path: Path) -> Any:
        return identity(typed(compose([f"evals=[{path}]"])).evals["capitals"])

    first = found(write("one/capitals.py", EVAL))
    assert found(write("two/capitals.py", EVAL)) == first
    assert found(write("three/capitals.py", f"{EVAL}\n# changed\n")) != first


def test_python_s_own_modules_are_all_that_is_known_of_the_files_that_were_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write("capitals.py", f'{EVAL}\nopen("imported", "a").write("x")\n')
    first, again = plugins.read_file(path), plugins.read_file(path)
    assert first is again
    assert plugins.loaded_files() == (first,)
    assert Path("imported").read_text() == "x"
    monkeypatch.delitem(sys.modules, first.module)
    assert plugins.loaded_files() == ()
    plugins.read_file(path)
    assert Path("imported").read_text() == "xx"


def test_a_file_whose_import_is_interrupted_is_imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("slow.py", "import os\nif 'INTERRUPTED' in os.environ:\n    raise KeyboardInterrupt\nx = 1\n")
    monkeypatch.setenv("INTERRUPTED", "1")
    with pytest.raises(KeyboardInterrupt):
        plugins.read_file(path)
    monkeypatch.delenv("INTERRUPTED")
    assert plugins.module_of(path).x == 1


def test_a_file_that_changes_while_a_process_goes_on_is_read_anew() -> None:
    write("capitals.py", EVAL)
    first = compose(["evals=[capitals.py]"])["evals"]["capitals"]
    write("capitals.py", EVAL.replace("= 40", "= 41"))
    second = compose(["evals=[capitals.py]"])["evals"]["capitals"]
    assert (first["max_new_tokens"], second["max_new_tokens"]) == (40, 41)
    assert first["_target_"] != second["_target_"]


def test_a_file_leaves_no_bytecode_behind_and_runs_as_it_stands_now() -> None:
    path = write("capitals.py", EVAL)
    assert plugins.read_file(path).error is None
    write("capitals.py", EVAL.replace('"A", "B"', '"C", "D"'))  # as long as before, in the same second
    module = plugins.import_module(plugins.read_file(path).module)
    assert module.Capitals().prompts == ["C", "D"]
    assert sorted(item.name for item in Path().iterdir()) == ["capitals.py"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("absent.py", None, ("absent.py", "No such file")),
        ("my-eval.py", EVAL, ("my-eval.py", "letters, digits and '_'")),
        ("none.py", "x = 1\n", ("holds no Eval", "exactly one Eval", "@dataclass(frozen=True)")),
        ("two.py", f"{EVAL}\n\n@dataclass(frozen=True)\nclass More(Capitals):\n    x: int = 1\n", ("Capitals, More",)),
        ("nameless.py", EVAL.replace('    name, version = "capitals", 1\n', ""), ("must say its name", "version")),
    ],
)
def test_a_file_that_cannot_be_an_eval_is_refused(name: str, text: str | None, words: tuple[str, ...]) -> None:
    if text is not None:
        write(name, text)
    with pytest.raises(UserError) as caught:
        typed(compose([f"evals=[{name}]"]))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("beside", [False, True])
def test_a_class_that_lacks_a_method_is_named_with_it_before_anything_is_made(beside: bool) -> None:
    write("capitals.py", EVAL.replace("def score(", "def scores("))
    write("own.py", f"{MODEL}\n\nclass Own(Uniform):\n    pass\n".replace("Uniform(self", "Own(self"))
    lacking = MODEL.replace("from models.uniform import Uniform\n", "from models import CountingModel\n")
    write("lacking.py", f"{lacking}\n\nclass Uniform(CountingModel):\n    def count(self, tokens): ...\n")
    if beside:
        write("capitals.yaml", "_target_: capitals.Capitals\nprompts: []\nmax_new_tokens: 1\n")
        write("lacking.yaml", "_target_: lacking.OwnConfig\nsize: 1\n")
    with pytest.raises(UserError, match=r"capitals\.py: Capitals lacks score, which every Eval must have"):
        compose(["evals=[capitals.py]"])
    with pytest.raises(UserError, match="Uniform lacks cost, finish, load_tensors, read, start, tensors, which"):
        compose(["model=./lacking.py", "model.size=1"])
    assert compose(["model=./own.py", "model.size=1"])["names"]["model"] == "own"


def test_a_base_of_other_classes_may_lack_methods() -> None:
    base = EVAL.replace("def score(", "def scores(").replace("class Capitals", "class Base")
    more = "@dataclass(frozen=True)\nclass Capitals(Base):\n    def score(self, *_):\n        return Score({})\n"
    write("capitals.py", f"{base}\n\n{more}")
    assert list(typed(compose(["evals=[capitals.py]"])).evals) == ["capitals"]


def test_two_evals_of_one_name_are_refused() -> None:
    write("capitals.py", EVAL)
    write("more.py", EVAL)
    with pytest.raises(UserError, match="two of the evals have the name 'capitals'"):
        typed(compose(["evals=[capitals.py,more.py]"]))


@pytest.mark.parametrize("text", ["def broken(:\n", "1 / 0\n", "raise SystemExit(3)\n", "import no_such_module\n"])
def test_a_file_that_fails_to_import_is_refused(text: str) -> None:
    write("broken.py", text)
    for pick in ("evals=[perplexity,broken.py]", "model=./broken.py"):
        with pytest.raises(PluginError, match=rf"{Path.cwd()}/broken\.py can't be imported") as refused:
            compose([pick])
        assert "Traceback" in refused.value.details
    sweep = ["run", "-m", "model=unigram,bigram", "evals=[perplexity,broken.py]"]
    said = refused_without_torch([["run", *sweep[3:]], sweep], Path.cwd())
    assert all("broken.py can't be imported" in line for line in said)
    assert len(said) == 2


def test_a_saved_run_s_files_are_imported_only_when_the_user_names_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("mine/capitals.py", f'{EVAL}\nopen("imported", "a").write("x")\n')
    saved = folder / "config.yaml"
    saved.write_text(yaml.safe_dump(compose(["evals=[mine/capitals.py]"])))
    assert Path("imported").read_text() == "x"
    forget_files(monkeypatch)
    with pytest.raises(UserError, match=rf"made with the plugin file capitals\.py.*--plugin {path.absolute()}"):
        from_saved(saved)
    from_saved(saved, parts=("model", "data"))
    assert Path("imported").read_text() == "x"
    plugins.read_file(path)
    assert from_saved(saved)["evals"]["capitals"]["_target_"].endswith(".Capitals")
    assert Path("imported").read_text() == "xx"


def test_all_missing_files_of_a_saved_run_are_named_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write("my own/capitals.py", EVAL), write("decode.py", DECODING), write("own.py", MODEL)]
    saved = folder / "config.yaml"
    picks = ["evals=['my own/capitals.py']", "decoding=./decode.py", "model=./own.py", "model.size=1"]
    saved.write_text(yaml.safe_dump(compose(picks)))
    forget_files(monkeypatch)
    with pytest.raises(UserError, match=r"the plugin files capitals\.py, decode\.py, own\.py") as refused:
        from_saved(saved)
    said = shlex.split(str(refused.value).partition(" add ")[2].partition(" (look")[0])
    assert said == [word for path in paths for word in ("--plugin", str(path.absolute()))]
    plugins.load(said[1::2])
    assert from_saved(saved)["names"]["model"] == "own"


def test_a_file_that_changed_since_takes_the_place_of_what_it_was_only_on_demand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("capitals.py", EVAL)
    saved = folder / "config.yaml"
    saved.write_text(yaml.safe_dump(compose(["evals=[capitals.py]"])))
    forget_files(monkeypatch)
    write("capitals.py", EVAL.replace('"capitals", 1', '"capitals", 2'))
    plugin = plugins.read_file(path)
    with pytest.raises(UserError, match=r"another capitals\.py than the one that you named"):
        from_saved(saved)
    renewed = from_saved(saved, renew=True)["evals"]["capitals"]
    assert renewed["_target_"] == f"{plugin.module}.Capitals"


def test_a_saved_configuration_may_not_ask_for_any_other_class(folder: Path) -> None:
    composed = compose(["evals=[perplexity]"])
    composed["evals"]["perplexity"]["_target_"] = "os.system"
    saved = folder / "config.yaml"
    saved.write_text(yaml.safe_dump(composed))
    with pytest.raises(UserError, match=r"asks for os\.system, which no installed option names"):
        from_saved(saved)


def test_a_module_of_a_file_is_no_option_of_another_kind() -> None:
    write("capitals.py", EVAL)
    composed = compose(["evals=[capitals.py]"])
    with pytest.raises(UserError, match="is not a ModelConfig"):
        build(composed["evals"]["capitals"], ModelConfig, "model")  # type: ignore[type-abstract]


def test_the_source_of_a_package_s_module_is_its_own_and_what_it_imports_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pack/__init__.py", "")
    write("pack/one.py", "from pack import two\n")
    write("pack/two.py", "import os\nfrom .deep import three\n")
    write("pack/deep/__init__.py", "")
    write("pack/deep/three.py", "from . import absent\n")
    write("pack/other.py", "def broken(:\n")
    monkeypatch.setattr(plugins, "packages", lambda: (plugins.Package("pack 1", "pack", folder / "pack"),))

    def found(module: str) -> str | None:
        return plugins.source_sha256.__wrapped__(module)

    before = {name: found(name) for name in ("pack.one", "pack.two", "pack.deep.three", "pack.other")}
    assert len(set(before.values())) == 4
    write("pack/deep/three.py", "x = 1\n")
    after = {name: found(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"pack.one", "pack.two", "pack.deep.three"}
    assert found("packer.one") is None
    assert found("harness.runs.run") is None


def test_a_file_whose_name_stands_for_the_whole_configuration_is_refused(folder: Path) -> None:
    write("my_global_eval.py", EVAL)
    with pytest.raises(UserError, match=r"my_global_eval\.py can't be a plugin file: '_global_'"):
        compose(["evals=[my_global_eval.py]"])


def test_what_a_file_means_changes_with_the_modules_beside_it_that_it_imports(folder: Path) -> None:
    path = write("speller.py", "def spell():\n    import letters\n")
    write("letters.py", "from sounds.soft import x\n")
    write("sounds/__init__.py", "")
    write("sounds/soft.py", "x = 1\n")
    write("harness.py", "x = 1\n")
    write("other.py", "x = 1\n")
    before = plugins.read_file(path).sha256
    for name, changes in (("other.py", False), ("harness.py", False), ("letters.py", True), ("sounds/soft.py", True)):
        with (folder / name).open("a") as file:
            file.write("y = 2\n")
        after = plugins.read_file(path).sha256
        assert (after != before) == changes, name
        before = after


def test_what_a_file_means_changes_with_the_files_that_it_declares(folder: Path) -> None:
    path = write("counter.py", 'READS: list[str] = ["words.txt"]\n')
    write("words.txt", "yes")
    before = plugins.read_file(path)
    write("words.txt", "no")
    after = plugins.read_file(path)
    assert (before.error, after.error) == (None, None)
    assert before.module != after.module


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('READS = ["absent.txt"]\n', "declares that it reads 'absent.txt'.*No such file.*Put the file there"),
        ('READS = ["a" + name]\n', r"reader.py:1: READS must be a list of paths written out"),
        ('READS = "words.txt"\n', r"reader.py:1: READS must be a list of paths written out"),
    ],
)
def test_a_file_that_declares_what_cannot_be_read_is_refused(folder: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        plugins.read_file(write("reader.py", text))


def test_an_installed_eval_needs_no_line_that_says_where_it_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("pack/conf/evals/loud.yaml", "# How loud it is.\n_target_: pack.loud.Loud\nwords: 3\n")
    installed = (plugins.Package("pack 1", "pack", folder / "pack"),)
    monkeypatch.setattr(plugins, "packages", lambda: installed)
    monkeypatch.setattr(hydra_compose, "packages", lambda: installed)
    assert compose(["evals=[loud]", "evals.loud.words=4"])["evals"] == {
        "loud": {"_target_": "pack.loud.Loud", "words": 4}
    }
