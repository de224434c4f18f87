"""What a transcript format must keep to, so that its transcripts can be told apart whatever is said in them.

Labels, ends and what stands between turns may not run into one another, nor into themselves: then the first place that
looks like the end of a turn is one, and a backslash in the middle of it is enough to make it words.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.text.transcript import TranscriptFormat


def mistake_in(form: TranscriptFormat) -> str | None:
    """What is wrong with a format, as a sentence for the user; None where nothing is."""
    if not form.name:
        return "name is empty: documents need a name for their format, as human_assistant."
    for part in ("before_name", "after_name", "end", "between"):
        if "\\" in getattr(form, part):
            return (
                f"{part}={getattr(form, part)!r} has a backslash, which marks what is escaped. Use other characters. "
                '(A line break is "\\n" in a YAML file; on the command line it is typed as it is, between quotes.)'
            )
    if form.before_text.strip():
        return f"before_text={form.before_text!r} may be white space only. Put words into after_name."
    if form.before_name[:1].isspace():
        return f"before_name={form.before_name!r} begins with white space. Put that at the end of between."
    return (_mistake_in_end(form) if form.end else _mistake_in_between(form)) or _mistake_in_speakers(form)


def _mistake_in_end(form: TranscriptFormat) -> str | None:
    if form.end in form.between:
        return f"between={form.between!r} has the end {form.end!r} in it, which is written anyway. Take it out."
    if len(form.end) < 2 or form.end[0].isspace() or form.end[0] in form.end[1:]:
        return (
            f"end={form.end!r} must have 2 characters or more, of which the first is no white space and doesn't come "
            "again, as <|im_end|>."
        )
    return None


def _mistake_in_between(form: TranscriptFormat) -> str | None:
    if form.between and not set(form.between) & set(form.before_name + form.after_name):
        return None
    return (
        f"between={form.between!r} must be there, and share no character with labels (before_name="
        f"{form.before_name!r}, after_name={form.after_name!r}), or they couldn't be told apart. White space that "
        "closes a label can stand in before_text."
    )


def _mistake_in_speakers(form: TranscriptFormat) -> str | None:
    if form.speakers is None:
        return None if form.after_name else "after_name is empty: without it nobody knows where any name ends."
    if not form.speakers:
        return "speakers names nobody. Name two at least, or give null for any names."
    for name in form.speakers.values():
        if mistake := form.mistake_in_name(name):
            return mistake
    labels = [name + form.after_name for name in form.speakers.values()]
    for label, other in itertools.permutations(labels, 2):
        if other.startswith(label):
            return (
                f"speakers has {label!r}, with which {other!r} begins too: they can't be told apart. Use other names."
            )
    return None


def runs_into(left: str, right: str) -> bool:
    """Whether `right` stands in `left`, or could begin in it and end in what follows."""
    return bool(right) and (right in left or any(left.endswith(right[:size]) for size in range(1, len(right))))
