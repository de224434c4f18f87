"""`bakeoff check` of tokenizers: ours pass, and each mistake is found by the check meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.plugin_kit import check_tokenizer as tokenizers
from harness.plugin_kit.check_tokenizer import CHECKS, TokenizerOnTrial
from harness.plugin_kit.new import start
from harness.plugin_kit.outcome import outcomes
from tests.harness.plugin_kit.mistakes import changed

ELSEWHERE = tokenizers.another_process_trains_the_same_tokenizer
BYTES = "encode_utf8(piece)"
IDS = "np.array(ids, dtype=np.int64)"
WORDS = '"words": self.words'
FREQUENT = "sorted(counts, key=lambda word: (-counts[word], word))"
EVERY_SECOND = """self.calls = getattr(self, "calls", 0) + 1
        for piece in _PIECES.findall(text) if self.calls % 2 else text:"""
DECODED = 'decode_utf8(b"".join(self._bytes[int(token)] for token in tokens))'
MISTAKES: dict[str, tuple[dict[str, str], Callable[[TokenizerOnTrial], None]]] = {
    "one id for all unknown words": ({BYTES: "[ord('?')]"}, tokenizers.no_text_is_changed),
    "lower case": ({"findall(text)": "findall(text.lower())"}, tokenizers.no_text_is_changed),
    "line ends of one kind": (
        {"findall(text)": 'findall(text.replace("\\r\\n", "\\n"))'},
        tokenizers.no_text_is_changed,
    ),
    "characters are composed": (
        {"findall(text)": 'findall(__import__("unicodedata").normalize("NFC", text))'},
        tokenizers.no_text_is_changed,
    ),
    "no lone surrogates": ({BYTES: 'piece.encode("utf-8", "ignore")'}, tokenizers.no_text_is_changed),
    "only what is on one line": ({", re.DOTALL": ""}, tokenizers.no_text_is_changed),
    "white space at the end": ({"findall(text)": "findall(text.rstrip())"}, tokenizers.no_text_is_changed),
    "a vocabulary too small": (
        {"257 + len(words)": "200 + len(words)"},
        tokenizers.its_ids_are_those_of_its_vocabulary,
    ),
    "a list of ids": ({IDS: "ids"}, tokenizers.its_ids_are_those_of_its_vocabulary),
    "narrow ids": ({"dtype=np.int64": "dtype=np.int32"}, tokenizers.its_ids_are_those_of_its_vocabulary),
    "the start token is read": (
        {"ids: list[int] = []": "ids: list[int] = [256]"},
        tokenizers.its_ids_are_those_of_its_vocabulary,
    ),
    "the start token has a text": ({'256)), b""': '256)), b"<s>"'}, tokenizers.the_start_token_is_no_text),
    "broken characters raise": (
        {DECODED: DECODED.removeprefix("decode_utf8(").removesuffix(")") + '.decode("utf-8", "surrogatepass")'},
        tokenizers.ids_in_any_order_are_decoded,
    ),
    "a label that is no token": ({"256, {}": '256, {"Human:": 3}'}, tokenizers.each_label_is_one_token),
    "other ids every second time": (
        {"for piece in _PIECES.findall(text):": EVERY_SECOND},
        tokenizers.encoding_again_or_together_gives_the_same_ids,
    ),
    "forgets words when it is read back": (
        {'json.loads(content)["words"]': 'json.loads(content)["words"][:9]'},
        tokenizers.read_back_it_is_the_same,
    ),
    "not all is written": ({WORDS: '"words": sorted(self.words)'}, tokenizers.read_back_it_is_the_same),
    "words by chance": (
        {FREQUENT: "__import__('random').sample(sorted(counts), len(counts))"},
        tokenizers.training_again_gives_the_same_tokenizer,
    ),
    "words in the order of a set": ({FREQUENT: "list(set(counts))"}, ELSEWHERE),
    "an alphabet that is called closed and isn't": (
        {"class Words(Tokenizer):": "class Words(Tokenizer):\n    is_closed = True"},
        tokenizers.a_closed_alphabet_refuses_other_characters,
    ),
    "the same fingerprint": (
        {WORDS: '"size": self.vocab_size'},
        tokenizers.another_tokenizer_has_another_fingerprint,
    ),
}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return start("tokenizer", "words", tmp_path)[0]


@pytest.mark.parametrize("name", ["char", "byte", "bpe"])
def test_every_tokenizer_of_ours_passes(name: str) -> None:
    trial = TokenizerOnTrial(name, ["tokenizer.speaker_tokens=true"])
    made = outcomes([check for check in CHECKS if check is not ELSEWHERE], trial)
    assert {outcome.verdict for outcome in made} == {"pass"}


def test_a_closed_alphabet_passes_too() -> None:
    trial = TokenizerOnTrial("char", ["tokenizer.fallback=false"])
    assert trial.refused
    made = outcomes([check for check in CHECKS if check is not ELSEWHERE], trial)
    assert {outcome.verdict for outcome in made} == {"pass"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_in_a_tokenizer_is_found_by_the_check_meant_for_it(mistake: str, words: Path) -> None:
    changes, check = MISTAKES[mistake]
    words.write_text(changed(words.read_text(), changes))
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        check(TokenizerOnTrial(str(words), ()))


def test_the_first_place_that_is_lost_is_told(words: Path) -> None:
    words.write_text(changed(words.read_text(), MISTAKES["one id for all unknown words"][0]))
    with pytest.raises(AssertionError, match=r"from character .* comes back as .*decode\(encode\(text\)\) == text"):
        tokenizers.no_text_is_changed(TokenizerOnTrial(str(words), ()))
