"""What is picked for a trial, and what is refused before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import PluginError, UserError
from harness.plugin_kit.new import start
from harness.plugin_kit.picked import picked, refuse
from tests.harness.config.plugin_files import forget_files

SOUND = {
    "eval": "arithmetic",
    "model": "lstm",
    "decoding": "top_p",
    "data": "chatterbot",
    "tokenizer": "bpe",
}


@pytest.mark.parametrize(("kind", "name"), SOUND.items())
def test_what_is_there_is_picked_and_a_wrong_setting_of_it_refused(kind: str, name: str) -> None:
    refuse(kind, name, [])
    group = "evals.arithmetic" if kind == "eval" else kind
    with pytest.raises(UserError, match=f"{group}.no_such is not an option"):
        refuse(kind, name, [f"{group}.no_such=1"])
    with pytest.raises(UserError, match=r"=absent is not known"):
        refuse(kind, "absent", [])


@pytest.mark.parametrize("held", SOUND)
def test_a_plugin_of_another_kind_is_told_the_right_command(
    held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forget_files(monkeypatch)
    code, options, *_ = start(held, "mine", Path())
    for asked in SOUND.keys() - {held}:
        for name in (str(code), SOUND[held]):
            if (asked, name) == ("data", "arithmetic"):
                continue  # there is a data set of that name
            with pytest.raises(UserError, match=f"`bakeoff check {held} {name}`"):
                refuse(asked, name, [])
    options.unlink()
    with pytest.raises(UserError, match=f"mine.py does not hold a.* `bakeoff check {held} mine.py`"):
        refuse("model" if held != "model" else "eval", "mine.py", [])


def test_an_eval_is_tried_over_small_data_unless_the_user_says_otherwise() -> None:
    assert picked("eval", "arithmetic", [])["names"]["data"] == "chatterbot"
    assert picked("eval", "arithmetic", ["data=chat"])["names"]["data"] == "chat"


@pytest.mark.parametrize("kind", ["eval", "model", "decoding", "data", "tokenizer"])
def test_a_file_whose_code_fails_is_a_plugin_error_with_its_traceback(kind: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import no_such_thing\n")
    with pytest.raises(PluginError, match="no_such_thing") as raised:
        refuse(kind, str(tmp_path / "mine.py"), [])
    assert "Traceback" in raised.value.details
