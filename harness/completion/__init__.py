"""What writes text, and what a decoding strategy is made of: `from harness.completion import Engine, Prompt, ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.completion.decoding.choosers import Draw as Draw
    from harness.completion.decoding.choosers import Greedy as Greedy
    from harness.completion.decoding.transform import Chooser as Chooser
    from harness.completion.decoding.transform import Rows as Rows
    from harness.completion.decoding.transform import Sampler as Sampler
    from harness.completion.decoding.transform import Transform as Transform
    from harness.completion.decoding.transforms import PlainTransform as PlainTransform
    from harness.completion.decoding.transforms import without as without
    from harness.completion.engine import DecodingStrategy as DecodingStrategy
    from harness.completion.engine import Engine as Engine
    from harness.completion.engine import History as History
    from harness.completion.engine import OneByOne as OneByOne
    from harness.completion.engine import Search as Search
    from harness.completion.engine import Step as Step
    from harness.completion.engine import write_one_by_one as write_one_by_one
    from harness.completion.reward import Reply as Reply
    from harness.completion.reward import Reward as Reward
    from harness.completion.sequence import Completion as Completion
    from harness.completion.sequence import Prompt as Prompt
    from harness.completion.sequence import Writing as Writing

__all__, __getattr__ = face(
    __name__,
    {
        "harness.completion.decoding.transform": ["Chooser", "Rows", "Sampler", "Transform"],
        "harness.completion.decoding.choosers": ["Draw", "Greedy"],
        "harness.completion.decoding.transforms": ["PlainTransform", "without"],
        "harness.completion.engine": [
            "DecodingStrategy",
            "Engine",
            "History",
            "OneByOne",
            "Search",
            "Step",
            "write_one_by_one",
        ],
        "harness.completion.reward": ["Reply", "Reward"],
        "harness.completion.sequence": ["Completion", "Prompt", "Writing"],
    },
)
