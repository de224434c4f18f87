"""Formats for tests: those of conf/format and some like a user's own; and transcripts in them."""

from __future__ import annotations

import itertools

import yaml
from hypothesis import assume, reject
from hypothesis import strategies as st

from harness.config.settings import build
from harness.text.transcript import ASSISTANT, HUMAN, SYSTEM, Transcript, Turn
from harness.text.transcript_format import TranscriptFormat
from tests.conftest import ROOT
from tests.harness.text.strategies import tricky_text

FROM_CONF = {
    path.stem: build(yaml.safe_load(path.read_text(encoding="utf-8")), TranscriptFormat, path.stem)
    for path in sorted((ROOT / "conf" / "format").glob("*.yaml"))
}
CHATML = FROM_CONF["chatml"]

_ROLES = {HUMAN: "user", ASSISTANT: "assistant", SYSTEM: "system"}
OWN = {
    "zephyr": TranscriptFormat("zephyr", _ROLES, "<|", "|>\n", "", "</s>", "\n"),
    "gemma": TranscriptFormat(
        "gemma", {HUMAN: "user", ASSISTANT: "model"}, "<start_of_turn>", "\n", "", "<end_of_turn>", "\n"
    ),
    "llama3": TranscriptFormat("llama3", _ROLES, "<|start_header_id|>", "<|end_header_id|>\n\n", "", "<|eot_id|>", ""),
    "alpaca": TranscriptFormat("alpaca", {HUMAN: "Instruction", ASSISTANT: "Response"}, "### ", ":", "\n"),
    "lines": TranscriptFormat("lines", {HUMAN: "Q", ASSISTANT: "A"}, between="\n"),
    "prompts": TranscriptFormat("prompts", {HUMAN: ">>>", ASSISTANT: "..."}, after_name="", between="\n"),
    "rules": TranscriptFormat("rules", None, "[", "]", "\n", between="\n---\n"),
    "open chatml": TranscriptFormat("open chatml", None, "<|im_start|>", "\n", "", "<|im_end|>", "\n"),
    "closed play": TranscriptFormat("closed play", None, end="~END"),
}
EVERY = FROM_CONF | OWN


def speakers_of(form: TranscriptFormat) -> list[str]:
    names = list(form.speakers or ("HAMLET", "First Lord", "A", "Z"))
    return [name for name in names if form.speakers or form.mistake_in_name(name) is None]


def hard_text(form: TranscriptFormat) -> st.SearchStrategy[str]:
    """Texts made of the format's own parts, whole and in pieces, and of other characters."""
    parts = [form.label(speaker) for speaker in speakers_of(form)]
    parts += [form.before_name, form.after_name, form.before_text, form.end, form.between, "\\", "\n", " ", "x"]
    pieces = [part[begin:end] for part in parts for begin, end in itertools.combinations(range(len(part) + 1), 2)]
    hard = st.lists(st.sampled_from([*parts, *parts, *parts, *pieces]), max_size=10).map("".join)
    return st.one_of(hard, tricky_text)


def transcripts(form: TranscriptFormat) -> st.SearchStrategy[Transcript]:
    turn = st.builds(Turn, st.sampled_from(speakers_of(form)), hard_text(form))
    return st.lists(turn, max_size=5).map(lambda turns: Transcript(tuple(turns)))


_part = st.text("aB<|>/:\n -", max_size=4)
_names = st.lists(st.text("aB<|>/: -", min_size=1, max_size=4), min_size=1, max_size=3, unique=True)


@st.composite
def random_formats(draw: st.DrawFn) -> TranscriptFormat:
    """Formats whose parts overlap as much as a format allows. Most of what is drawn is refused, as it should be: use
    HealthCheck.filter_too_much."""
    names = draw(st.one_of(st.none(), _names.map(lambda names: {f"S{i}": name for i, name in enumerate(names)})))
    before_text, end = draw(st.text(" \n", max_size=2)), draw(st.one_of(st.just(""), _part))
    try:
        form = TranscriptFormat("drawn", names, draw(_part), draw(_part), before_text, end, draw(_part))
    except ValueError:
        reject()
    assume(speakers_of(form))
    return form
