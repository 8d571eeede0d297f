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
    others: float = 0.0  # the share of all cores that something else took, before the turn or in it


@dataclasses.dataclass
class Side:
    """A program in one precision. `precision` is what it calls it; `arithmetic` is the one whose multiply-add peak it is held against."""

    program: str
    precision: str
    measure: Callable[[], Turn]
    arithmetic: str = "float32"  # float32, bfloat16 or int8
    bytes_per_weight: float = 4
    threads: int | None = None  # all

    @property
    def name(self) -> str:
        threads = "" if self.threads is None else f", {self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.program} {self.precision}{threads}"

    @property
    def ours(self) -> bool:
        return self.program == "Slipway"


@dataclasses.dataclass
class Work:
    """A line of the table for each side, Slipway's first."""

    name: str
    title: str
    unit: str
    sides: list[Side]
    lower_is_better: bool = False
    # From the figures of a side to its floating-point operations a second; the same for "decode_rate", tokens a second.
    flop_rate: Callable[[dict], float] | None = None
    decode_flop: float | None = None  # of a token
    # From a side and its figures to the bytes that it reads in a second.
    byte_rate: Callable[[Side, dict], float | None] | None = None
