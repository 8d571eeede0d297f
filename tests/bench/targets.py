"""The targets that the benchmark can judge, and what was measured for each."""
import dataclasses
import operator
from typing import Callable

from side import best_ratio

Measured = Callable[[dict], float | None]  # from a work's figures; None: busy


@dataclasses.dataclass
class Target:
    group: int
    text: str
    work: str
    at_least: bool
    bound: float
    measured: Measured
    needs: str = ""  # "bf16", "avx512", "avx2 alone": of the processor; "": any


def best(peer: str, key: str = "ratio", ours: str | None = None) -> Measured:
    """Our fastest form (or `ours`) to the peer's fastest."""
    return lambda work: best_ratio(work, peer, key, ours)


def pair(peer: str, ours: str, key: str = "ratio") -> Measured:
    def measured(work: dict) -> float | None:
        found = work["against"][peer][ours]
        return None if found["busy"] else found[key]

    return measured


def ours(key: str, side: str = "Slipway float32") -> Measured:
    def measured(work: dict) -> float | None:
        found = work["sides"][side]
        return None if found["busy"] else found[key]

    return measured


def beside(side: str, other: str) -> Measured:
    """Of two of our own."""
    def measured(work: dict) -> float | None:
        a, b = work["sides"][side], work["sides"][other]
        return None if a["busy"] or b["busy"] else a["value"] / b["value"]

    return measured


def unwanted_event(work: dict) -> float:
    side = work["sides"]["Slipway float32"]
    return max(0.0, side["unwanted_event_ns"] - side["loop_ns"])


def has(needs: str, machine: dict) -> bool:
    flags = machine["flags"]
    return {"": True, "bf16": "avx512_bf16" in flags or "amx_bf16" in flags, "avx512": "avx512f" in flags,
            "avx2 alone": "avx2" in flags and "avx512f" not in flags}[needs]


def sampling(work: str, rows: int) -> list[Target]:
    return [
        Target(3, f"sampling {rows} rows, bfloat16 weights, times float32's", work, True, 1.5, beside("Slipway bfloat16", "Slipway float32"), "bf16"),
        Target(3, f"sampling {rows} rows, bfloat16 weights, times HF generate bf16", work, True, 2.5, pair("HF generate bf16", "Slipway bfloat16"), "bf16"),
        Target(3, f"sampling {rows} rows, bfloat16 weights, times llama.cpp's best", work, True, 1.5, best("llama.cpp", ours="Slipway bfloat16"), "bf16"),
    ]


TARGETS = [
    Target(1, "dense SFT, times HF Trainer's best", "dense", True, 1.35, best("HF Trainer"), "bf16"),
    Target(1, "dense SFT, share of its peak memory", "dense", False, 0.6, best("HF Trainer", "memory_ratio"), "bf16"),
    Target(1, "ragged SFT, times HF Trainer's best", "ragged", True, 2.5, best("HF Trainer"), "bf16"),
    Target(1, "RAFT iteration, times the best of LMFlow's loop", "raft", True, 6, best("LMFlow's loop")),
    Target(1, "RAFT iteration, times TRL's best step", "raft", True, 8, best("TRL GRPO")),
    Target(2, "dense SFT in float32, share of the multiply-add peak", "dense", True, 0.75, ours("peak_share"), "avx512"),
    Target(2, "decoding 32 rows in float32, share of the multiply-add peak", "sample32", True, 0.55, ours("decode_peak_share"), "avx512"),
    Target(2, "decoding 128 rows in float32, share of the multiply-add peak", "sample128", True, 0.72, ours("decode_peak_share"), "avx512"),
    Target(2, "dense SFT in float32, times HF Trainer", "dense", True, 1.45, best("HF Trainer"), "avx2 alone"),
    *sampling("sample32", 32),
    *sampling("sample128", 128),
    Target(4, "training step of 8,192 tokens in float32, share of the multiply-add peak", "long", True, 0.6, ours("peak_share")),
    Target(4, "training step of 8,192 tokens in float32 with one thread, share of its peak", "long", True, 0.6, ours("peak_share", "Slipway float32, 1 thread")),
    Target(4, "decoding one row after 8,159 tokens, share of reading", "long_decode", True, 0.7, ours("reading_share")),
    Target(4, "decoding one row after 8,159 tokens with one thread, share of reading", "long_decode", True, 0.7, ours("reading_share", "Slipway float32, 1 thread")),
    Target(5, "tiny model, times HF's steps", "tiny", True, 6, best("HF Trainer")),
    Target(6, "a plugin call, ns", "plugin", False, 100, ours("call_ns")),
    # "Nothing measurable" in a loop whose steps take a hundred microseconds at least: a few instructions.
    Target(6, "an event nobody wants, ns over an empty loop", "plugin", False, 5, unwanted_event),
]


def verdict(target: Target, record: dict) -> str:
    bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g}"
    if not has(target.needs, record["machine"]):
        return f"  {target.group}. {target.text}: {bound}; not for this processor"
    try:
        value = target.measured(record["works"][target.work])
    except KeyError:
        return f"  {target.group}. {target.text}: {bound}; not measured"
    if value is None:
        return f"  {target.group}. {target.text}: {bound}; busy, not judged"
    reached = (operator.ge if target.at_least else operator.le)(value, target.bound)
    return f"  {target.group}. {target.text}: {bound}; measured {value:.3g}: {'reached' if reached else 'NOT reached'}"


def judged(record: dict) -> str:
    heading = "targets (quick works: these verdicts mean nothing):" if record["quick"] else "targets:"
    return "\n".join(["", heading, *(verdict(target, record) for target in TARGETS)])
