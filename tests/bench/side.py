"""From the turns of a work's sides to its figures: medians, ratios to each peer, shares of the machine's limits."""
import dataclasses

from measure import median
from works.work import Turn, Work


def side_figures(turns: list[Turn]) -> dict:
    """Medians over all turns, and under "turns" what they are medians of."""
    errors = [turn.error for turn in turns if turn.error]
    if errors:
        return {"error": errors[0]}
    out = {"value": median([value for turn in turns for value in turn.values]),
           "memory_gb": median([turn.memory for turn in turns if turn.memory is not None]),
           "first_s": median([turn.first for turn in turns if turn.first is not None])}
    for key in {key for turn in turns for key in turn.more}:
        out[key] = median([value for turn in turns for value in turn.more.get(key, [])])
    return {**{key: value for key, value in out.items() if value is not None}, "turns": [dataclasses.asdict(turn) for turn in turns]}


def shares(work: Work, side: dict, limits: dict | None) -> dict:
    """Of the processor's limits; none when something else computes."""
    out = {}
    if limits is None:
        return out
    if work.flop_rate is not None:
        gflops = work.flop_rate(side) / 1e9
        limit = limits["rows"][str(work.limit_rows)]
        out |= {"gflops": gflops, "sgemm_share": gflops / limit["best"], "streamed_sgemm_share": gflops / limit["streamed"]}
    if work.byte_rate is not None:
        out["bandwidth_share"] = work.byte_rate(side) / 1e9 / limits["read_gb_s"]
    return out


def against(work: Work, ours: dict, peer: dict) -> dict:
    """How many times better we are; how much of the peer's memory and of its time to the first step we take."""
    out = {"ratio": peer["value"] / ours["value"] if work.lower_is_better else ours["value"] / peer["value"]}
    for key, name in (("memory_gb", "memory_ratio"), ("first_s", "first_ratio")):
        if key in ours and key in peer:
            out[name] = ours[key] / peer[key]
    if "decode_rate" in ours and "decode_rate" in peer:
        out["decode_ratio"] = ours["decode_rate"] / peer["decode_rate"]
    return out


def figures(work: Work, turns: dict[str, list[Turn]], limits: dict | None) -> dict:
    sides = {name: side_figures(each) for name, each in turns.items()}
    ours = sides["Slipway"]
    for side in sides.values():
        if "error" not in side:
            side |= shares(work, side, limits)
    peers = {name: side for name, side in sides.items() if name != "Slipway"}
    compared = {name: against(work, ours, side) for name, side in peers.items() if "error" not in side and "error" not in ours}
    return {"title": work.title, "unit": work.unit, "sides": sides, "against": compared}
