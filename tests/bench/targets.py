"""The targets that the benchmark can judge, and what was measured for each."""
import dataclasses
import operator
from typing import Callable


@dataclasses.dataclass
class Target:
    group: int
    text: str
    work: str
    at_least: bool
    bound: float
    measured: Callable[[dict], float]  # from the work's figures


def ratio(peer: str, key: str = "ratio") -> Callable[[dict], float]:
    return lambda work: work["against"][peer][key]


def ours(key: str) -> Callable[[dict], float]:
    return lambda work: work["sides"]["Slipway"][key]


def unwanted_event(work: dict) -> float:
    side = work["sides"]["Slipway"]
    return max(0.0, side["unwanted_event_ns"] - side["loop_ns"])


TARGETS = [
    Target(1, "RAFT iteration, times LMFlow's loop", "raft", True, 6, ratio("LMFlow's loop")),
    Target(1, "RAFT iteration, times TRL's step", "raft", True, 5, ratio("TRL GRPO")),
    Target(1, "RAFT iteration, share of TRL's peak memory", "raft", False, 0.3, ratio("TRL GRPO", "memory_ratio")),
    Target(2, "sampling 32 rows, times HF generate", "sample32", True, 2, ratio("HF generate")),
    Target(2, "sampling 128 rows, times HF generate", "sample128", True, 2, ratio("HF generate")),
    Target(2, "sampling 32 rows, times llama.cpp F32", "sample32", True, 1.2, ratio("llama.cpp F32")),
    Target(2, "sampling 128 rows, times llama.cpp F32", "sample128", True, 1.8, ratio("llama.cpp F32")),
    Target(2, "sampling 32 rows, share of sgemm", "sample32", True, 0.6, ours("sgemm_share")),
    Target(2, "sampling 128 rows, share of sgemm", "sample128", True, 0.6, ours("sgemm_share")),
    Target(3, "dense SFT, times HF Trainer", "dense", True, 1.35, ratio("HF Trainer")),
    Target(3, "dense SFT, share of sgemm", "dense", True, 0.75, ours("sgemm_share")),
    Target(3, "dense SFT, share of HF's peak memory", "dense", False, 0.6, ratio("HF Trainer", "memory_ratio")),
    Target(4, "ragged SFT, times HF Trainer", "ragged", True, 3, ratio("HF Trainer")),
    Target(5, "tiny model, times HF's steps", "tiny", True, 15, ratio("HF Trainer")),
    Target(5, "tiny model, share of HF's time to the first step", "tiny", False, 0.1, ratio("HF Trainer", "first_ratio")),
    Target(6, "a plugin call, ns", "plugin", False, 100, ours("call_ns")),
    # "Nothing measurable" in a loop whose steps take a hundred microseconds at least: a few instructions.
    Target(6, "an event nobody wants, ns over an empty loop", "plugin", False, 5, unwanted_event),
]


def verdict(target: Target, works: dict) -> str:
    bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g}"
    try:
        value = target.measured(works[target.work])
    except KeyError:
        return f"  {target.group}. {target.text}: {bound}; not measured"
    reached = (operator.ge if target.at_least else operator.le)(value, target.bound)
    return f"  {target.group}. {target.text}: {bound}; measured {value:.3g}: {'reached' if reached else 'NOT reached'}"


def judged(record: dict) -> str:
    heading = "targets (quick works: these verdicts mean nothing):" if record["quick"] else "targets:"
    return "\n".join(["", heading, *(verdict(target, record["works"]) for target in TARGETS)])
