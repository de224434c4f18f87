"""Rate: a person says which of two replies is better, without knowing who wrote which.

Questions are those of `bakeoff rate` (harness/ratings/questions.py), and answers go into the same banks. Pairs that
others rated come first; new ones are written by the chosen fits, in a process of their own. An answer is sent by a form
with POST, and names its question, so that a page that is sent twice adds nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.dashboard.choices import Choices
from harness.dashboard.fitted import listed, with_fits
from harness.dashboard.model_process import SIDES
from harness.dashboard.pages import Page
from harness.dashboard.raters import PAIRS_AT_ONCE, Rater
from harness.dashboard.site import Site
from harness.ratings.agreement import agreement, agreement_rows
from harness.ratings.bank import Bank, banks_in
from harness.ratings.questions import ANSWERS, rater_name
from harness.ratings.rating import Pair, Written
from harness.ratings.simulated import RATER as SIMULATED

MOST_BYTES = 10_000
"""Of an answer."""
_MAX_NEW_TOKENS = 128
_WAIT = 1.5
_KEPT = ("bank", "rater", "a", "b", "experiment")


def view(site: Site, choices: Choices) -> Page:
    """The page. UserError where a run of the address is gone, or a name can't be used."""
    entries = with_fits(site, choices.only(["experiment"]))
    chosen = [site.run(run) for side in SIDES if (run := choices.value(side))]
    results = ResultsFolder(site.index.results)
    page = Page("/rate", "rate.html")
    page.context |= {
        "runs": listed(site, entries, chosen) if entries else {},
        "banks_by": _banks(results),
        "question": None,
        "answers": ANSWERS,
        "is_over": False,
        "rows": [],
        "is_ready": bool(choices.value("bank") and choices.value("rater")),
    }
    if not page.context["is_ready"]:
        return page
    bank = Bank(results.bank(choices.value("bank")))
    rater = site.raters.get(bank, _name(choices.value("rater")), tuple(entry.id for entry in chosen))
    if not chosen and not bank.exists:
        raise UserError(
            f"there is no bank {bank.name!r} yet, so there are no pairs to rate. Choose one or two models that write "
            "some, or a bank that is there."
        )
    with rater.lock:
        _ask(page, site, rater)
    if bank.exists:
        # without the strengths of those who wrote: who rates should not know them
        summary = dataclasses.replace(agreement(bank.ratings()), writers={})
        page.context["rows"] = agreement_rows(summary, {})
    return page


def _banks(results: ResultsFolder) -> dict[str, list[str]]:
    """The names of those that are there, by who made them."""
    banks = banks_in(results)
    return {
        "people": [bank.name for bank in banks if not bank.is_made_by_a_program],
        "programs": [bank.name for bank in banks if bank.is_made_by_a_program],
    }


def _name(text: str) -> str:
    try:
        name = rater_name(text)
    except ValueError as error:
        raise UserError(f"{error}.") from None
    if name == SIMULATED:
        raise UserError("simulated is a program: `bakeoff rate RUN --bank NAME --rater simulated`. Use another name.")
    return name


def _ask(page: Page, site: Site, rater: Rater) -> None:
    """Put the next question on the page, or say what it waits for."""
    questions = rater.questions
    question = questions.next(list)
    if question is None and rater.runs:
        pairs = _new_pairs(site, rater)
        if pairs is None:
            page.is_waiting = True
            return
        question = questions.next(lambda: pairs)
        if question is None and len(pairs) >= rater.number:
            rater.number += PAIRS_AT_ONCE
            _new_pairs(site, rater)
            page.is_waiting = True
            return
    page.context |= {"num_given": len(questions.given), "is_over": question is None}
    if question is not None:
        if rater.shown != question:
            rater.shown, rater.shown_at = question, time.monotonic()
        page.context |= {"question": question, "token": rater.token(question)}


def _new_pairs(site: Site, rater: Rater) -> Sequence[Pair] | None:
    """None while they are being written."""
    request: dict[str, Any] = {"task": "pairs", "runs": list(rater.runs), "number": rater.number}
    answer = site.models.ask("a", {**request, "max_new_tokens": _MAX_NEW_TOKENS, "seed": 0}, _WAIT)
    if answer is None:
        return None
    return [
        Pair(pair["prompt"], pair["cluster"], Written(**pair["a"]), Written(**pair["b"])) for pair in answer["pairs"]
    ]


async def answer(site: Site, request: Request) -> Response:
    """Keep an answer, and show the next question."""
    from starlette.concurrency import run_in_threadpool

    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            return PlainTextResponse("this is too long for an answer. Reload the page.", 400)
    try:
        choices = Choices.of(parse_qsl(content.decode(errors="replace")))
        await run_in_threadpool(_keep, site, choices)
    except UserError as error:
        return PlainTextResponse(str(error), 400)
    return RedirectResponse(choices.only(_KEPT).address("/rate"), 303)


def _keep(site: Site, choices: Choices) -> None:
    """An answer to the question that is shown; to another one, which was answered already, nothing is kept."""
    bank = Bank(ResultsFolder(site.index.results).bank(choices.value("bank")))
    runs = tuple(site.run(run).id for side in SIDES if (run := choices.value(side)))
    rater = site.raters.get(bank, _name(choices.value("rater")), runs)
    key = choices.value("answer")
    with rater.lock:
        question, questions = rater.shown, rater.questions
        if question is None or choices.value("question") != rater.token(question):
            return
        if key == "u" and questions.given:
            questions.take_back(question)
        elif key in ANSWERS:
            questions.answer(question, key, round(time.monotonic() - rater.shown_at, 1))
        else:
            raise UserError(f"{key!r} is no answer. Allowed: {', '.join([*ANSWERS, 'u'])}. Reload the page.")
        rater.shown = None
