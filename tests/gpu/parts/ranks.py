"""Two ranks, a GPU each: what they exchange beside the processor's sums, whole runs beside those of one
process, a rank that is killed. Where there is one GPU, whether NCCL is found; where there is none, two
emulated ones and a stand-in for NCCL.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from program import finished, overrides, rows_of as rows_of_run
from read_run import read_safetensors
from run_files import PLAIN, write
from runs import FACTOR, distance, steps
from sides import Side, emulator, gpu, processor
from tell import (
    at_least,
    at_most,
    environment,
    facts,
    failed,
    guarded,
    need_libtorch,
    ok,
    scratch,
    seconds_left,
    skip_all,
    skipped,
)

RANKS = 2
SILENCE = 2  # seconds after which a rank counts as lost
RANK_LOST = 75
STAGES = (1, 2, 3)
# From a rank's death to the others' end, by docs/distributed.md.
ENDED_IN = SILENCE + 2


def rows_of(where: str) -> list[str]:
    return [
        f"collectives of {where} beside the processor's",
        f"sft on {where} beside one process: weights",
        *(f"zero_stage = {stage} on {where}" for stage in STAGES),
        f"a checkpoint of zero_stage = 3 that goes on with 2 on {where}",
        f"raft with zero_stage = 3 on {where}",
        f"a killed rank on {where}: seconds to the end of the other",
        f"what {where} exchange: GB/s",
    ]


def tell_nccl() -> bool:
    """Whether it is found, without which nothing else can be."""
    told = json.loads(finished("doctor", "--quick", "--json").stdout)
    if told["nccl"] is None:
        failed("NCCL", told["nccl_fault"] or "this build has no module for GPUs")
        return False
    ok("NCCL", why=f"{told['nccl']['version']}, {told['nccl']['library']}")
    return True


def free_port() -> int:
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return here.getsockname()[1]


def start(command: list[object], **more: str) -> list[subprocess.Popen]:
    """The ranks of one group, each a process of its own."""
    group = {"WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [
        subprocess.Popen(
            [*map(str, command)],
            env={**environment(), **group, **more, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(RANKS)
    ]


def ended(ranks: list[subprocess.Popen], seconds: float) -> list[str]:
    """What each said last; who is late is killed, and says so."""
    end = time.monotonic() + seconds
    words = []
    for process in ranks:
        try:
            words.append(process.communicate(timeout=max(0.1, end - time.monotonic()))[1][-300:])
        except subprocess.TimeoutExpired:
            process.kill()
            words.append(f"killed after {seconds:.0f} s: {process.communicate()[1][-300:]}")
    return words


def check_collectives(row: str, on_gpus: bool) -> None:
    program = pathlib.Path(facts()["unit"]).with_name("rank_program")
    if not program.exists():
        return failed(row, f"{program} is missing")
    ranks = start(
        [program, "collectives_of_devices"], **({"SLIPWAY_TEST_DEVICE": "module"} if on_gpus else {})
    )
    words = ended(ranks, min(60, seconds_left()))
    wrong = [f"rank {i}: {text}" for i, text in enumerate(words) if ranks[i].returncode != 0]
    if wrong:
        return failed(row, " | ".join(wrong))
    return ok(row, why="sums, least, most, parts, several at once, of four types: equal to the bit")


def train(
    side: Side, ranks: int, file: pathlib.Path, folder: pathlib.Path, *more: str, **keys: object
) -> pathlib.Path:
    """Equal examples a step, however many ranks; each segment of a small model cut by itself."""
    shared = {
        "run.output_dir": str(folder),
        "train.device": side.device,
        "train.ddp_bucket_cap_mb": 0 if side.small else 1,
    }
    dealt = {"train.per_device_train_batch_size": 4 // ranks}
    finished(
        "launch",
        "--nproc",
        ranks,
        "train",
        file,
        "--quiet",
        *overrides({**shared, **dealt, **keys}),
        *more,
        program=side.program,
    )
    return folder


def check_runs(side: Side, rows: list[str]) -> None:
    file, begin = write("sft", side.small, PLAIN)
    root = scratch(f"{side.name}-ranks")
    here = processor(side.small)
    one = train(side, 1, file, root / "one")
    two = train(side, RANKS, file, root / "two")
    reordered = {"train.max_tokens_per_batch": 16}
    scale = distance(
        train(here, 1, file, root / "reordered", **reordered), train(here, 1, file, root / "here"), begin
    )
    told = f"of the way; another order of sums makes {scale:.2g} on the processor"
    at_most(rows[1], distance(two, one, begin), FACTOR * scale, told)
    for stage, row in zip(STAGES, rows[2:]):
        with guarded(row):
            zero = train(side, RANKS, file, root / f"zero-{stage}", **{"train.zero_stage": stage})
            check_cut(row, zero, two, stage, f"{distance(zero, two, begin):.2g} {told}")
    with guarded(rows[5]):
        half = sorted((root / "zero-3").glob("checkpoint-*"), key=steps)[0]
        again = train(side, RANKS, file, root / "again", f"--resume={half}", **{"train.zero_stage": 2})
        if (again / "model.safetensors").read_bytes() != (two / "model.safetensors").read_bytes():
            return failed(rows[5], f"{distance(again, two, begin):.2g} {told}; equal bits are asked")
        ok(rows[5], why=f"equal to the bit; from {half.name}")
    return None


def check_cut(row: str, zero: pathlib.Path, two: pathlib.Path, stage: int, apart: str) -> None:
    """A run that cuts beside one that does not: its bits, and what a rank keeps between steps."""
    if len({(folder / "model.safetensors").read_bytes() for folder in (two, zero)}) != 1:
        return failed(row, f"{apart}; equal bits are asked")
    kept = next(each for each in rows_of_run(zero) if "memory_weights_bytes" in each)
    whole = 4 * sum(len(values) for values in read_safetensors(zero / "model.safetensors").values())
    promised = {"weights": whole / (RANKS if stage >= 3 else 1)}
    promised["gradients"] = whole / (RANKS if stage >= 2 else 1)
    told = {name: kept[f"memory_{name}_bytes"] for name in promised}
    words = ", ".join(f"{told[name]:.0f} bytes of {name} of {promised[name]:.0f}" for name in promised)
    # Where weights are whole, units that begin at pages of a small model leave gaps between them.
    if any(told[name] > 1.05 * promised[name] for name in promised if stage >= 3 or name == "gradients"):
        return failed(row, f"a rank keeps {words}")
    return ok(row, why=f"equal to the bit; a rank keeps {words}")


def check_raft(side: Side, row: str) -> None:
    """Every answer of a run whose ranks cut weights is that of one whose ranks do not."""
    if not side.small:
        return skipped(row, "in the time of an emulator alone")
    file, _ = write("raft", side.small)
    root = scratch(f"{side.name}-ranks")
    few = {"raft.iterations": 1, "raft.prompts_per_iteration": 2, "raft.samples_per_prompt": 2}
    runs = [
        train(side, RANKS, file, root / f"raft-{stage}", **few, **{"train.zero_stage": stage})
        for stage in (0, 3)
    ]
    samples = sorted(f"samples/{each.name}" for each in (runs[0] / "samples").iterdir())
    for name in ("model.safetensors", *samples):
        if (runs[0] / name).read_bytes() != (runs[1] / name).read_bytes():
            return failed(row, f"{name} is another")
    return ok(row, why="answers and weights are equal to the bit")


def check_killed(side: Side, row: str) -> None:
    file, _ = write("sft", side.small)
    folder = scratch(f"{side.name}-ranks") / "killed"
    keys = {
        "run.output_dir": str(folder),
        "train.device": side.device,
        "train.rank_timeout": SILENCE,
        "train.max_steps": 100000,
        "train.save_steps": 5,
    }
    ranks = start([side.program, "train", file, "--quiet", *overrides(keys)])
    end = time.monotonic() + min(60, seconds_left())
    while not any(folder.glob("checkpoint-*/manifest.json")) and time.monotonic() < end:
        if any(process.poll() is not None for process in ranks):
            break
        time.sleep(0.01)
    ranks[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    words = ended(ranks[:1], 30)[0].strip()
    seconds = time.monotonic() - killed
    ended(ranks[1:], 1)
    if ranks[0].returncode != RANK_LOST or "rank 1 (" not in words:
        return failed(row, f"ended with {ranks[0].returncode}: {words}")
    return at_most(row, seconds, ENDED_IN, words.splitlines()[-1])


def check_doctor(side: Side, row: str) -> None:
    done = finished(
        "launch", "--nproc", RANKS, "doctor", "--dist", "--quick", "--json", program=side.program
    )
    told = json.loads(done.stdout[done.stdout.index("{") :])
    if told["devices"] is None:
        return failed(row, told["devices_fault"])
    between = told["devices"]
    return at_least(
        row,
        between["bus_gb_per_s"],
        None,
        f"NCCL {between['nccl']}; a number takes {1e6 * between['latency_seconds']:.0f} us",
    )


def check(side: Side, where: str) -> None:
    rows = rows_of(where)
    with guarded(rows[0]):
        check_collectives(rows[0], on_gpus=side.name == "GPU")
    with guarded(rows[1]):
        check_runs(side, rows)
    with guarded(rows[-3]):
        check_raft(side, rows[-3])
    with guarded(rows[-2]):
        check_killed(side, rows[-2])
    with guarded(rows[-1]):
        check_doctor(side, rows[-1])


def emulated() -> Side:
    side = emulator()
    stand_in = facts()["stand_in"]
    if side.why_not is None and stand_in is None:
        side.why_not = "no NCCL module in this build"
    if side.why_not is None:
        shutil.copy2(facts()["nccl"], pathlib.Path(side.program).parent)
        os.environ["SLIPWAY_NCCL_LIBRARY"] = stand_in
        os.environ["SLIPWAY_STAND_IN_FOLDER"] = str(scratch("nccl"))
        os.environ["SLIPWAY_EMULATED_DEVICES"] = str(RANKS)
    return side


def main() -> None:
    os.environ.update(environment())
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        os.environ.pop(name, None)
    on_gpus, pretended = f"{RANKS} GPUs", f"{RANKS} emulated GPUs"
    if (why_not := need_libtorch()) is not None:
        return skip_all(["NCCL", *rows_of(on_gpus)], why_not)
    if facts()["gpu"] is not None:
        found = tell_nccl()
        if found and facts()["gpus"] >= RANKS:
            return check(gpu(), on_gpus)
        return skip_all(rows_of(on_gpus), "no NCCL" if not found else "one GPU")
    skipped("NCCL", "no GPU")
    skip_all(rows_of(on_gpus), "no GPU")
    side = emulated()
    if side.why_not is not None:
        return skip_all(rows_of(pretended), side.why_not)
    check(side, pretended)
    return shutil.rmtree(scratch("emulated"), ignore_errors=True)


if __name__ == "__main__":
    main()
