"""What the measurements of speed have in common: drawn models, sizes, the turns of two sides, and the rows
that follow from them.
"""

import dataclasses
import gc
import pathlib
import statistics
import sys
from typing import Callable

from shapes import REAL
from tell import at_least, at_most, facts, failed, need, need_gpu, scratch, seconds_left

SEED = 11


@dataclasses.dataclass
class Turn:
    rate: float  # tokens a second
    memory: float | None = None  # GB of the device at the peak
    more: dict = dataclasses.field(default_factory=dict)


def why_not() -> str | None:
    return need_gpu() or need("torch", "transformers", "accelerate", "safetensors")


def on_gpu() -> bool:
    return facts()["device"] == "cuda"


def where() -> str:
    return "" if on_gpu() else " (processor, small: this shows that it runs)"


def model(shape: str) -> pathlib.Path:
    """Drawn when it is first asked for; bfloat16 in its file, as such models come."""
    import torch

    from draw_model import draw

    folder = scratch("models") / shape
    if not folder.exists():
        draw(folder, REAL[shape], SEED, torch.bfloat16, facts()["device"])
        give_back()
    return folder


def give_back() -> None:
    """What torch keeps of the GPU's memory."""
    import torch

    gc.collect()
    if on_gpu():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def in_turn(sides: dict[str, Callable[[], Turn]], repeats: int) -> dict[str, list[Turn]]:
    """A, B, A, B; no further round when it would not end in time."""
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    before = seconds_left()
    for at in range(repeats):
        if at > 0 and seconds_left() < 1.2 * (before - seconds_left()) / at:
            print(f"no time for round {at + 1} of {repeats}", file=sys.stderr)
            break
        for name, turn in sides.items():
            turns[name].append(turn())
            give_back()
    return turns


def median(turns: list[Turn], of: str = "rate") -> float | None:
    values = [getattr(turn, of) for turn in turns if getattr(turn, of) is not None]
    return statistics.median(values) if values else None


def tell_sides(
    title: str, peer: str, turns: dict[str, list[Turn]], times: float | None, memory: float | None
) -> tuple[float, float]:
    """Rows of both rates, their ratio and the memory's; the two rates. `times` and `memory`: what is asked
    of the ratios.
    """
    ours, theirs = median(turns["Slipway"]), median(turns[peer])
    rates = {name: [turn.rate for turn in each] for name, each in turns.items()}
    at_least(f"{title}: tokens/s{where()}", ours, None, f"{peer} {theirs:.4g}", turns=rates)
    told = " | ".join(f"{name} " + ", ".join(f"{rate:.4g}" for rate in each) for name, each in rates.items())
    at_least(f"{title}: times {peer}{where()}", ours / theirs, times if on_gpu() else None, told)
    if on_gpu():
        tell_memory(title, peer, turns, memory)
    return ours, theirs


def tell_memory(title: str, peer: str, turns: dict[str, list[Turn]], asked: float | None) -> None:
    held, peers = median(turns["Slipway"], "memory"), median(turns[peer], "memory")
    name, more = (
        f"{title}: share of {peer}'s peak memory",
        {side: each[-1].more for side, each in turns.items()},
    )
    if not held or not peers:
        return failed(name, "the driver told no memory in use", more=more)
    return at_most(
        name,
        held / peers,
        asked if asked is not None else float("inf"),
        f"{held:.3g} GB, {peer} {peers:.3g} GB",
        more=more,
    )
