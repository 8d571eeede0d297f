"""The table: a line for each peer of each work, Markdown."""

COLUMNS = ("work", "unit", "Slipway", "peer", "", "ratio", "of sgemm", "of reading", "memory, GB", "ratio", "first step, s", "ratio")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def pair(ours: dict, peer: dict, key: str, form=number) -> str:
    return f"{form(ours.get(key))} / {form(peer.get(key))}" if key in ours and key in peer else form(ours.get(key))


def line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def row(work: dict, name: str, peer: dict) -> str:
    ours, ratios = work["sides"]["Slipway"], work["against"].get(name, {})
    cells = [work["title"], work["unit"], number(ours.get("value")), name, number(peer.get("value")), number(ratios.get("ratio")),
             pair(ours, peer, "sgemm_share", percent), pair(ours, peer, "bandwidth_share", percent), pair(ours, peer, "memory_gb"),
             number(ratios.get("memory_ratio")), pair(ours, peer, "first_s"), number(ratios.get("first_ratio"))]
    lines = [line(cells)]
    if "decode_ratio" in ratios:
        rates = [number(ours["decode_rate"]), name, number(peer["decode_rate"]), number(ratios["decode_ratio"])]
        lines.append(line(["without the prompts", work["unit"], *rates, "", "", "", "", "", ""]))
    return "\n".join(lines)


def rows(work: dict) -> str:
    sides = work["sides"]
    peers = {name: side for name, side in sides.items() if name != "Slipway"}
    lines = [row(work, name, peer) for name, peer in peers.items() if "error" not in peer]
    if not lines:
        lines.append(row(work, "", {}))
    lines += [f"{work['title']}, {name}: {side['error']}" for name, side in sides.items() if "error" in side]
    return "\n".join(lines)


def limits_line(limits: dict) -> str:
    products = ", ".join(f"{rows} rows {number(limit['best'])} ({number(limit['streamed'])} from memory)" for rows, limit in limits["rows"].items())
    square = ", ".join(f"{number(rate)} on {threads}" for threads, rate in limits["square"].items())
    return f"sgemm, GFLOP/s: {products}; 1024 cubed {square}; reading {number(limits['read_gb_s'])} GB/s"


def heading(record: dict) -> str:
    machine, limits, versions = record["machine"], record["limits"], record["versions"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['flags']) or 'no AVX2'}, {machine['memory_gb']} GB; float32; "
             + ", ".join(f"{name} {version}" for name, version in versions.items() if name not in ("slipway", "numpy", "gguf"))]
    if limits is None:
        lines.append(f"computing on {machine['gpu'] or record['device']}")
    else:
        lines.append(limits_line(limits))
    if record["quick"]:
        lines.append("QUICK: small works, one turn; these numbers show that everything runs and nothing else.")
    if machine["busy_at_start"] > 0.05:
        lines.append(f"WARNING: something else took {percent(machine['busy_at_start'])} of the cores; the numbers below are not to be quoted.")
    return "\n".join([*lines, "", line(COLUMNS), line(["---"] * len(COLUMNS))])
