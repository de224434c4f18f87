from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.dashboard.pages import VIEWS
from harness.dashboard.server import app
from tests.harness.dashboard.reading import Reader


@pytest.mark.parametrize("view", list(VIEWS))
@pytest.mark.parametrize("experiment", ["families", "pair", "single"])
def test_every_view_of_every_experiment(client: Reader, view: str, experiment: str) -> None:
    page = client.get(f"{view}?experiment={experiment}")
    assert page.status == 200
    assert len(page.ids) == len(set(page.ids))
    assert page.text.count('class="lead"') == 1  # the sentence that says how to read it
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " on" + "click" not in page.text


@pytest.mark.parametrize("view", list(VIEWS))
def test_a_view_is_the_same_when_it_is_loaded_again(client: Reader, view: str) -> None:
    address = f"{view}?experiment=families&where=family%3Dgru&pin=gru&base=ngram"
    assert client.get(address).text == client.get(address).text


@pytest.mark.parametrize("view", list(VIEWS))
def test_links_between_views_keep_what_was_chosen(client: Reader, view: str) -> None:
    page = client.get(f"{view}?experiment=families&where=family%3Dgru&pin=gru")
    for other in VIEWS:
        assert any(
            link.partition("?")[0] == other and "where=family%3Dgru" in link and "pin=gru" in link
            for link in page.links
        )


@pytest.mark.parametrize("view", list(VIEWS))
@pytest.mark.parametrize(
    "query",
    [
        "where=%00&q=%ff&page=x",
        "x_from=nan&x_to=inf&y_from=-1&y_to=-2",
        "x_from=1e308&x_to=-1e308",
        "metric=%3Cscript%3Ealert(1)%3C/script%3E&eval=%3Cscript%3E&slice=x&kind=z&order=q&x=q&y=q&scale=q",
        "group=%3Cimg%20src=x%3E&sort=%3Cimg%3E&decoding=%3Cimg%3E&find=%3Cimg%3E",
        "q=" + "%F0%9F%98%80%E2%80%AE" * 20,
    ],
)
def test_bad_choices_break_nothing_and_act_nowhere(client: Reader, view: str, query: str) -> None:
    page = client.get(f"{view}?experiment=families&{query}")
    assert page.status in (200, 404)
    assert "<script>alert" not in page.text
    assert "<img" not in page.text


@pytest.mark.parametrize("names", ["base=gone", "pin=gone", "slices=gone", "a=gone", "model_a=gone", "sample=gone"])
def test_a_link_to_what_is_gone_says_so(client: Reader, names: str) -> None:
    view = "/samples" if names[0] in "am" or names.startswith("sample") else "/compare"
    page = client.get(f"{view}?experiment=families&{names}")
    assert page.status == 404
    assert "any more" in page.text


def test_an_address_that_is_too_long_is_refused(client: Reader) -> None:
    assert client.get("/?q=" + "x" * 3000).status == 404


def test_a_poll_without_news_is_small_and_with_news_says_them(own_results: Path) -> None:
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        Reader(opened).get("/")
        site = opened.app.state.site  # type: ignore[attr-defined]
        site.index.refresh(at_once=True)
        cursor = site.index.cursor
        answer = opened.get(f"/changes?since={cursor}")
        assert json.loads(answer.text) == {"cursor": cursor, "num_changed": 0}
        assert len(answer.content) < 5000
        shutil.copytree(own_results / "pair" / "gru-greedy-s0", own_results / "pair" / "new<b>")
        site.index.refresh(at_once=True)
        news = json.loads(opened.get(f"/changes?since={cursor}").text)
        assert news["finished"] == ["pair/new<b>"]
        assert "9 complete" in news["live"]


def test_results_that_are_damaged_written_or_removed_while_open(own_results: Path) -> None:
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        reader, site = Reader(opened), opened.app.state.site  # type: ignore[attr-defined]
        addresses = [*VIEWS, "/samples?a=pair/gru-greedy-s0&b=pair/lstm-greedy-s0", "/run?run=pair/gru-greedy-s0"]
        assert [reader.get(address).status for address in addresses] == [200] * len(addresses)
        for change in (
            lambda: (own_results / "pair" / "gru-greedy-s0" / "samples.parquet").write_bytes(b"half"),
            lambda: (own_results / "pair" / "gru-greedy-s1" / "curve.parquet").write_bytes(b"half"),
            lambda: (own_results / "pair" / "lstm-greedy-s1" / "run.json").write_text('{"half'),
            lambda: shutil.rmtree(own_results / "pair" / "gru-greedy-s0"),
            lambda: shutil.rmtree(own_results / "pair"),
        ):
            change()
            assert all(reader.get(address).status != 500 for address in addresses)  # before it is noticed
            site.index.refresh(at_once=True)
            assert all(reader.get(address).status != 500 for address in addresses)


def test_the_server_loads_no_torch_wandb_or_hydra(results: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom starlette.testclient import TestClient\n"
        "from harness.dashboard.server import app\n"
        "assert 'pandas' not in sys.modules\n"
        f"with TestClient(app(Path({str(results)!r})), base_url='http://localhost') as client:\n"
        "    for view in ('/', '/curves', '/compare', '/samples', '/turns', '/inside', '/playground'):\n"
        "        assert client.get(view).status_code == 200\n"
        "print({'torch', 'wandb', 'hydra', 'omegaconf', 'matplotlib', 'sklearn', 'numba'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_server_loads_no_torch_where_a_model_writes_and_is_looked_into(fits: Path, run_of: dict[str, str]) -> None:
    code = (
        "import json, sys, time\nfrom pathlib import Path\nfrom starlette.testclient import TestClient\n"
        "from harness.dashboard.server import app\n"
        f"with TestClient(app(Path({str(fits)!r})), base_url='http://localhost') as client:\n"
        f"    run = {run_of['transformer']!r}\n"
        "    while 'data-waits' in (page := client.get(f'/inside?a={run}').text)[:3000]:\n"
        "        time.sleep(0.1)\n"
        "    assert 'Layer 1, head 1' in page\n"
        "    body = json.dumps({'side': 'a', 'query': f'a={run}&new_tokens=5'})\n"
        "    headers = {'origin': 'http://localhost', 'content-type': 'application/json'}\n"
        "    assert 'done' in client.post('/write', content=body, headers=headers).text\n"
        "print({'torch', 'wandb', 'hydra', 'omegaconf', 'sklearn', 'numba'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_static_files_are_few_and_short(client: Reader) -> None:
    from importlib import resources

    folder = resources.files("harness.dashboard").joinpath("static")
    lines = sum(len(folder.joinpath(name).read_text().splitlines()) for name in ("dashboard.css", "dashboard.js"))
    assert lines <= 1500
    for name in ("dashboard.css", "dashboard.js", "icon.svg"):
        answer = client.client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    css = client.client.get("/static/dashboard.css").text
    assert "--c0:#0072b2" in css
    assert "prefers-color-scheme:dark" in css


def test_a_page_that_was_made_while_runs_were_read_loads_itself_again(
    own_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.dashboard import overview

    with TestClient(app(own_results), base_url="http://localhost") as opened:
        Reader(opened).get("/")
        index, view = opened.app.state.site.index, overview.view  # type: ignore[attr-defined]
        index.num_unread = 1

        def read_meanwhile(*given: object) -> object:
            page = view(*given)  # type: ignore[arg-type]
            index.num_unread = 0
            return page

        monkeypatch.setattr(overview, "view", read_meanwhile)
        monkeypatch.setattr(index, "refresh", lambda: None)
        assert "data-waits" in opened.get("/").text
