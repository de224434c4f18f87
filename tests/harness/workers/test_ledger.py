"""The ledger: what workers append is read as it comes."""

from __future__ import annotations

from pathlib import Path

from harness.workers.ledger import BEGAN, ENDED, Event, Ledger


def event(worker: str, number: int, at: float, kind: str = BEGAN) -> Event:
    return Event(kind, worker, "first", at, number)


def test_events_of_all_workers_are_read_once_in_the_order_of_their_times(tmp_path: Path) -> None:
    reader, one, other = (Ledger(tmp_path / "workers") for _ in range(3))
    assert reader.news() == []
    one.write(event("one", 1, 2.0))
    other.write(event("other", 2, 1.0))
    assert [each.number for each in reader.news()] == [2, 1]
    one.write(event("one", 1, 3.0, ENDED))
    assert [each.kind for each in reader.news()] == [ENDED]
    assert reader.news() == []
    assert len(reader.events) == 3


def test_a_line_that_is_half_written_is_read_when_it_is_whole_and_one_that_never_is_is_left_out(tmp_path: Path) -> None:
    reader = Ledger(tmp_path)
    reader.write(event("one", 1, 1.0))
    path = tmp_path / "one.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    assert len(reader.news()) == 1
    assert reader.news() == []
    path.write_bytes(whole + whole)
    assert len(reader.news()) == 1
    path.write_bytes(whole + whole + b'{"kind": "beg\n[1]\n{"unknown": 1}\n' + whole)
    assert len(reader.news()) == 1
