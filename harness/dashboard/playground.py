"""Playground: any fit completes a text or answers in a conversation; two side by side on the same prompt and seed.

The page holds the choices; what is written comes from `/write` (harness/dashboard/writing.py).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.common.errors import UserError
from harness.common.escapes import escaped
from harness.common.results_folder import ResultsFolder
from harness.dashboard.choices import MOST_TEXT, Choices
from harness.dashboard.fitted import chosen_run, fitted, listed
from harness.dashboard.model_process import SIDES
from harness.dashboard.pages import Page
from harness.dashboard.site import Site
from harness.dashboard.strategies import DRAFT, OWN, Setting, in_words, names, settings, values_in
from harness.runs.index import Entry

MODES = {"complete": "complete a text", "chat": "chat"}
MOST_NEW_TOKENS = 1000
MOST_EXCHANGES = 100
_DEFAULT_NEW_TOKENS = 200
PROMPT = "ROMEO:\n"
AS_A = "as_a"
"""B decodes as A does."""
_MOST_SEED = 2**53
"""Up to it a browser's numbers are exact."""


@dataclass(frozen=True)
class Player:
    """One side: a fit and how it decodes."""

    side: str
    entry: Entry
    decoding: str
    """A strategy's name, OWN or AS_A."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What was set about it."""
    settings: tuple[Setting, ...] = ()
    problem: str = ""
    """Why these settings can't be used."""


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where a run of the address is gone, or there is none."""
    entries = fitted(site, choices)
    mode = choices.picked("mode", list(MODES), "complete")
    players = [player for side in SIDES if (player := player_of(site, choices, side, entries)) is not None]
    for player in players:
        site.models.warm_up(player.side, player.entry.id)
    picked = {player.side: player for player in players}
    runs = listed(site, entries, [player.entry for player in players])
    page = Page("/playground", "playground.html")
    page.context |= {
        "mode": mode,
        "modes": list(MODES.items()),
        "runs": runs,
        "players": players,
        "picked": {side: picked[side].entry.id if side in picked else "" for side in SIDES},
        "strategies": [(OWN, "as in its run"), *((name, name) for name in names())],
        "as_a": AS_A,
        "prompt": prompt_of(choices),
        "new_tokens": choices.value("new_tokens", str(_DEFAULT_NEW_TOKENS) if mode == "complete" else ""),
        "seed": choices.value("seed", "0"),
        "most_text": MOST_TEXT,
        "most_new_tokens": MOST_NEW_TOKENS,
        "stop": choices.text("stop"),
        "stops": stops(choices),
        "commands": [(player.side, command(site, choices, player)) for player in players if mode == "complete"],
    }
    return page


def prompt_of(choices: Choices) -> str:
    """The text to complete."""
    return choices.text("prompt") or PROMPT


def stops(choices: Choices) -> bool:
    """Whether writing ends at the stop text. A form leaves out a box that isn't ticked, so it says that it was sent."""
    return choices.value("stops") == "yes" if choices.value("sent") else True


def player_of(site: Site, choices: Choices, side: str, entries: list[Entry]) -> Player | None:
    """The fit of one side with its strategy; None where B is not used. UserError where its run is gone."""
    entry = chosen_run(site, choices, side, entries)
    if entry is None:
        return None
    allowed = [OWN, *names(), *([AS_A] if side == "b" else [])]
    decoding = choices.picked(f"decoding_{side}", allowed, OWN if side == "a" else AS_A)
    source = "a" if decoding == AS_A else side
    shown = choices.picked("decoding_a", allowed, OWN) if decoding == AS_A else decoding
    known = {} if shown == OWN else {setting.name: setting for setting in settings(shown, {})}
    given = values_in(dict(choices.pairs), f"set_{source}.")
    values = {name: value for name, value in given.items() if name in known}
    player = Player(side, entry, decoding, values)
    if shown == OWN:
        return player
    try:
        in_words(shown, values)
    except UserError as error:
        return Player(side, entry, decoding, values, tuple(settings(shown, values)), str(error))
    return Player(side, entry, decoding, values, tuple(settings(shown, values)))


def strategy_name(choices: Choices, player: Player) -> str:
    """The name of the strategy that a side uses."""
    return choices.picked("decoding_a", [OWN, *names()], OWN) if player.decoding == AS_A else player.decoding


def number(choices: Choices, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the address. UserError where it is none, or out of bounds."""
    text = choices.value(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise UserError(f"{name.replace('_', ' ')}={text!r} is not allowed: a whole number from {least} to {most:,}.")
    return int(text)


def _new_tokens(choices: Choices) -> int | None:
    """None: as long as the chatbot's replies are by default."""
    if not choices.value("new_tokens") and choices.value("mode") == "chat":
        return None
    return number(choices, "new_tokens", _DEFAULT_NEW_TOKENS, 1, MOST_NEW_TOKENS)


def request_of(site: Site, choices: Choices, side: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the process is asked. body: what the page sent besides its choices: in a conversation 'say' and the earlier
    'exchanges'. UserError where something is missing, too long or not allowed."""
    player = player_of(site, choices, side, fitted(site, choices))
    if player is None:
        raise UserError(f"there is no model on side {side!r}. Choose one.")
    if player.problem:
        raise UserError(player.problem)
    request: dict[str, Any] = {
        "task": choices.picked("mode", list(MODES), "complete"),
        "run": player.entry.id,
        "seed": number(choices, "seed", 0, 0, _MOST_SEED),
        "max_new_tokens": _new_tokens(choices),
        "decoding": strategy_name(choices, player),
        "settings": {**player.values},
    }
    if DRAFT in request["settings"]:
        request["settings"][DRAFT] = _fit_id(site, request["settings"][DRAFT])
    if request["task"] == "complete":
        stop = choices.text("stop")
        request |= {"prompt": prompt_of(choices), "stop": [stop] if stop and stops(choices) else []}
        return request
    request |= {"person": choices.value("person", "Human"), "partner": choices.value("partner", "Assistant")}
    request |= {"system": choices.text("system"), "stops": stops(choices)}
    return request | _conversation(body)


def _conversation(body: Mapping[str, Any]) -> dict[str, Any]:
    say, exchanges = body.get("say"), body.get("exchanges")
    if not isinstance(say, str) or not say.strip() or len(say) > MOST_TEXT:
        raise UserError(f"say something of 1 to {MOST_TEXT:,} characters.")
    if not isinstance(exchanges, list) or len(exchanges) > MOST_EXCHANGES:
        raise UserError(
            f"a conversation here has at most {MOST_EXCHANGES} lines of yours. Start over, or go on with "
            "`bakeoff chat`."
        )
    kept = []
    for each in exchanges:
        texts = [each.get(key) for key in ("said", "written")] if isinstance(each, dict) else []
        if not texts or not all(isinstance(text, str) for text in texts):
            raise UserError("the earlier lines of this conversation can't be read. Start over.")
        kept.append(dict(zip(("said", "written"), texts, strict=True)))
    return {"say": say, "exchanges": kept}


def _fit_id(site: Site, run: str) -> str:
    """The fit of a run of the results folder: no other name, and no path, reaches the process."""
    from harness.runs.record import RunRecord

    entry = site.run(run)
    return RunRecord.read(site.index.folder(entry)).fit_id


def command(site: Site, choices: Choices, player: Player) -> str:
    """The command that writes the same in a terminal."""
    words = ["bakeoff", "complete", player.entry.id, escaped(prompt_of(choices))]
    name = strategy_name(choices, player)
    if player.problem:
        return ""
    if name != OWN:
        words += ["--decoding", in_words(name, player.values)]
    words += ["--max-new-tokens", choices.value("new_tokens", str(_DEFAULT_NEW_TOKENS))]
    words += ["--seed", choices.value("seed", "0")]
    if stops(choices) and (stop := choices.text("stop")):
        words += ["--stop", escaped(stop)]
    if site.index.results.name != "results":
        words += ["--results", str(ResultsFolder(site.index.results).path)]
    return shlex.join(words)


def read_body(content: bytes) -> tuple[Choices, str, Mapping[str, Any]]:
    """(the page's choices, the side, all of it) of what a page sent. UserError where it is none."""
    from urllib.parse import parse_qsl

    try:
        body = json.loads(content)
        query, side = body["query"], body["side"]
        pairs = parse_qsl(query, strict_parsing=bool(query))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError("this request is none of the playground's page. Reload the page.") from None
    if side not in SIDES:
        raise UserError(f"there is no side {str(side)[:20]!r}. Allowed: {', '.join(SIDES)}.")
    return Choices.of(pairs), side, body
