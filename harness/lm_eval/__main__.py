"""lm_eval's own command, with our model registered: `python -m harness.lm_eval run --model bakeoff ...`."""

from __future__ import annotations

from harness.lm_eval import register

if __name__ == "__main__":
    register()
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
