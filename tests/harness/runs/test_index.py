"""The index has every run as what it is, reads only what changed, and can be lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.runs.index import UNFINISHED, UNREADABLE, Index
from harness.runs.record import RunRecord
from tests.harness.report.fake_results import MODELS, write_fake_results
from tests.harness.report.records import edit


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two experiments, with a failed run and an unfinished one in the first, and two records that can't be read.
    Nobody may change it."""
    folder = tmp_path_factory.mktemp("index") / "results"
    small = {"num_documents": 5, "num_problems": 5}
    write_fake_results(folder, 1, "families", MODELS[3:6], **small)
    write_fake_results(folder, 1, "pair", MODELS[5:7], mishaps=False, **small)
    shutil.copytree(folder / "pair" / "gru-greedy-s0", folder / "broken" / "older")
    edit(folder / "broken" / "older", lambda record: record.update(schema_version=1))
    (folder / "broken" / "cut").mkdir()
    (folder / "broken" / "cut" / "run.json").write_text('{"run_id": "cut", <script>')
    return folder


@pytest.fixture
def own_results(results: Path, tmp_path: Path) -> Path:
    """One of the experiments, to be changed."""
    shutil.copytree(results / "pair", tmp_path / "results" / "pair")
    return tmp_path / "results"


def opened(results: Path) -> Index:
    index = Index(results)
    index.refresh(at_once=True)
    return index


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    before = RunRecord.read.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(RunRecord, "read", classmethod(lambda cls, folder: read.append(folder) or before(cls, folder)))
    return read


def test_every_run_is_there_as_what_it_is(results: Path) -> None:
    index = opened(results)
    found = {entry.id: entry.status for entry in index.entries()}
    assert len(found) == sum(len(list((results / name).iterdir())) for name in ("families", "pair", "broken"))
    assert found["families/ngram-greedy-s0"] == "complete"
    assert found["families/rnn-top_p-s0"] == "failed"
    assert found["families/0123abcd-unfinished"] == UNFINISHED
    assert found["broken/cut"] == found["broken/older"] == UNREADABLE
    older = index.get("broken/older")
    assert older is not None
    assert "schema version 1" in older.why


def test_a_start_with_nothing_changed_reads_no_record(own_results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(own_results)
    first.close()
    read = count_reads(monkeypatch)
    again = opened(own_results)
    assert read == []
    strip = [vars(entry) | {"changed": 0} for entry in first.entries()]
    assert [vars(entry) | {"changed": 0} for entry in again.entries()] == strip


def test_only_what_changed_is_read_and_told(own_results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = opened(own_results)
    cursor = index.cursor
    assert index.since(cursor) == ([], [])
    run = own_results / "pair" / "gru-greedy-s0"
    shutil.copytree(run, own_results / "pair" / "gru-greedy-s9")
    shutil.rmtree(own_results / "pair" / "lstm-greedy-s0")
    read = count_reads(monkeypatch)
    index.refresh(at_once=True)
    changed, removed = index.since(cursor)
    assert [entry.id for entry in changed] == ["pair/gru-greedy-s9"]
    assert removed == ["pair/lstm-greedy-s0"]
    assert read == [index.results / "pair" / "gru-greedy-s9"]
    assert index.since(index.cursor) == ([], [])


def test_a_run_that_is_written_again_is_read_again(own_results: Path) -> None:
    index = opened(own_results)
    path = own_results / "pair" / "gru-greedy-s0" / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"status": "partial"}))
    index.refresh(at_once=True)
    entry = index.get("pair/gru-greedy-s0")
    assert entry is not None
    assert entry.status == "partial"


def test_records_are_not_touched(own_results: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in own_results.rglob("*") if path.is_file()}
    opened(own_results).close()
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before}
    assert after == before
    assert {path.name for path in own_results.iterdir()} == {"pair", ".index.json"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 1, "parts": [], "runs": [[1]]}', b'{"version": 0}', b"\xff"]
)
def test_a_damaged_or_older_index_is_made_again(own_results: Path, content: bytes) -> None:
    first = opened(own_results)
    first.close()
    first.path.write_bytes(content)
    assert len(opened(own_results).entries()) == len(first.entries())


def test_where_nothing_can_be_kept_everything_is_read(own_results: Path) -> None:
    (own_results / ".index.json").mkdir()
    index = opened(own_results)
    index.close()
    assert len(index.entries()) == 8


def test_an_experiments_folder_is_taken_for_itself(results: Path) -> None:
    index = opened(results / "pair")
    assert set(index.experiments()) == {"pair"}
    assert index.results == results.resolve()


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*bakeoff run"):
        Index(tmp_path / "nothing")


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    assert opened(tmp_path).entries() == []


def test_a_run_whose_folder_cannot_be_read_stays_a_run(own_results: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path = own_results / "pair" / "gru-greedy-s0" / "run.json"
    path.chmod(0)
    entry = opened(own_results).get("pair/gru-greedy-s0")
    assert entry is not None
    assert entry.status == UNREADABLE
