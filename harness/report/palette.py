"""Colours and markers, alike in every plot, page and view."""

from __future__ import annotations

INK = "#1b1c1d"
MUTED = "#5e6166"
RULE = "#d8dade"
PAPER = "#fffffe"
# Okabe and Ito (2008), with their black and yellow replaced by hues that stand out on white and on black alike. The
# second row is what the page shows on a dark ground.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b8860b", "#3399cc", "#882255", "#6b6f76")
DARK_PALETTE = ("#5aaee8", "#ff8a3d", "#2fcf9f", "#e07ad0", "#e3b23c", "#9ad4ff", "#e0708f", "#a9adb5")
MARKERS = "osD^vPX>"
DARK_INKS = {"ink": "#e9eaec", "muted": "#a7abb3", "rule": "#363a42", "paper": "#15171b"}
"""What the page shows in their place on a dark ground."""
