"""A preference model's options find the module that does the work, and only when it is asked to."""

from __future__ import annotations

import subprocess
import sys

from harness.preferences.ngram_logistic import NGramLogistic
from harness.preferences.preference import Backbone
from tests.commands import environment
from tests.conftest import ROOT
from tests.harness.ratings.made import world, written
from tests.toys import LetterTokenizer

NOTHING = Backbone(None, LetterTokenizer(3), 0)  # type: ignore[arg-type]


def test_what_is_saved_is_what_is_loaded() -> None:
    settings = NGramLogistic(longest=2, strengths=(0.1,))
    fitted = settings.fit(world(60)[0], NOTHING)
    loaded = settings.loaded(fitted.tensors(), fitted.described(), NOTHING)
    replies = [written("abc"), written("d" * 9), written("")]
    assert loaded.scores(["", "", ""], replies).tolist() == fitted.scores(["", "", ""], replies).tolist()


def test_options_are_read_without_torch() -> None:
    code = (
        "import sys, harness.preferences.head, harness.preferences.log_ratio, harness.preferences.ngram_logistic\n"
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment()).returncode == 0
