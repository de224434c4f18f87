"""The options of model=product."""

from __future__ import annotations

import pytest

from models.settings.product import ProductConfig


def test_a_product_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="members are none, but there must be one or more"):
        ProductConfig()
