"""Every command that the README and the pages of docs/ show runs, in the order in which a page shows them.

A shell splits each block into words, as it would for a reader who pastes it. The commands then run in this process on a
small text and a small budget, without a mirror; of a sweep only the first run and the last, of a search one trial of
each family. Each page starts with the results of the main job, and the files that its commands name.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import status_of
from harness.config.compose import compose
from harness.plugin_kit.new import start
from harness.runs import settings as run_settings
from harness.runs import sweep as sweeps
from harness.runs.tuning import space
from harness.workers import worker
from tests.conftest import ROOT
from tests.harness.lm_eval.tasks import SUMS, write_tasks
from tests.peers import write_gpt2, write_tokenizer

PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
LONG_PAGES = (
    "docs/families.md",
    "docs/lm-eval.md",
    "docs/plugins.md",
    "docs/posttraining.md",
    "docs/running.md",
    "docs/tuning.md",
)
"""Pages whose commands take long: a campaign runs them."""
NOT_RUN = {
    "python3 install.py": "it is the set-up",
    "source .venv/bin/activate": "it is the set-up",
    "python -m pip": "it is the set-up",
    "conf_dir": "it is the set-up",
    "lambada_openai": "its data come from the network",
    "arithmetic_2da": "its data come from the network",
    "pretrained=gpt2": "its model comes from the network",
    "power families": "it needs three seeds; tested elsewhere",
    "launcher=slurm": "it needs Slurm; tested elsewhere",
    "--as ROMEO": "the small text has no plays",
    "wandb-sync tracking.project=mine": "it sends runs over the network",
    "bakeoff dashboard": "it serves until it is stopped",
    "bakeoff rate": "a person answers it; tested elsewhere",
    "bakeoff ratings": "it needs a bank; tested elsewhere",
    "ratings.name=mine": "it needs a bank; tested elsewhere",
    "ratings.rater.agreement": "what has hardly begun to learn never ends a reply in time; tested elsewhere",
}
"""Commands that hold one of these are not run."""

NUM_TOKENS = 1500
SMALL_EVALS = {"num_samples": 2, "max_documents": 2, "max_new_tokens": 4}
SMALL_STAGES = {"prompts_per_step": 4, "max_new_tokens": 4, "cut_reward": None, "prompts": "conversations"}
SMALL_STAGES |= {"rewards": {"length": compose(["rewards=[length]"])["rewards"]["length"]}}
"""What has hardly begun to learn gets the same of other rewards, and never ends a reply in time."""
TEXT = "It was the best of times, it was the worst of times. It was the age of wisdom.\n"
ARPA = "\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-1\t</s>\n-0.5\tthe\n\n\\end\\\n"
SHOWN_FILES = {"shouting.py": "docs/plugins.md"}
"""Files whose content a page shows, in its only block of Python."""


def blocks(page: str) -> list[str]:
    """The page's shell blocks."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def split(shell: str, block: str, folder: Path) -> list[list[str]]:
    """The words of every command of ours in a block, as the shell makes them. Others are not started."""
    log = folder / "commands"
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("bakeoff", "python", "lm_eval", "torchrun"):
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\0" {name} "$@" >> "{log}"\necho >> "{log}"\n')
        (programs / name).chmod(0o755)
    log.write_text("")
    lines = [line for line in block.splitlines() if not any(part in line for part in NOT_RUN)]
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run([shell, "-c", "\n".join(lines)], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.rstrip("\0").split("\0") for line in log.read_text().splitlines()]


def small(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same run on less text, with a smaller budget and fewer samples."""
    config = deepcopy(dict(config))
    if config["names"]["data"] in ("mixture", "shakespeare", "chat"):
        config["data"] = compose(["data=chatterbot"])["data"]
    if "train_documents" in config["data"]:
        config["data"] |= {"train_documents": 30}
    config["budget"] |= {"tokens": NUM_TOKENS, "seconds": None, "flops": None}
    config["training"] |= {"validation_bytes": 500, "batch_tokens": min(512, config["training"]["batch_tokens"])}
    config["tracking"] = compose(["tracking=none"])["tracking"]  # a mirror is a process of its own; tested elsewhere
    for options in config["post"].values():
        options |= {name: value for name, value in SMALL_STAGES.items() if name in options}
        if "budget" in options:
            options["budget"] |= {"tokens": 200} if options["budget"]["episodes"] is None else {"episodes": 8}
    for options in config["evals"].values():
        options |= {name: value for name, value in SMALL_EVALS.items() if name in options}
    return config


@pytest.fixture(scope="module")
def smaller() -> Iterator[None]:
    """Runs are small, and sweeps are their first run and their last."""
    with pytest.MonkeyPatch.context() as patch:
        whole: Callable[[Mapping[str, Any]], run_settings.RunSettings] = run_settings.typed
        for module in (run_settings, sweeps, space, worker):
            patch.setattr(module, "typed", lambda config: whole(small(config)))
        every: Callable[[Sequence[str]], list[list[str]]] = sweeps.expand
        patch.setattr(sweeps, "expand", lambda overrides: [(jobs := every(overrides))[0], *jobs[1:][-1:]])
        of_command = space.command_settings
        patch.setattr(space, "command_settings", lambda *about: replace(of_command(*about), trials=1))
        patch.setattr("harness.completion.guard.making._MOST_TEXTS", 1000)
        patch.setattr("harness.workers.local_workers.num_workers", lambda asked, num_jobs: 1)
        patch.setattr(
            "harness.report.draw_all", lambda comparison, verdicts: []
        )  # most of a report's seconds; tested elsewhere
        yield


@pytest.fixture(scope="module")
def main_job(cache: Path, smaller: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `bakeoff compare` leaves, of some families; and with the files that the commands name."""
    folder = tmp_path_factory.mktemp("main_job")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert status_of(["run", "-m", "experiment=families", "model=unigram", "decoding=greedy,top_p"]) == 0
        for model in ("bigram", "ngram", "lstm"):
            for decoding in ("greedy", "top_p"):
                command = ["run", "experiment=families", f"model={model}", f"decoding={decoding}"]
                assert status_of([*command, "experiment_name=families"]) == 0
    (folder / "novels").mkdir()
    for name in "abcdef":
        (folder / "novels" / f"{name}.txt").write_text(TEXT.replace("times", f"times {name}") * 20)
    (folder / "my.txt").write_text(TEXT)
    names = [first + second + third for first in "abcdefghij" for second in "aeiou" for third in "lmnr"]
    (folder / "names.txt").write_text("\n".join(names))
    chats = [f'{{"message": "Human: {n}?\\n\\nAssistant: It is {n}.\\n\\nHuman: Thanks"}}' for n in range(30)]
    (folder / "chats.jsonl").write_text("\n".join(chats))
    (folder / "tasks").mkdir()
    write_tasks(folder / "tasks")
    task = (folder / "tasks" / "toy_written.yaml").read_text().replace("task: toy_written", "task: mine")
    (folder / "tasks" / "mine.yaml").write_text(task)
    (folder / "theirs.arpa").write_text(ARPA)
    start("model", "my_family", folder, "counting")
    gpt2 = write_tokenizer(folder / "models" / "gpt2", [problem["context"] for problem in SUMS])
    write_gpt2(gpt2, vocab_size=300, start_token=0)
    for name, page in SHOWN_FILES.items():
        [code] = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
        (folder / name).write_text(code)
    return folder


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.campaign] if page in LONG_PAGES else []) for page in PAGES if blocks(page)],
)
def test_the_commands_of_a_page_run_as_they_stand(
    page: str, main_job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(main_job, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for block in blocks(page):
        for program, *words in split("bash", block, folder):
            if program == "torchrun":  # the command that it starts, in one process
                program, words = "bakeoff", words[words.index("harness.cli.main") + 1 :]
            if program == "python":
                subprocess.run([sys.executable, *words], check=True, capture_output=True)
                continue
            assert program == "bakeoff"
            monkeypatch.setattr("sys.stdin", io.StringIO("Hello\n/quit\n"))
            try:
                status = status_of(words)
            except SystemExit as end:
                status = end.code
            printed = capsys.readouterr()
            assert status in (0, None), f"{' '.join(words)}\n{printed.out}\n{printed.err}"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_zsh_makes_the_same_words_of_them(page: str, main_job: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(main_job, folder)
    for block in blocks(page):
        assert split("zsh", block, folder) == split("bash", block, folder)
