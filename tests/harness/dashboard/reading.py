"""Reads pages as a browser without script does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

from httpx2 import Response
from starlette.testclient import TestClient


class Tables(HTMLParser):
    """The tables of a page by id: rows of cells as text. A cell that spans several rows is in each of them; small print
    in heads is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self._id = ""
        self._cell: list[str] | None = None
        self._num_rows = 1
        self._spanning: dict[int, tuple[str, int]] = {}
        self._is_small_print = self._is_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        if tag == "table":
            self._id = values.get("id") or f"table{len(self.tables)}"
            self.tables[self._id] = []
            self._spanning = {}
        elif tag == "tr" and self._id:
            self.tables[self._id].append([])
        elif tag in ("td", "th") and self._id:
            self._cell, self._num_rows = [], int(values.get("rowspan") or 1)
        elif tag == "thead":
            self._is_head = True
        elif tag == "small":
            self._is_small_print = self._is_head
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self._add_spanning()
            row, text = self.tables[self._id][-1], " ".join("".join(self._cell).split())
            if self._num_rows > 1:
                self._spanning[len(row)] = text, self._num_rows - 1
            row.append(text)
            self._cell = None
        elif tag == "tr" and self._id:
            self._add_spanning()
        elif tag == "thead":
            self._is_head = False
        elif tag == "small":
            self._is_small_print = False
        elif tag == "table":
            self._id = ""

    def _add_spanning(self) -> None:
        row = self.tables[self._id][-1]
        while len(row) in self._spanning:
            text, num_left = self._spanning.pop(len(row))
            if num_left > 1:
                self._spanning[len(row)] = text, num_left - 1
            row.append(text)

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._is_small_print:
            self._cell.append(data)


@dataclass
class Shown:
    """A page."""

    answer: Response
    text: str
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.answer.status_code


@dataclass
class Reader:
    """Reads pages, and waits for those that say that they aren't ready."""

    client: TestClient

    def get(self, address: str) -> Shown:
        for _ in range(200):
            answer = self.client.get(address)
            if "data-waits" not in answer.text[:3000]:
                break
            time.sleep(0.1)
        parser = Tables()
        if "html" in answer.headers.get("content-type", ""):
            parser.feed(answer.text)
        return Shown(answer, answer.text, parser.tables, parser.links, parser.ids)
