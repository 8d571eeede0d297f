"""Slipway and its peers on the same machine, weights and tokens: in turn, several times; medians, ratios, shares of the limits.

usage: bench.py [--list] [--only WORK,...] [--repeats N] [--quick] [--device cpu|cuda] [--out FOLDER] [--slipway PROGRAM] [--peers PYTHON]
       bench.py --before PROGRAM [the same options]

tests/bench/run calls this with the peers' Python. Prints a table and, for each target, what was measured; the machine, the
versions and every number go into FOLDER/bench.json, which is brought up to date after each work. Every side runs in each precision that it
has and the processor multiplies in; the table names them, and what counts is the fastest of each. "Of peak" is the share of the
multiply-add peak of that precision. With --device cuda all sides compute on the NVIDIA GPU in float32 (TF32 off); memory is still that of
the process, and there are no shares of the processor's limits.

Before each turn it waits up to a minute until nothing else runs. A turn that something else took more than 5 % of the cores from is busy,
and so is every ratio with it: that word stands in the place of the number.

--before compares with an older slipway in the peers' place: what a change costs or brings. Turns of both alternate, the one that begins
too; it ends with 1 when a side of a work came to less than 0.97 of what it was, or was busy.
"""
import argparse
import dataclasses
import importlib
import importlib.metadata
import json
import pathlib
import sys
from typing import Callable

import quiet
import table
import targets
from measure import Failed, machine, run
from side import figures
from works.setting import ROOT, Setting
from works.work import Side, Turn, Work

WORKS = ("plugin", "tiny", "ragged", "dense", "sample32", "sample128", "raft", "long", "long_decode")
AGAIN = 2  # more turns for one that was disturbed
PEERS = ("torch", "transformers", "accelerate", "trl", "llama_cpp_python", "numpy", "gguf", "vadersentiment")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the works, and stop")
    parser.add_argument("--only", default=",".join(WORKS), metavar="WORK,...", help="these works alone")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="turns of each side (default 3)")
    parser.add_argument("--quick", action="store_true", help="one turn of small works: shows that all runs, says nothing of speed")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where Slipway and the peers compute (default cpu)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench", metavar="FOLDER")
    parser.add_argument("--slipway", type=pathlib.Path, default=ROOT / "build/release/slipway", metavar="PROGRAM")
    parser.add_argument("--peers", type=pathlib.Path, default=pathlib.Path(sys.executable), metavar="PYTHON")
    parser.add_argument("--before", type=pathlib.Path, metavar="PROGRAM", help="compare with this slipway, not with the peers")
    options = parser.parse_args()
    options.only = [name for name in options.only.split(",") if name]
    unknown = [name for name in options.only if name not in WORKS]
    if unknown:
        parser.error(f"unknown work {unknown[0]}; there are: {', '.join(WORKS)}")
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


def printed_by(program: str, setting: Setting, *arguments: object) -> dict:
    """What one of the benchmark's own programs measured of the machine; without it there is no benchmark."""
    try:
        finished = run([setting.slipway.parent / program, *arguments], setting.log)
    except Failed as failure:
        sys.exit(str(failure))
    if finished.status != 0:
        sys.exit(f"{program} failed; see {setting.log}")
    return json.loads(finished.out)


def turn_of(side: Side, patience: float, taken: Callable[[], float]) -> Turn:
    """A peer that fails costs its row, not the others'. What else ran just before counts as much as what ran beside it. `taken`: the share
    that others have of the cores right now."""
    before = quiet.wait_for_quiet(patience, taken)
    watch = quiet.Watch()
    try:
        turn = side.measure()
    except Failed as failure:
        return Turn(error=str(failure))
    turn.others = max(before, watch.others(), taken())
    return turn


def undisturbed(side: Side, patience: float, taken: Callable[[], float]) -> Turn:
    """The first turn that nothing disturbed, or the last that was tried."""
    for _ in range(AGAIN if patience > 0 else 0):
        turn = turn_of(side, patience, taken)
        if turn.error or turn.others <= quiet.LIMIT:
            return turn
    return turn_of(side, patience, taken)


def against_before(name: str, setting: Setting, before: pathlib.Path) -> Work:
    """The work with an older program as its only peer."""
    build = importlib.import_module(f"works.{name}").work
    ours = [side for side in build(setting).sides if side.ours]
    theirs = [dataclasses.replace(side, program="before") for side in build(dataclasses.replace(setting, slipway=before)).sides if side.ours]
    # Each beside its own counterpart.
    return dataclasses.replace(build(setting), sides=[side for pair in zip(ours, theirs) for side in pair])


def slower(record: dict) -> list[str]:
    """Sides that came to less than 0.97 of what they were, or gave no number."""
    lines = []
    for name, work in record["works"].items():
        for side in (side for side in work["sides"] if side.startswith("Slipway ")):
            pair = work["against"].get(side.replace("Slipway", "before", 1), {}).get(side)
            if pair is None or pair["busy"] or pair["ratio"] < 0.97:
                lines.append(f"{name}: {side}: {'not measured' if pair is None else 'busy' if pair['busy'] else format(pair['ratio'], '.3f') + ' of before'}")
    return lines


def measure_work(work: Work, repeats: int, patience: float, taken: Callable[[], float]) -> dict[str, list[Turn]]:
    """Turns of all sides alternate, every other round backwards. One that others disturbed is taken again, at most AGAIN times where there
    is patience at all. `taken` as turn_of() has it."""
    turns: dict[str, list[Turn]] = {side.name: [] for side in work.sides}
    for repeat in range(repeats):
        for side in work.sides[:: -1 if repeat % 2 else 1]:
            print(f"  {work.name}: {side.name}, turn {repeat + 1} of {repeats}", file=sys.stderr, flush=True)
            # What does not run once will not run the next time.
            if not any(turn.error for turn in turns[side.name]):
                turns[side.name].append(undisturbed(side, patience, taken))
    return turns


def versions(slipway: pathlib.Path, peers: bool) -> dict:
    out = {name: importlib.metadata.version(name) for name in PEERS} if peers else {}
    out["python"] = sys.version.split()[0]
    out["slipway"] = run([slipway, "--version"], pathlib.Path("/dev/null")).out.strip()
    return out


def main() -> None:
    options = parse()
    if options.list:
        for name in WORKS:
            print(f"{name:10} {importlib.import_module(f'works.{name}').__doc__.splitlines()[0]}")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    setting = Setting(options.slipway.absolute(), options.peers, options.out.resolve(), options.quick, options.device)
    repeats, patience = (1, 0.0) if options.quick else (options.repeats, quiet.PATIENCE)
    taken = quiet.Cores(lambda: printed_by("slipway_bench_cores", setting)).taken
    quiet.wait_for_quiet(patience, taken)
    if options.device == "cpu":
        setting.limits = printed_by("slipway_bench_limits", setting, setting.size(10, 1) * 0.1)
    record = {"machine": machine(taken()), "versions": versions(setting.slipway, options.before is None), "repeats": repeats, "quick": options.quick,
              "device": options.device, "limits": setting.limits, "works": {}}
    print(table.heading(record), flush=True)
    for name in options.only:
        work = (against_before(name, setting, options.before.absolute()) if options.before
                else importlib.import_module(f"works.{name}").work(setting))
        record["works"][name] = figures(work, measure_work(work, repeats, patience, taken), record["limits"])
        setting.write("bench.json", json.dumps(record, indent=1) + "\n")
        print(table.rows(record["works"][name]), flush=True)
    if not options.before:
        print(table.what_counts(record))
    if busy := table.what_was_busy(record):
        print(busy)
    if options.before:
        print("\n" + ("\n".join(slower(record)) or "no work is slower than before"))
    elif options.device == "cpu":
        print(targets.judged(record))
    print(f"\n{setting.folder / 'bench.json'}")
    if options.before and slower(record):
        sys.exit(1)


if __name__ == "__main__":
    main()
