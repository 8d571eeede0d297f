"""How long a step takes with more ranks, by stage: measured on this machine, computed up to 64. usage: scaling.py [SLIPWAY] [--page docs/scaling.md]

Weak scaling: SmolLM2-135M, 2 x 256 tokens a rank and step, one thread a rank. Measured are a step with 1, 2 and 4 ranks for each zero_stage, and how
fast ranks exchange (slipway doctor --dist); exchanged.py says what a step of any number of ranks takes, from a step of one rank and that rate. Ranks
beyond the machine's cores share them: then the measured step is of half a core, and the computed one takes a step of one rank as many times longer.
Prints its tables, and with --page writes them between the page's marks. For a machine that does nothing else; --tokens 16 --steps 4 --ranks 1 2 tries it.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

import exchanged
from exchanged import SMOLLM2_135M as MODEL
from exchanged import STAGES, Wire
from works.setting import WEIGHTS
from works.texts import long_texts
from works.training import run_file, step_times

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = 2
NETWORKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}
NETWORK_LATENCY = 30e-6
# eight ranks a machine: what they exchange by within it, and its card
WITHIN, MACHINE = Wire(20e9, 5e-6), 8

Steps = dict[tuple[int, int], float]  # seconds, by ranks and stage
Wires = dict[int, Wire]               # by ranks


def launch(program: str, ranks: int, *command: str) -> str:
    done = subprocess.run([program, "launch", "--nproc", str(ranks), *command], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


def step_seconds(program: str, folder: pathlib.Path, ranks: int, stage: int, steps: int, tokens: int) -> float:
    """The median of all steps but the first two."""
    texts = folder / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in long_texts(BATCH * 4 * steps, 1800)))
    toml, out = folder / "run.toml", folder / f"ranks-{ranks}-{stage}"
    toml.write_text(run_file(f'weights = "{WEIGHTS}"', f'train = ["{texts}"]\nmax_tokens = {tokens}', max_steps=steps, per_device_train_batch_size=BATCH,
                             logging_steps=1, zero_stage=stage).replace("OUTPUT", str(out)))
    launch(program, ranks, "train", str(toml))
    times = step_times([json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()])
    (out / "model.safetensors").unlink(missing_ok=True)
    return statistics.median(b - a for a, b in zip(times[1:], times[2:]))


def wire(program: str, ranks: int) -> Wire:
    """Measured by a sum, and by one of one number."""
    told = json.loads("".join(line.removeprefix("[0] ") for line in launch(program, ranks, "doctor", "--dist", "--json").splitlines(keepends=True)))
    return Wire(told["bus_gb_per_s"] * 1e9, told["latency_seconds"])


def of_this_machine(steps: Steps, wires: Wires, cores: int) -> str:
    """What was not measured is left empty."""
    def row(ranks: int, stage: int) -> list[str]:
        shared = max(1.0, ranks / cores)
        guess = exchanged.step_seconds(MODEL, stage, ranks, steps[1, 0] * shared, wires[ranks])
        measured = steps.get((ranks, stage))
        return [f"{ranks}{', which share the cores' if shared > 1 else ''}", str(stage), "" if measured is None else f"{measured:.2f} s", f"{guess:.2f} s"]

    by = "; ".join(f"{ranks} ranks by {each.rate / 1e9:.2f} GB/s and {1e3 * each.latency:.2f} ms" for ranks, each in wires.items())
    rows = [["1", "", f"{steps[1, 0]:.2f} s", ""], *(row(ranks, stage) for ranks in wires for stage in STAGES)]
    return exchanged.table(["ranks", "stage", "measured", f"computed ({by})"], rows)


def of_networks(alone: float) -> str:
    """One rank a machine: the step, and its rate of one rank's."""
    def row(ranks: int, stage: int) -> list[str]:
        took = [exchanged.step_seconds(MODEL, stage, ranks, alone, Wire(rate, NETWORK_LATENCY * ranks.bit_length())) for rate in NETWORKS.values()]
        return [str(ranks), str(stage), *(f"{each:.2f} s, {100 * alone / each:.0f} %" for each in took)]

    return exchanged.table(["ranks", "stage", *NETWORKS], [row(ranks, stage) for ranks in (2, 8, 64) for stage in STAGES])


def of_machines(alone: float) -> str:
    """Eight ranks a machine: cut over all ranks, and within each machine."""
    def row(machines: int, stage: int) -> list[str]:
        cells = []
        for rate in NETWORKS.values():
            card = Wire(rate, NETWORK_LATENCY * machines.bit_length())
            ranks = MACHINE * machines
            flat = exchanged.step_seconds(MODEL, stage, ranks, alone, exchanged.share(card, MACHINE, ranks - MACHINE))
            hybrid = exchanged.step_seconds(MODEL, stage, MACHINE, alone, WITHIN, machines, exchanged.across(card, MACHINE))
            cells.append(f"{flat:.2f} s, {hybrid:.2f} s")
        return [str(machines), str(stage), *cells]

    return exchanged.table(["machines", "stage", *(f"{name}: over all, within" for name in NETWORKS)], [row(machines, stage) for machines in (2, 8) for stage in (2, 3)])


def of_memory() -> str:
    def row(stage: int) -> list[str]:
        kept = ["/".join(f"{size / 1e6:.0f}" for size in exchanged.bytes_kept(MODEL, stage, ranks)) for ranks in (2, 8, 64)]
        sent = ", ".join(f"{exchanged.bytes_sent(MODEL, stage, ranks) / 1e9:.2f}" for ranks in (2, 8, 64))
        return [str(stage), str(exchanged.exchanges(MODEL, stage)), sent, *kept]

    return exchanged.table(["stage", "exchanges", "GB sent, 2, 8 and 64 ranks", *(f"MB kept, {ranks} ranks" for ranks in (2, 8, 64))], [row(stage) for stage in STAGES])


def of_bends(ranks: int = 8, kept: float = 0.9) -> str:
    """How long a step of one rank is of which so many ranks keep that share of the rate. A longer one keeps more."""
    def shortest(stage: int, network: Wire) -> float:
        least, most = 1e-3, 1e3
        while most / least > 1.001:
            alone = (least * most) ** 0.5
            least, most = (least, alone) if alone / exchanged.step_seconds(MODEL, stage, ranks, alone, network) >= kept else (alone, most)
        return most

    networks = [Wire(rate, NETWORK_LATENCY * ranks.bit_length()) for rate in NETWORKS.values()]
    return exchanged.table(["stage", *NETWORKS], [[str(stage), *(f"{shortest(stage, each):.2f} s" for each in networks)] for stage in STAGES])


def tables(steps: Steps, wires: Wires, cores: int) -> dict[str, str]:
    return {"exchanged": of_memory(), "measured": of_this_machine(steps, wires, cores), "networks": of_networks(steps[1, 0]), "machines": of_machines(steps[1, 0]),
            "bends": of_bends()}


def with_tables(page: str, all_tables: dict[str, str]) -> str:
    """Each between <!-- scaling.py NAME --> and <!-- end -->."""
    for name, text in all_tables.items():
        page, found = re.subn(rf"(<!-- scaling.py {name} -->\n).*?(<!-- end -->)", lambda at: at[1] + text + "\n" + at[2], page, flags=re.S)
        if found != 1:
            raise SystemExit(f"the page has {found} places for the table \"{name}\", not one")
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slipway", nargs="?", default=str(ROOT / "build/release/slipway"))
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--ranks", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--page", type=pathlib.Path)
    given = parser.parse_args()
    several = [ranks for ranks in given.ranks if ranks > 1]
    with tempfile.TemporaryDirectory(prefix="slipway-scaling-") as scratch:
        folder = pathlib.Path(scratch)
        steps = {(1, 0): step_seconds(given.slipway, folder, 1, 0, given.steps, given.tokens)}
        for ranks in several:
            for stage in STAGES:
                steps[ranks, stage] = step_seconds(given.slipway, folder, ranks, stage, given.steps, given.tokens)
    done = tables(steps, {ranks: wire(given.slipway, ranks) for ranks in several}, len(os.sched_getaffinity(0)))
    print("\n\n".join(done.values()))
    if given.page:
        given.page.write_text(with_tables(given.page.read_text(), done))


if __name__ == "__main__":
    main()
