"""How long a step takes with more ranks: measured with 1, 2 and 4 on this machine, computed up to 64. usage: scaling.py [SLIPWAY] [--steps N]

Weak scaling: SmolLM2-135M, 2 x 256 tokens a rank and step, one thread a rank. Measured are a step of one rank, the part of it that is the backward
pass, and how fast ranks exchange (slipway doctor --dist); from these comes the time of a step on W ranks, beside the measured ones:

    wire(bytes) = 2 (W - 1) / W * bytes / rate + 2 * latency            a sum to all
    step(W)     = step(1) + wire(last unit) + max(0, sum of wire(other units) - backward)

The last unit is the embedding's: the head is tied to it, so its gradient is complete only when the backward pass is. What else is exchanged goes on
behind that pass. Prints a table for docs/scaling.md. Ranks beyond the machine's cores share them: then the measured step is of half a core, and the
computed one takes step(1) as many times longer.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from works.setting import WEIGHTS
from works.texts import long_texts
from works.training import run_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH, LENGTH = 2, 256
# SmolLM2-135M's gradients, float32: a block's, thirty times, and the embedding's. Norms are added to the last.
BLOCK_BYTES, BLOCKS, LAST_BYTES = 4 * 3_538_944, 30, 4 * (28_311_552 + 61 * 576)
NETWORKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}
NETWORK_LATENCY = 30e-6


def launch(program: str, ranks: int, *command: str) -> str:
    done = subprocess.run([program, "launch", "--nproc", str(ranks), *command], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


def step_seconds(program: str, folder: pathlib.Path, ranks: int, steps: int) -> float:
    texts = folder / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in long_texts(BATCH * 4 * steps, 1800)))
    toml, out = folder / "run.toml", folder / f"ranks-{ranks}"
    toml.write_text(run_file(f'weights = "{WEIGHTS}"', f'train = ["{texts}"]\nmax_tokens = {LENGTH}', max_steps=steps, per_device_train_batch_size=BATCH, logging_steps=1)
                    .replace("OUTPUT", str(out)))
    launch(program, ranks, "train", str(toml))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    times = [row["time"] for row in rows if "loss" in row]
    return statistics.median(b - a for a, b in zip(times[1:], times[2:]))


def exchange(program: str, ranks: int) -> tuple[float, float]:
    """Bytes a second that each rank sends, and receives, in a sum; seconds of a sum of one number."""
    told = json.loads("".join(line.removeprefix("[0] ") for line in launch(program, ranks, "doctor", "--dist", "--json").splitlines(keepends=True)))
    return told["bus_gb_per_s"] * 1e9, told["latency_seconds"]


def computed(ranks: int, step: float, backward: float, rate: float, latency: float) -> float:
    if ranks == 1:
        return step

    def wire(size: float) -> float:
        return 2 * (ranks - 1) / ranks * size / rate + 2 * latency

    return step + wire(LAST_BYTES) + max(0.0, BLOCKS * wire(BLOCK_BYTES) - backward)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slipway", nargs="?", default=str(ROOT / "build/release/slipway"))
    parser.add_argument("--steps", type=int, default=8)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="slipway-scaling-") as scratch:
        folder = pathlib.Path(scratch)
        measured = {ranks: step_seconds(given.slipway, folder, ranks, given.steps) for ranks in (1, 2, 4)}
    one = measured[1]
    backward = one * 2 / 3  # two of the three products that a weight takes part in
    print("| ranks | measured | computed |\n|---|---|---|")
    print(f"| 1 | {one:.2f} s | |")
    for ranks in (2, 4):
        rate, latency = exchange(given.slipway, ranks)
        shared = max(1.0, ranks / cores)
        guess = computed(ranks, one * shared, backward * shared, rate, latency)
        print(f"| {ranks}{' (sharing cores)' if shared > 1 else ''} | {measured[ranks]:.2f} s | {guess:.2f} s, by {rate / 1e9:.2f} GB/s and {1e3 * latency:.2f} ms |")
    print("\n| ranks |", " | ".join(f"{name}: step, of one rank's rate" for name in NETWORKS), "|\n|---|" + "---|" * len(NETWORKS))
    for ranks in (2, 4, 8, 16, 32, 64):
        cells = [computed(ranks, one, backward, rate, NETWORK_LATENCY * ranks.bit_length()) for rate in NETWORKS.values()]
        print(f"| {ranks} |", " | ".join(f"{step:.2f} s, {100 * one / step:.0f} %" for step in cells), "|")


main()
