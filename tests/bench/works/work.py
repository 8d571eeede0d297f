"""What a work is made of: sides that are measured in turn, and what one turn of a side gave."""
import dataclasses
from typing import Callable


@dataclasses.dataclass
class Turn:
    """One turn of one side. `values` are in the work's unit; `more` holds further series by name; `error` says why there is none."""

    values: list[float] = dataclasses.field(default_factory=list)
    memory: float | None = None  # GB at the peak
    first: float | None = None  # seconds from the start of the process to the end of the first step
    more: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    error: str | None = None


@dataclasses.dataclass
class Work:
    """A row of the table for each peer. The side called "Slipway" comes first in `sides`."""

    name: str
    title: str
    unit: str
    sides: dict[str, Callable[[], Turn]]
    lower_is_better: bool = False
    # From the figures of a side to its floating-point operations a second, and the rows whose sgemm limit that is held against.
    flop_rate: Callable[[dict], float] | None = None
    limit_rows: int | None = None
    # From the figures of a side to the bytes of weights that it reads in a second.
    byte_rate: Callable[[dict], float] | None = None
