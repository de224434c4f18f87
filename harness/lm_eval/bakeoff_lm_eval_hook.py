"""Lets lm_eval's own command know `--model bakeoff`, once bakeoff is installed.

lm_eval finds models in its own list alone. So the wheel puts this file and bakeoff_lm_eval.pth beside the packages:
Python reads the latter as it starts, and so imports this module and has it wait until lm_eval has read its list; then a
name is added to it. The model itself is imported when it is asked for. Every start of Python pays for this module, so
it imports nothing; where lm_eval isn't used, nothing happens.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_LIST = "lm_eval.models"


class _Finder:
    """Finds one module, where the others find it, has a name added to it, and then is gone."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _LIST:
            return None
        sys.meta_path.remove(cls)
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and spec.loader is not None:
            read = spec.loader.exec_module

            def read_and_add(module: ModuleType) -> None:
                read(module)
                from lm_eval.api.registry import model_registry

                model_registry.register("bakeoff", target="harness.lm_eval.model:BakeoffLM")

            spec.loader.exec_module = read_and_add  # type: ignore[method-assign]
        return spec


def wait() -> None:
    """Add our model to lm_eval's list as soon as that has been read."""
    sys.meta_path.insert(0, _Finder)
