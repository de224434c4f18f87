from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness.config.tokenizer_file import save_tokenizer
from harness.dashboard.site import Site
from harness.dashboard.tokens import token_texts, tokenizer_of, tokens_of
from harness.text.tokenizers.char import CharTokenizer, CharTokenizerSettings


def opened(results: Path) -> Site:
    site = Site(results)
    site.index.refresh(at_once=True)
    return site


def test_a_text_is_cut_by_the_runs_own_tokenizer(own_results: Path) -> None:
    tokenizer = CharTokenizer([ord(c) for c in "abc é"])
    save_tokenizer(tokenizer, CharTokenizerSettings(), own_results / "fits" / "f-gru-0")
    site = opened(own_results)
    assert token_texts(site, site.run("pair/gru-greedy-s0"), "abc é") == ["a", "b", "c", " ", "é"]
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.harness.dashboard.test_tokens import opened, token_texts\n"
        f"site = opened(Path({str(own_results)!r}))\n"
        "assert token_texts(site, site.run('pair/gru-greedy-s0'), 'abc')\n"
        "print({'torch', 'hydra', 'wandb'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_foreign_code_is_not_run(own_results: Path) -> None:
    fit = own_results / "fits" / "f-gru-0"
    fit.mkdir(parents=True)
    for target in ("os.system", "antigravity.Anything"):
        (fit / "tokenizer.json").write_text(json.dumps({"_target_": target, "plugins": {}, "tokenizer": {}}))
        site = opened(own_results)
        assert token_texts(site, site.run("pair/gru-greedy-s0"), "abc") is None
    assert "antigravity" not in sys.modules


def test_without_the_fit_there_are_none(site: Site) -> None:
    assert token_texts(site, site.run("pair/gru-greedy-s0"), "abc") is None


def test_ids_and_bytes_are_the_tokenizers_own(own_results: Path) -> None:
    tokenizer = CharTokenizer([ord(c) for c in "abé"])
    save_tokenizer(tokenizer, CharTokenizerSettings(), own_results / "fits" / "f-gru-0")
    site = opened(own_results)
    read = tokenizer_of(site, site.run("pair/gru-greedy-s0"))
    tokens = tokens_of(read, "abé?")
    assert [token.id for token in tokens] == tokenizer.encode("abé?").tolist()
    assert [token.hexadecimal for token in tokens] == ["61", "62", "c3 a9", "", ""]
    assert [token.text for token in tokens][-2:] == ["<0x3>", "<0xF>"]
