from __future__ import annotations

import re

import pytest

from harness.text.data.plays import Scene, parse_play
from harness.text.data.shakespeare import Shakespeare
from harness.text.transcript import Turn
from harness.text.transcript_format import PLAY

MARKDOWN = r"""# A Play

## ACT I

### PROLOGUE

_Enter Chorus_

**Chorus**
Two households,
both   alike.

### SCENE I. A street. Another

part of it.

_Enter A, B,
and others_

**FIRST LORD**
_\[Aside]_
Hark!
And either _\[ ]_ so.

_Exit_

Gone on 'quoth he'\--so.

**First Lord**
&amp; c. — what?

*Thunder*

**B**
__\[Awaking]_
[To A]_
Yes.

**B & C**
_Exeunt_

## ACT II

### SCENE IV. Elsewhere.

**B**
Ay.

# EPILOGUE

**B**
Farewell.
"""


def turns(scene: Scene) -> list[Turn]:
    return list(scene.transcript.turns)


@pytest.mark.parametrize("line_end", ["\n", "  \n"])
def test_markup_becomes_scenes_of_turns(line_end: str) -> None:
    scenes = parse_play("a-play", MARKDOWN.replace("\n", line_end))
    assert [scene.name for scene in scenes] == ["1.prologue", "1.1", "2.4", "epilogue"]
    assert turns(scenes[0]) == [Turn("CHORUS", "Two households,\nboth alike.")]
    assert turns(scenes[1]) == [
        Turn("FIRST LORD", "Hark!\nAnd either so.\nGone on 'quoth he'--so.\n&c. -- what?"),
        Turn("B", "Yes."),
    ]
    assert turns(scenes[3]) == [Turn("B", "Farewell.")]


def test_a_prologue_before_the_first_act_may_have_scenes() -> None:
    markdown = "# T\n\n## PROLOGUE\n\n### SCENE I. x\n\n**A**  \nHo.\n\n## ACT I\n\n### SCENE I. y\n\n**A**  \nHa.\n"
    assert [scene.name for scene in parse_play("a-play", markdown)] == ["prologue.1", "1.1"]


def test_a_prologue_without_scenes_is_one() -> None:
    markdown = "# T\n\n## PROLOGUE\n\n**A**  \nHo.\n\n## ACT I\n\n### SCENE I. y\n\n**A**  \nHa.\n"
    assert [scene.name for scene in parse_play("a-play", markdown)] == ["prologue", "1.1"]


# --- the real plays


@pytest.mark.usefixtures("plays")
def test_no_markup_is_left_in_any_play() -> None:
    left_over = re.compile(r"[*_#\[\]\\<>~`|$@{}\t]|&(?!c\b| [A-Z])|  | $|^ |\n\n\n", re.MULTILINE)
    for _, document in Shakespeare().load():
        assert not left_over.search(document.text), document.id


@pytest.mark.usefixtures("plays")
def test_every_scene_parses_back_and_every_turn_says_something_under_a_name_in_capitals() -> None:
    for _, document in Shakespeare().load():
        transcript = PLAY.parse(document.text)
        assert PLAY.render(transcript) == document.text
        assert document.format == "play"
        for turn in transcript.turns:
            assert turn.text, document.id
            assert re.fullmatch(r"[A-Z][A-Z' &-]+", turn.speaker), (document.id, turn.speaker)
        assert not any(
            one.speaker == two.speaker for one, two in zip(transcript.turns, transcript.turns[1:], strict=False)
        )


@pytest.mark.usefixtures("plays")
def test_only_plain_characters_are_left() -> None:
    characters = {char for _, document in Shakespeare().load() for char in document.text}
    assert all(char == "\n" or " " <= char <= "~" for char in characters)


@pytest.mark.usefixtures("plays")
def test_known_scenes_are_where_they_belong() -> None:
    by_id = {one.id: one.text for _, one in Shakespeare().load()}
    assert by_id["hamlet/1.1"].startswith("BERNARDO: Who's there?\n\nFRANCISCO: Nay, answer me: stand, and unfold")
    assert "HAMLET: To be, or not to be: that is the question:\nWhether 'tis nobler" in by_id["hamlet/3.1"]
    assert "BISHOP OF WINCHESTER: " in by_id["henry-vi-part-1/1.1"]
    assert "GHOSTS OF YOUNG PRINCES: " in by_id["richard-iii/5.3"]
    assert "LUCILIUS' SERVANT: Five thousand mine." in by_id["timon-of-athens/3.4"]
    assert "This way will I: disrobe the images," in by_id["julius-caesar/1.1"]
    assert by_id["the-tempest/epilogue"].startswith("PROSPERO: Now my charms are all o'erthrown")
    acts = {name.split("/")[1].split(".")[0] for name in by_id if name.startswith("hamlet/")}
    assert acts == {"1", "2", "3", "4", "5"}
    assert sum(name.startswith("hamlet/") for name in by_id) == 20
