"""The table: a line for each side of each work, Markdown."""
from side import best_ratio

COLUMNS = ("work", "unit", "side", "", "ratio", "of peak", "of reading", "memory, GB", "ratio", "first step, s", "ratio")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def measured(side: dict, key: str) -> str:
    """Marked where something else ran beside it."""
    text = number(side.get(key))
    return f"{text} (busy)" if text and side["busy"] else text


def ratio_of(work: dict, name: str):
    """From a key to the cell: our fastest side to this one of a peer; an older Slipway's side is held against the same one of today's."""
    ours = name.replace("before", "Slipway", 1) if name.startswith("before ") else work["best"].get("Slipway")
    pair = work["against"].get(name, {}).get(ours, {})
    return lambda key: "" if key not in pair else "busy" if pair["busy"] and key != "memory_ratio" else number(pair[key])


def row(work: dict, name: str) -> str:
    side, ratio = work["sides"][name], ratio_of(work, name)
    cells = [work["title"], work["unit"], name, measured(side, "value"), ratio("ratio"), percent(side.get("peak_share")),
             percent(side.get("reading_share")), number(side.get("memory_gb")), ratio("memory_ratio"), number(side.get("first_s")),
             ratio("first_ratio")]
    lines = [line(cells)]
    if "decode_rate" in side and "value" in side:
        lines.append(line(["without the prompts", work["unit"], name, measured(side, "decode_rate"), ratio("decode_ratio"),
                           percent(side.get("decode_peak_share")), "", "", "", "", ""]))
    return "\n".join(lines)


def rows(work: dict) -> str:
    sides = work["sides"]
    lines = [row(work, name) for name, side in sides.items() if "error" not in side]
    lines += [f"{work['title']}, {name}: {side['error']}" for name, side in sides.items() if "error" in side]
    return "\n".join(lines)


def what_counts(record: dict) -> str:
    """Our fastest form against the fastest of each peer."""
    lines = ["", "the fastest of each side's forms:"]
    for name, work in record["works"].items():
        peers = {program: form for program, form in work["best"].items() if program != "Slipway" and "Slipway" in work["best"]}
        for program, form in peers.items():
            ratio = best_ratio(work, program)
            lines.append(f"  {name}: {work['best']['Slipway']} to {form}: {'busy' if ratio is None else number(ratio)}")
    return "\n".join(lines)


def what_was_busy(record: dict) -> str:
    """Beside which sides something else ran; "" where none was."""
    busy = [f"{name}: {side}" for name, work in record["works"].items() for side, each in work["sides"].items() if each.get("busy")]
    heading = "Something else took more than 5 % of the cores before or in turns of these; a ratio with them is no number, it is \"busy\":"
    return "\n".join(["", heading, *("  " + each for each in busy)]) if busy else ""


def peak_text(limits: dict, arithmetic: str) -> str:
    peak = limits["peak"][arithmetic]
    return f"{arithmetic} " + ("none" if peak is None else f"{number(peak['1'])} on 1 thread, {number(peak['all'])} on all ({peak['instructions']})")


def products_text(limits: dict, shapes: str) -> str:
    def one(limit: dict) -> str:
        share = limit["float32"] / limits["peak"]["float32"]["all"]
        bf16 = "" if limit["bfloat16"] is None else f", bfloat16 {number(limit['bfloat16'])}"
        return f"sgemm {number(limit['sgemm'])}, Slipway {number(limit['float32'])} ({percent(share)} of the peak){bf16}"

    return "; ".join(f"{rows} rows: {one(limit)}" for rows, limit in limits["products"][shapes].items())


def packed_text(limits: dict) -> str:
    return "; ".join(f"{rows} rows: {', '.join(f'{storage} {number(rate)}' for storage, rate in rates.items())}" for rows, rates in limits["packed"].items())


def limits_lines(limits: dict) -> list[str]:
    reading = ", ".join(f"{number(rate)} on {threads}" for threads, rate in limits["read_gb_s"].items())
    return ["multiply-add peak, GFLOP/s: " + "; ".join(peak_text(limits, arithmetic) for arithmetic in limits["peak"]),
            *(f"products of {shapes}, GFLOP/s: {products_text(limits, shapes)}" for shapes in limits["products"]),
            f"products of packed weights from memory (SmolLM2-135M), GFLOP/s: {packed_text(limits)}",
            f"sgemm, 1024 cubed, GFLOP/s: {', '.join(f'{number(rate)} on {threads}' for threads, rate in limits['square'].items())}; "
            f"reading, GB/s: {reading}"]


def heading(record: dict) -> str:
    machine, limits, versions = record["machine"], record["limits"], record["versions"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['flags']) or 'no AVX2'}, {machine['memory_gb']} GB; "
             + ", ".join(f"{name} {version}" for name, version in versions.items() if name not in ("slipway", "numpy", "gguf"))]
    if limits is None:
        lines.append(f"computing on {machine['gpu'] or record['device']}, in float32")
    else:
        lines += limits_lines(limits)
    if record["quick"]:
        lines.append("QUICK: small works, one turn; these numbers show that everything runs and nothing else.")
    if machine["busy_at_start"] > 0.05:
        lines.append(f"WARNING: something else took {percent(machine['busy_at_start'])} of the cores when the limits were measured.")
    return "\n".join([*lines, "", line(COLUMNS), line(["---"] * len(COLUMNS))])
