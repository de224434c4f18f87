"""What the text of one turn is like: whose own it is, whether it is empty, whether it is left open.

All functions are pure, over texts. What a model wrote is read leniently.
"""

from __future__ import annotations

import re
import unicodedata

from harness.text.transcript_format import TranscriptFormat

HUMANS = ("human", "user")
"""The words for the human, in small letters."""
_TALKERS = (*HUMANS, "assistant", "system", "ai", "bot")
# Capitalised words that open a paragraph with a colon but are no names.
_HEADINGS = (
    "Also", "Answer", "Because", "But", "Caution", "Conclusion", "Edit", "Example", "Examples", "First", "Hint",
    "However", "Important", "Finally", "Nb", "No", "Note", "Notes", "Or", "Ps", "Question", "Reason", "Remember",
    "Result", "Second", "Solution", "Source", "Step", "Summary", "Third", "Tip", "Tips", "Warning", "Well", "Yes",
)  # fmt: skip
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_EMOTICON = re.compile(r"[:;=]['’]?-?[()\[\]{}]")
_CLOSING = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»"}
# Each of these opens and closes. The longest is first, so that ``` isn't read as three times `.
_BOTH = ("```", "`", '"')


def own_turn(form: TranscriptFormat, completion: str) -> str:
    """The assistant's own turn in a completion after its label: everything before the first text that looks like a
    label of any speaker."""
    boundary = form.boundaries(label_like(form)).search(completion)
    return completion if boundary is None else completion[: boundary.start()]


def left_open(turn: str) -> bool:
    """Whether a turn ends within quotation marks, brackets or code that it opened. Single quotation marks don't count,
    because they may be apostrophes, nor do the brackets of emoticons."""
    text = turn
    for mark in _BOTH:
        if text.count(mark) % 2:
            return True
        text = text.replace(mark, " ") if mark == "```" else text
    open_: list[str] = []
    for character in _EMOTICON.sub(" ", text):
        if character in _CLOSING:
            open_.append(_CLOSING[character])
        elif open_ and character == open_[-1]:
            open_.pop()
    return bool(open_)


def label_like(form: TranscriptFormat) -> str:
    """A regular expression for text that looks like a label of a format, for any name.

    Between two markers a name is any text on one line. Without markers ("Stranger:") it is one to three capitalised
    words and not a usual heading such as "Note"; or it is "human", "user", "assistant" and similar words in any case.
    So "At 12: 30" and "What I mean: this" are ordinary text.
    """
    before, after = re.escape(form.before_name), re.escape(form.after_name)
    if form.before_name:
        closing = re.escape(form.after_name[:1])
        name = rf"[^\s{closing}][^\n{closing}]{{0,30}}"
    else:
        talkers = {*_TALKERS, *(form.speakers or {}).values()}
        in_any_case = "|".join(re.escape(talker) for talker in sorted(talkers))
        word = r"[^\W\d_a-z][^\W\d_]*(?:[.'’-][^\W\d_]+)*\.?"
        no_heading = rf"(?!(?i:{'|'.join(_HEADINGS)}){after})"
        name = rf"(?:(?i:{in_any_case})|{no_heading}{word}(?: {word}){{0,2}})"
    return f"{before}{name}{after}{form.after_label}"


def is_empty(turn: str) -> bool:
    """Whether a turn has nothing visible: only white space, control and zero-width characters, blank letters, and
    accents without a letter."""
    return all(unicodedata.category(char)[0] in "ZCM" or char in _BLANK_LETTERS for char in turn)
