from __future__ import annotations

from pathlib import Path

from harness.dashboard import kept as module
from harness.dashboard.kept import Kept, content_key


def test_what_is_kept_is_found_by_the_next_start(tmp_path: Path) -> None:
    assert Kept(tmp_path).put("board", "k", {"a": [1, None]}) == {"a": [1, None]}
    assert Kept(tmp_path).get("board", "k") == {"a": [1, None]}
    assert Kept(tmp_path).get("board", "other") is None


def test_a_damaged_table_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put("board", "k", 1)
    kept.path("board", "k").write_text("{")
    assert Kept(tmp_path).get("board", "k") is None


def test_only_the_newest_tables_stay(tmp_path: Path, monkeypatch: object) -> None:
    kept = Kept(tmp_path)
    for number in range(module._MOST_FILES + 5):
        kept.put("board", str(number), number)
    assert len(list((tmp_path / ".dashboard").glob("*.json"))) == module._MOST_FILES


def test_where_nothing_can_be_written_tables_are_held(tmp_path: Path) -> None:
    (tmp_path / ".dashboard").write_text("in the way")
    kept = Kept(tmp_path)
    kept.put("board", "k", 5)
    assert kept.get("board", "k") == 5


def test_another_content_has_another_key() -> None:
    assert content_key([("a", (1, 2))]) == content_key([("a", (1, 2))])
    assert content_key([("a", (1, 2))]) != content_key([("a", (1, 3))])
