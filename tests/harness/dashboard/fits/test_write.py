from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.dashboard.fits.held import Held
from harness.dashboard.fits.write import chat, complete
from harness.text.transcript_format import HUMAN_ASSISTANT
from tests.commands import Fork, bakeoff


@pytest.fixture(scope="module")
def held(fits: Path) -> Held:
    return Held(fits)


def asked(run: str, **more: Any) -> dict[str, Any]:
    shared = {"run": run, "max_new_tokens": 25, "seed": 3, "decoding": "top_p", "settings": {}}
    return {**shared, "prompt": "Hello,", "stop": [], **more}


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({}, ["--decoding", "top_p"]),
        ({"settings": {"transforms.top_p.p": "0.5"}}, ["--decoding", "top_p decoding.transforms.top_p.p=0.5"]),
        ({"decoding": "own"}, []),
        ({"decoding": "beam", "stop": ["e"]}, ["--decoding", "beam", "--stop", "e"]),
    ],
)
def test_it_writes_what_the_command_writes(
    held: Held, fits: Path, run_of: dict[str, str], more: dict[str, Any], options: list[str]
) -> None:
    *pieces, last = complete(held, asked(run_of["gru"], **more))
    common = ["--max-new-tokens", "25", "--seed", "3", "--results", str(fits), "--json"]
    shown = json.loads(bakeoff(fits.parent, "complete", run_of["gru"], "Hello,", *options, *common).stdout)
    [completion] = shown["completions"]
    assert "".join(piece["text"] for piece in pieces) == completion["text"]
    done = last["done"]
    assert done["finish_reason"] == completion["finish_reason"]
    assert done["num_tokens"] == len(completion["tokens"])
    assert [value for _, value in done["tokens"]] == pytest.approx([math.exp(x) for x in completion["logprobs"]])


def test_it_answers_what_the_command_answers(held: Held, fits: Path, run_of: dict[str, str]) -> None:
    lines = ["Hello there.", "Why?"]
    exchanges: list[dict[str, str]] = []
    for line in lines:
        request = asked(
            run_of["gru"], say=line, exchanges=exchanges, person="Human", partner="Assistant", system="", stops=True
        )
        written = "".join(piece.get("text", "") for piece in chat(held, request))
        exchanges = [*exchanges, {"said": line, "written": written}]
    options = ["--decoding", "top_p", "--max-new-tokens", "25", "--results", str(fits)]
    typed = "\n".join([*lines, "/save talk.txt", ""]).encode()
    (fits.parent / "talk.txt").unlink(missing_ok=True)
    done = Fork(fits.parent, "chat", run_of["gru"], *options, "--seed", "3", typed=typed).done()
    assert done.returncode == 0, done.stderr
    turns = HUMAN_ASSISTANT.parse((fits.parent / "talk.txt").read_text(encoding="utf-8")).turns
    assert [turn.text for turn in turns if turn.speaker == "Human"] == lines
    ours = [HUMAN_ASSISTANT.reply("Assistant", exchange["written"])[0].text.strip() for exchange in exchanges]
    assert [turn.text.strip() for turn in turns if turn.speaker == "Assistant"] == ours


def test_who_may_not_speak_is_refused(held: Held, run_of: dict[str, str]) -> None:
    request = asked(run_of["gru"], say="a", exchanges=[], person="Bob", partner="Bob", system="", stops=True)
    with pytest.raises(UserError):
        list(chat(held, request))
