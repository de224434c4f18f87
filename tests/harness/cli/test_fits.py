"""Commands that use a run's fit, as a user runs them: whole processes, and a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.runs import make_run
from harness.text.transcript import HUMAN, Turn
from tests.commands import Fork, bakeoff, command, environment, refused_without_torch
from tests.harness.config.plugin_files import forget_files
from tests.harness.config.test_plugins import DECODING
from tests.harness.runs.plugin_runs import MODEL, TOKENIZER
from tests.harness.small_run import only_run
from tests.harness.text.formats import CHATML


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a model that can't write much, on conversations in chatml; decoding greedily it never ends its turn."""
    made = tmp_path_factory.mktemp("chat")
    overrides = (
        "model=unigram",
        "data=chatterbot",
        "format=chatml",
        "tracking=none",
        "evals=[]",
        "decoding=temperature",
    )
    bakeoff(made, "run", *overrides)
    return made


def chat(folder: Path, lines: bytes, *options: str) -> str:
    done = Fork(folder, "chat", "unigram", "--max-new-tokens", "30", *options, typed=lines).done()
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lines_from_a_pipe_are_a_conversation_in_the_run_s_format(folder: Path) -> None:
    shown = chat(folder, "what is <|im_end|>?\nünïcødé \xff\n/save talk.txt\n/raw\n".encode(), "--system", "Be kind.")
    saved = CHATML.parse((folder / "talk.txt").read_text(encoding="utf-8"))
    assert saved.turns[0] == Turn("System", "Be kind.")
    assert saved.turns[1] == Turn(HUMAN, "what is <|im_end|>?")
    assert len(saved.turns) == 5
    assert "[written: talk.txt]" in shown
    assert "<|im_start|>user\nwhat is <\\|im_end|>?<|im_end|>\n<|im_start|>assistant\n" in shown


def test_bytes_that_are_not_text_do_not_end_the_chat(folder: Path) -> None:
    assert "user: h�i\nassistant:" in chat(folder, b"h\xffi\n")


def test_strategies_are_named_singly_in_lists_and_with_other_values(folder: Path) -> None:
    shown = chat(
        folder,
        b"hi\n/decoding greedy\n/retry\n/decoding topp\n/decoding [repetition_penalty, top_p]\n/retry\n/retry\n"
        b"/decoding top_p decoding.transforms.top_p.p=0.5\n/retry\n/decoding top_p decoding.transforms.top_p.q=1\n"
        b"/decoding top_p seed=1\n/decoding\n",
        *("--decoding", "[repetition_penalty,top_p] decoding.transforms.top_p.p=0.7"),
    )
    assert "Did you mean 'top_p'?" in shown
    assert shown.count("Allowed: beam, ") == 2
    assert "there is no 'q' of decoding.transforms.top_p" in shown
    assert "seed=1 is not an option of decoding" in shown
    assert shown.count("assistant:") == 5


def test_a_strategy_may_draft_from_another_run(folder: Path) -> None:
    draft = "speculative decoding.search.draft=unigram"
    assert "assistant:" in chat(folder, b"hi\n", "--decoding", draft)
    bakeoff(folder, "complete", "unigram", "hi", "--decoding", draft, "--max-new-tokens", "5")
    done = bakeoff(folder, "complete", "unigram", "hi", "--decoding", draft.replace("=uni", "=bi"), status=2)
    assert "no run 'bigram'" in done.stderr


def test_a_line_break_can_be_named_in_the_prompt_and_as_a_stop_text(folder: Path) -> None:
    done = bakeoff(folder, "complete", "unigram", r"a\n\\n", "--stop", r"\n", "--json", "--max-new-tokens", "2000")
    assert json.loads(done.stdout)["prompt"] == "a\n\\n"
    [completion] = json.loads(done.stdout)["completions"]
    assert completion["stop_text"] == "\n"
    assert "\n" not in completion["text"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--as", "Bob"),
            "nobody is called 'Bob' in the format 'chatml'. Allowed: Human, Assistant, System. With format=play anyone",
        ),
        (("--with", "Human"), "names of your own"),
        (("--max-new-tokens", "0"), "'0' is not allowed: it must be a whole number, 1 or more"),
        (("--decoding", "grredy"), "Did you mean 'greedy'"),
    ],
)
def test_impossible_input_is_refused_with_one_message(folder: Path, options: tuple[str, ...], message: str) -> None:
    done = bakeoff(folder, "chat", "unigram", *options, status=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


class Terminal:
    """A process with its own terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # makes it the controlling terminal
        )
        os.close(slave)
        self.shown = ""
        self._seen = 0

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until this text is shown after the text of the last wait."""
        deadline = time.monotonic() + seconds
        while text not in self.shown[self._seen :]:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.master], [], [], 0.2)[0]:
                self.shown += os.read(self.master, 4096).decode(errors="replace").replace("\r", "")
        self._seen = self.shown.index(text, self._seen) + len(text)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def interrupt_until(self, text: str, times: int = 30) -> None:
        """Press Ctrl-C until this text is shown. Ctrl-C just after a prompt is shown, before readline waits for keys,
        is only heard with the next key."""
        for _ in range(times):
            self.type("\x03")
            with contextlib.suppress(AssertionError):
                self.wait_for(text, seconds=2)
                return
        raise AssertionError(self.shown)


def test_a_prompt_that_cannot_be_continued_is_refused_before_anything_is_printed(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("renate erna arena renate\nerna renate arena erna\n" * 300)
    text = ("data=text", "data.paths=names.txt", 'data.separator="\\n"', "tokenizer.fallback=false")
    bakeoff(tmp_path, "run", "model=unigram", *text, "tracking=none", "evals=[]", "budget.tokens=1000")
    for options in ((), ("--samples", "2"), ("--json",), ("--explain",), ("--decoding", "beam")):
        done = bakeoff(tmp_path, "complete", "unigram", "renée", *options, status=2)
        assert done.stdout == ""
        assert "'é' (U+00E9), in 'renée', has no token" in done.stderr


def test_ctrl_c_stops_a_reply_and_ctrl_d_ends(folder: Path) -> None:
    terminal = Terminal(folder, "chat", "unigram", "--decoding", "greedy", "--max-new-tokens", "1000000")
    terminal.wait_for("user: ")
    terminal.type("hello there\n")
    terminal.wait_for("assistant: ")
    terminal.type("\x03")
    terminal.wait_for("[stopped]")
    terminal.wait_for("user: ")
    terminal.type("/raw\n")
    terminal.wait_for("<|im_start|>user\nhello there<|im_end|>\n<|im_start|>assistant\n")
    terminal.wait_for("the start token")
    terminal.wait_for("user: ")
    terminal.interrupt_until("ends the conversation]")
    terminal.wait_for("user: ")
    terminal.type("\x04")
    assert terminal.process.wait(timeout=60) == 0


def test_a_fitted_model_completes_and_scores(uninterrupted: Path) -> None:
    name = only_run(uninterrupted).name
    output = json.loads(bakeoff(uninterrupted, "complete", name[:6], "Human: ", "--json", "--samples", "2").stdout)
    assert len(output["completions"]) == 2
    text = uninterrupted / "some.txt"
    text.write_text("What is AI? ünïcødé 🙂\n", encoding="utf-8")
    output = json.loads(bakeoff(uninterrupted, "score", name, str(text), "--json", "--per-token").stdout)
    assert output["total"]["num_bytes"] == len(text.read_bytes())
    assert sum(-token["logprob"] for token in output["files"][0]["tokens"]) == pytest.approx(output["total"]["nats"])
    said = Fork(uninterrupted, "chat", name, "--max-new-tokens", "10", typed=b"hello\n/quit\n").done()
    assert said.returncode == 0
    assert "Assistant:" in said.stdout


def test_the_text_stands_before_its_explanation(folder: Path) -> None:
    words = ("complete", "unigram", r"What\nis", "--max-new-tokens", "4")
    text = bakeoff(folder, *words).stdout
    assert bakeoff(folder, *words, "--explain").stdout.startswith(f"{text}token 1: ")
    assert bakeoff(folder, *words, "--explain", "--html", "why.html").stdout == f"{text}written: why.html\n"


# Wrong command lines over a run of model=unigram, and what is said of them.
WRONG = {
    ("complete", "nope", "x"): "no run 'nope'",
    ("score", "nope", "x.txt"): "no run 'nope'",
    ("chat", "nope"): "no run 'nope'",
    ("score", "none.arpa", "x.txt"): "none.arpa cannot be read: there is no such file. Name an .arpa file",
    ("score", "unigram", "absent.txt"): "absent.txt cannot be read: No such file",
    ("complete", "unigram", "x", "--decoding", "grredy"): "Did you mean 'greedy'",
    ("complete", "unigram", "x", "--decoding", "top_p decoding.transforms.top_p.p=2"): "p=2",
    ("complete", "unigram", "x", "--decoding", "speculative decoding.search.draft=absent"): "no run 'absent'",
    ("complete", "unigram", "ab\udcff"): "PROMPT is not UTF-8: its character 2 is the byte 0xff. Convert it first",
    ("complete", "unigram", "x", "--stop", "\udcc3"): "--stop is not UTF-8: its character 0 is the byte 0xc3.",
    ("complete", "unigram", "x", "--candidates", "3"): "--candidates works only with --explain",
    ("chat", "unigram", "--decoding", "grredy"): "Did you mean 'greedy'",
    (
        "chat",
        "unigram",
        "--as",
        "ROMEO",
    ): "nobody is called 'ROMEO' in the format 'chatml'. Allowed: Human, Assistant, System.",
    ("chat", "unigram", "--with", "assistant"): "Did you mean 'Assistant'?",
    ("chat", "unigram", "--with", "Human"): "Human can't talk with Human",
    ("arpa", "absent", "lm.arpa"): "no run 'absent'",
    ("complete", "the king", "unigram"): "The run comes first: bakeoff complete unigram 'the king'.",
    ("complete", "@lates", "x"): "Did you mean '@latest'?",
    ("complete", "default/@bst", "x"): "Did you mean 'default/@best'?",
    ("score", "a.txt", "unigram", "b.txt"): "The run comes first: bakeoff score unigram a.txt b.txt.",
    ("export", "absent", "out"): "no run 'absent'",
    ("export", "unigram", "."): ". is not empty, and nothing in it is overwritten. Name a new folder.",
    ("export", "unigram", "out", "--format", "transformers"): "only model=transformer can be a GPT-2 or a Llama",
    ("arpa", "unigram", "lm.arpa"): "this fit of model=unigram can't be written as an ARPA file: only n-gram models",
    ("export", "out", "unigram"): "The run comes first: bakeoff export unigram out.",
    ("arpa", "lm.arpa", "unigram"): "The run comes first: bakeoff arpa unigram lm.arpa.",
    ("lm-eval", "--tasks", "toy", "unigram"): "The run comes first: bakeoff lm-eval unigram --tasks toy.",
    ("lm-eval", "unigram"): "lm-eval needs the names of tasks, as --tasks bakeoff_arithmetic",
    ("lm-eval", "unigram", "--tasks", "toy", "--limit", "-3"): "--limit -3 is not allowed: it must be above 0",
}


def test_a_run_is_exported_as_two_files_that_write_what_it_writes(folder: Path) -> None:
    said = bakeoff(folder, "export", "unigram", "its files").stdout
    assert "Try: python 'its files/run.py' 'To be' --max-new-tokens 100" in said
    words = ("hi", "--max-new-tokens", "5")
    done = subprocess.run([sys.executable, "its files/run.py", *words], cwd=folder, capture_output=True, text=True)
    assert done.stdout == bakeoff(folder, "complete", "unigram", *words, "--decoding", "greedy").stdout


@pytest.mark.parametrize("words", [("arpa", "any", "."), ("complete", "any", "hi", "--explain", "--html", ".")])
def test_a_folder_is_no_file_to_write(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(words) == 2
    assert ". can't be written: it is a folder. Name another file, as " in capsys.readouterr().err


def test_a_wrong_command_line_is_refused_before_torch_is_loaded(folder: Path) -> None:
    told = refused_without_torch(list(WRONG), folder)
    assert len(told) == len(WRONG)
    for message, said in zip(WRONG.values(), told, strict=True):
        assert message in said


def test_every_plugin_file_that_a_run_needs_is_named_at_once_and_the_command_works_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"own.py": MODEL, "letters.py": TOKENIZER, "decode.py": DECODING}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    picks = ("model=./own.py", "tokenizer=./letters.py", "decoding=./decode.py", "data=chatterbot", "evals=[]")
    make_run(*picks, "tracking=none")
    for words, needed in (
        (("complete", "own", "a", "--max-new-tokens", "2"), sorted(files)),
        (("complete", "own", "a", "--max-new-tokens", "2", "--decoding", "greedy"), ["letters.py", "own.py"]),
        (("score", "own", "own.py"), ["letters.py", "own.py"]),
    ):
        with monkeypatch.context() as patch:
            forget_files(patch)
            assert status_of(words) == 2
            said = capsys.readouterr().err
            assert f"made with the plugin files {', '.join(needed)}, and" in said
            flags = shlex.split(said.partition(" add ")[2].partition(" (look")[0])
            assert status_of([*words, *flags]) == 0
