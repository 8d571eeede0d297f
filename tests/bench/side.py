"""From the turns of a work's sides to its figures: medians, ratios of Slipway's sides to each peer's, shares of the machine's limits."""
import dataclasses

import quiet
from measure import median
from works.work import Side, Turn, Work


def side_figures(turns: list[Turn]) -> dict:
    """Medians over all turns, and under "turns" what they are medians of. "busy": turns beside which something else ran."""
    errors = [turn.error for turn in turns if turn.error]
    if errors:
        return {"error": errors[0]}
    out = {"value": median([value for turn in turns for value in turn.values]),
           "memory_gb": median([turn.memory for turn in turns if turn.memory is not None]),
           "first_s": median([turn.first for turn in turns if turn.first is not None])}
    for key in {key for turn in turns for key in turn.more}:
        out[key] = median([value for turn in turns for value in turn.more.get(key, [])])
    return {**{key: value for key, value in out.items() if value is not None}, "busy": sum(turn.others > quiet.LIMIT for turn in turns),
            "turns": [dataclasses.asdict(turn) for turn in turns]}


def shares(work: Work, side: Side, figures: dict, limits: dict | None) -> dict:
    """Of the processor's limits; none when something else computes."""
    out = {}
    if limits is None:
        return out
    threads = "all" if side.threads is None else str(side.threads)
    peak = (limits["peak"][side.arithmetic] or {}).get(threads)
    if work.flop_rate is not None:
        out["gflops"] = work.flop_rate(figures) / 1e9
        if peak:
            out["peak_share"] = out["gflops"] / peak
    if work.decode_flop is not None and "decode_rate" in figures and peak:
        out["decode_peak_share"] = figures["decode_rate"] * work.decode_flop / 1e9 / peak
    if work.byte_rate is not None and (rate := work.byte_rate(side, figures)) is not None and threads in limits["read_gb_s"]:
        out["reading_share"] = rate / 1e9 / limits["read_gb_s"][threads]
    return out


def against(work: Work, ours: dict, peer: dict) -> dict:
    """How many times better we are; how much of the peer's memory and of its time to the first step we take."""
    out = {"ratio": peer["value"] / ours["value"] if work.lower_is_better else ours["value"] / peer["value"]}
    for key, name in (("memory_gb", "memory_ratio"), ("first_s", "first_ratio")):
        if key in ours and key in peer:
            out[name] = ours[key] / peer[key]
    if "decode_rate" in ours and "decode_rate" in peer:
        out["decode_ratio"] = ours["decode_rate"] / peer["decode_rate"]
    out["busy"] = bool(ours["busy"] or peer["busy"])
    return out


def figures(work: Work, turns: dict[str, list[Turn]], limits: dict | None) -> dict:
    """"against": for each side of a peer, what each of ours is to it; "best": each program's fastest side, on all threads."""
    sides = {}
    for side in work.sides:
        each = side_figures(turns[side.name])
        sides[side.name] = {"program": side.program, "precision": side.precision, "threads": side.threads, **each}
        if "error" not in each:
            sides[side.name] |= shares(work, side, each, limits)
    measured = {name: side for name, side in sides.items() if "error" not in side}
    ours = {name: side for name, side in measured.items() if side["program"] == "Slipway"}
    peers = {name: side for name, side in measured.items() if side["program"] != "Slipway"}
    pairs = {name: {own: against(work, our, peer) for own, our in ours.items()} for name, peer in peers.items()}
    order = sorted(measured, key=lambda name: measured[name]["value"], reverse=not work.lower_is_better)
    best = {}
    for name in order:
        if measured[name]["threads"] is None:
            best.setdefault(measured[name]["program"], name)
    return {"title": work.title, "unit": work.unit, "sides": sides, "against": pairs, "best": best}


def best_ratio(work: dict, program: str, key: str = "ratio", ours: str | None = None) -> float | None:
    """Of our fastest side (or the one named) to the fastest of a peer's; None: busy, for any of the peer's sides might have been faster.
    KeyError: not measured. What else runs changes no memory."""
    ours = ours or work["best"]["Slipway"]
    ratio = work["against"][work["best"][program]][ours][key]
    forms = [side for side in work["sides"].values() if side["program"] == program and "error" not in side]
    busy = work["sides"][ours]["busy"] or any(side["busy"] for side in forms)
    return None if busy and key != "memory_ratio" else ratio
