"""The largest of differences that a test bounds."""

import math
from collections.abc import Iterable


def largest_of(differences: Iterable[float], **default: float) -> float:
    """As max(), but what is no number is infinitely far: max() passes it over unless it comes first, and a bound on what is left holds."""
    every = list(differences)
    return math.inf if any(map(math.isnan, every)) else max(every, **default)
