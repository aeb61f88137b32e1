"""Statistics: exact bounds of shares, and samples that anyone can draw again. Standard library only."""

from __future__ import annotations

from quanheng.stats.binomial import (
    CONFIDENCE,
    allowed_k,
    bound_lower,
    bound_upper,
    decimal_text,
    finite_bound_lower,
    finite_bound_upper,
    float_text,
    required_k,
)
from quanheng.stats.sampling import draw

__all__ = [
    "CONFIDENCE",
    "allowed_k",
    "bound_lower",
    "bound_upper",
    "decimal_text",
    "draw",
    "finite_bound_lower",
    "finite_bound_upper",
    "float_text",
    "required_k",
]
