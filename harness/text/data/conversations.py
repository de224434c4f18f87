"""data=chat and data=chatterbot: conversations between a human and an assistant, written in the format of `format=`.

How they are read and cleaned is in harness.text.data.conversation_files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import ClassVar

from harness.common.errors import UserError
from harness.text import transcript, transcript_format
from harness.text.data import conversation_files as conversations
from harness.text.data.conversation_files import Conversation
from harness.text.data.corpus import SPLITS, Corpus, DataSource, Document, Split
from harness.text.data.disk_cache import cached_json
from harness.text.data.splitting import check_fractions, split_by_hash
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat


@dataclass(frozen=True)
class Chat(DataSource):
    """data=chat: about 4,000 conversations between two people."""

    name: ClassVar[str] = "chat"

    max_turns: int = 20
    """Longer conversations are cut into documents of this many turns; an even number, 2 or more."""
    validation_fraction: float = 0.05
    """Share of the conversations for validation, between 0 and 1."""
    test_fraction: float = 0.05
    """Share of the conversations for test, between 0 and 1."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How the conversations are written."""

    def __post_init__(self) -> None:
        if self.max_turns < 2 or self.max_turns % 2:
            raise ValueError(f"max_turns={self.max_turns} must be an even number, 2 or more, as 20.")
        check_fractions(self.validation_fraction, self.test_fraction)

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        return (self.format,)

    def load(self) -> Corpus:
        """The conversations of the installed package; UserError where it isn't installed."""
        file = package_folder("chitchat_dataset") / "dataset.json"
        documents = cached_json(
            "chat",
            made_from=f"chitchat-dataset {metadata.version('chitchat-dataset')} {file.stat().st_size} {self.max_turns} "
            f"{self.format}",
            made_by=[conversations, transcript, transcript_format],
            make=lambda: _rendered(conversations.read_chitchat(file), self.format, self.max_turns),
        )
        return _corpus(self, documents)


@dataclass(frozen=True)
class Chatterbot(DataSource):
    """data=chatterbot: about 1,000 short English conversations, mostly a question and an answer."""

    name: ClassVar[str] = "chatterbot"

    validation_fraction: float = 0.1
    """Share of the questions for validation, between 0 and 1."""
    test_fraction: float = 0.1
    """Share of the questions for test, between 0 and 1."""
    format: TranscriptFormat = HUMAN_ASSISTANT
    """How the conversations are written."""

    def __post_init__(self) -> None:
        check_fractions(self.validation_fraction, self.test_fraction)

    @property
    def formats(self) -> tuple[TranscriptFormat, ...]:
        return (self.format,)

    def load(self) -> Corpus:
        """The conversations of the installed package; UserError where it isn't installed."""
        folder = package_folder("chatterbot_corpus") / "data" / "english"
        documents = cached_json(
            "chatterbot",
            made_from=f"chatterbot-corpus {metadata.version('chatterbot-corpus')} {self.format}",
            made_by=[conversations, transcript, transcript_format],
            make=lambda: _rendered(conversations.read_chatterbot(folder), self.format),
        )
        return _corpus(self, documents)


Rendered = tuple[str, str, str]
"""A document's id, cluster and text."""


def _rendered(read: Iterable[Conversation], form: TranscriptFormat, max_turns: int | None = None) -> list[Rendered]:
    return [
        (f"{conversation.id}/{i}" if max_turns else conversation.id, conversation.cluster, form.render(part))
        for conversation in read
        for i, part in enumerate(
            conversations.cut(conversation.transcript, max_turns) if max_turns else [conversation.transcript]
        )
    ]


def _corpus(source: Chat | Chatterbot, rendered: Iterable[Rendered]) -> Corpus:
    """Split by the hash of the cluster, so that each cluster is in one split."""
    splits: dict[Split, list[Document]] = {"train": [], "validation": [], "test": []}
    for identity, cluster, text in rendered:
        document = Document(identity, text, source=source.name, cluster=cluster, format=source.format.name)
        splits[split_by_hash(cluster, source.validation_fraction, source.test_fraction)].append(document)
    train, validation, test = (tuple(splits[split]) for split in SPLITS)
    return Corpus(source.name, train, validation, test, formats=source.formats)


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = util.find_spec(package)
    if spec is None or spec.origin is None:
        distribution = package.replace("_", "-")
        raise UserError(
            f"the conversations need the package {distribution}, which is not installed. Install it "
            f"(pip install {distribution}), or pick another data set."
        )
    return Path(spec.origin).parent
