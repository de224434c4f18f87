"""A run's model, ready to write: its engine, its decoding strategy, the format of its conversations.

torch and hydra are imported only where they are needed, so that a wrong name is told of at once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE, ResultsFolder
from harness.common.terminal import announce_loading
from harness.config import compose as config
from harness.config.options import options
from harness.config.settings import build
from harness.runs.lookup import find_fit
from harness.runs.record import check_config

if TYPE_CHECKING:
    import torch

    from harness.completion.engine import DecodingStrategy, Engine
    from harness.text.transcript_format import TranscriptFormat
    from harness.training.fits import Fit

_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\S)+""")
"""A word: text between blanks that aren't quoted."""
_QUOTED = re.compile(r"'[^']*'")


def engine_of(
    run: Path,
    strategy: DecodingStrategy | None = None,
    load: Callable[[Path, torch.device], Fit] | None = None,
) -> Engine:
    """The completion engine of the run in a folder. strategy: None for the run's own. load: loads the fit in a folder;
    None: `load_fit`."""
    strategy = own_strategy(run) if strategy is None else strategy
    results = ResultsFolder.around(run)
    # runs that the strategy names are in the same results folder; a wrong name is refused before torch is imported
    strategy.search.with_fits(lambda name: find_fit(name, results.path).name)
    folder = find_fit(str(run), results.path)
    announce_loading()
    from harness.completion.engine import Engine
    from harness.runs.other_models import OtherModels
    from harness.training.fits import load_fit, pick_device
    from harness.training.workshop import Workshop

    workshop = Workshop(results, pick_device("auto"))
    fit = (load or load_fit)(folder, workshop.device)
    strategy = strategy.of_fit(fit.finished)
    return Engine(fit.model, fit.tokenizer, strategy, find_model=OtherModels(workshop))


def own_strategy(run: Path) -> DecodingStrategy:
    """The decoding strategy that a run was made with."""
    from harness.completion.engine import DecodingStrategy

    return build(_saved(run, "model", "tokenizer", "decoding")["decoding"], DecodingStrategy, "decoding")


def strategy_named(text: str) -> DecodingStrategy:
    """The strategy of 'top_p', '[repetition_penalty,top_p]' or 'top_p decoding.transforms.top_p.p=0.8'.

    Blanks within quotes don't separate words. A value keeps its double quotes, as in 'constrained
    decoding.transforms.constrained.pattern=" [a-z]+"'. A whole override may be in single quotes, as in a shell.
    """
    from harness.completion.engine import DecodingStrategy

    words = [word.strip("'") if _QUOTED.fullmatch(word) else word for word in _WORD.findall(text)]
    values = [word for word in words if "=" in word]
    name = "".join(word for word in words if "=" not in word)
    if not name:
        raise UserError(f"--decoding {text!r} names no strategy. Allowed: {', '.join(options('decoding'))}.")
    if foreign := [value for value in values if not value.startswith("decoding.")]:
        raise UserError(f"{foreign[0]} is not an option of decoding. Write it as decoding.transforms.top_p.p=0.8.")
    return build(config.compose([f"decoding={name}", *values])["decoding"], DecodingStrategy, "decoding")


def guarded(strategy: DecodingStrategy, guard: str | None) -> DecodingStrategy:
    """The strategy behind the guard in a folder; None: as it is. UserError where it searches over whole sequences."""
    if guard is None:
        return strategy
    from harness.completion.engine import OneByOne
    from harness.completion.searches.guarded import Guarded

    if not isinstance(strategy.search, OneByOne):
        raise UserError(
            f"--guard can't stand behind a search ({type(strategy.search).__name__}), which has one answer. Pick a "
            "strategy without one, such as --decoding top_p."
        )
    return dataclasses.replace(strategy, search=Guarded(guard))


def conversation_format(run: Path, speakers: tuple[str, str], needs_decoding: bool) -> TranscriptFormat:
    """How a run's data writes a conversation of two speakers. UserError where it has no such speakers.

    needs_decoding: whether the run's own decoding strategy will be built too: plugin files that the user did not name
    are told of all at once.
    """
    from harness.chat.chatbot import check_speakers
    from harness.text.data.corpus import DataSource
    from harness.text.transcript_format import chat_format

    parts = ("data", "model", "tokenizer", *(["decoding"] if needs_decoding else []))
    data = build(_saved(run, *parts)["data"], DataSource, "data")  # type: ignore[type-abstract]
    form = chat_format(data.formats, speakers)
    check_speakers(form, *speakers)
    return form


def _saved(run: Path, *parts: str) -> dict[str, Any]:
    """The configuration that a run was made with. UserError where these parts, as 'decoding', are of plugin files that
    the user did not name: all of them at once."""
    check_config(run)
    return config.from_saved(run / CONFIG_FILE, parts)
