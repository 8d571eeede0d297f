"""Whole runs of sft and raft: killed and resumed they end as one that nobody disturbed; what begins on one
device goes on on the other.
"""

import math
import os
import pathlib
import shutil
import signal
import subprocess
import time

from kill_test import outcome
from program import losses, overrides, rows_of, run
from read_run import read_safetensors
from run_files import PLAIN, write
from sides import Side, emulator, gpu, processor
from tell import at_most, environment, failed, guarded, ok, scratch, seconds_left, skip_all

# How far apart two devices may end: so many times what another cut of batches makes on the processor alone.
# That changes the order of one kind of sum, a weight's gradient over tokens; another device that of all.
FACTOR = 4


def train(side: Side, file: pathlib.Path, folder: pathlib.Path, *more: object) -> None:
    run(
        "train",
        file,
        "--quiet",
        *overrides({"run.output_dir": str(folder), "train.device": side.device}),
        *more,
        program=side.program,
    )


def steps(checkpoint: pathlib.Path) -> int:
    return int(checkpoint.name.split("-")[1])


def kill_after_a_checkpoint(side: Side, file: pathlib.Path, folder: pathlib.Path) -> int | None:
    """SIGKILL as soon as there is a checkpoint of a step; its number, or None where the run was over
    before.
    """
    command = [
        side.program,
        "train",
        str(file),
        "--quiet",
        *overrides({"run.output_dir": str(folder), "train.device": side.device}),
    ]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + seconds_left()
        while process.poll() is None and time.monotonic() < end:
            if any(steps(checkpoint) > 0 for checkpoint in folder.glob("checkpoint-*")):
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    newest = max((steps(checkpoint) for checkpoint in folder.glob("checkpoint-*")), default=0)
    return newest if process.returncode == -signal.SIGKILL else None


def tell_course(row: str, folder: pathlib.Path) -> None:
    """sft: whether the loss falls; raft: whether what is kept is better than what was sampled."""
    rounds = [each for each in rows_of(folder) if each.get("event") == "iteration"]
    logged = losses(folder)
    half = len(logged) // 2
    first, second = sum(logged[:half]) / half, sum(logged[-half:]) / half
    right = (
        all(each["selected_reward"] > each["reward_mean"] for each in rounds) if rounds else second < first
    )
    told = f"mean loss of the first half {first:.4g}, of the second {second:.4g}"
    if rounds:
        told = f"{len(rounds)} rounds, rewards " + ", ".join(
            f"{each['reward_mean']:.3g} (kept {each['selected_reward']:.3g})" for each in rounds
        )
    (ok if right else failed)(row, measured=len(logged), why=f"steps; {told}")


def check_whole(side: Side, name: str) -> None:
    """A run, and the same killed and resumed."""
    file, _ = write(name, side.small)
    root = scratch(f"{side.name}-{name}")
    train(side, file, root / "whole")
    whole = outcome(root / "whole")
    tell_course(f"{name} on the {side.name}", root / "whole")
    row = f"{name} on the {side.name}, killed and resumed"
    killed_at = kill_after_a_checkpoint(side, file, root / "killed")
    if killed_at is None:
        return failed(row, "the run was over before it could be killed")
    train(side, file, root / "killed", "--resume")
    weights, rows = outcome(root / "killed")
    if weights != whole[0] or rows != whole[1]:
        return failed(
            row,
            f"resumed from step {killed_at}: other {'weights' if weights != whole[0] else 'logged rows'} "
            "than an undisturbed run's",
        )
    return ok(row, measured=killed_at, why="the step it went on from; weights and rows are equal to the bit")


def distance(a: pathlib.Path, b: pathlib.Path, start: pathlib.Path) -> float:
    """Between the weights of two runs, as a share of the way from where they began."""
    first, second, begin = (read_safetensors(folder / "model.safetensors") for folder in (a, b, start))
    apart = sum((x - y) ** 2 for name in first for x, y in zip(first[name], second[name]))
    way = sum((x - y) ** 2 for name in first for x, y in zip(first[name], begin[name]))
    return math.sqrt(apart / way)


def check_moves(side: Side) -> None:
    """The same run on the processor and on `side`; a checkpoint of one that goes on on the other, and comes
    back.
    """
    file, start = write("sft", side.small, PLAIN)
    root = scratch(f"{side.name}-moves")
    here = processor(side.small)
    train(here, file, root / "here")
    train(here, file, root / "reordered", *overrides({"train.max_tokens_per_batch": 16}))
    scale = distance(root / "reordered", root / "here", start)
    train(side, file, root / "there")
    told = f"of the way; another order of sums makes {scale:.2g} on the processor"
    at_most(
        f"sft on processor and {side.name}: weights",
        distance(root / "there", root / "here", start),
        FACTOR * scale,
        told,
    )
    every = min(steps(checkpoint) for checkpoint in (root / "there").glob("checkpoint-*"))
    train(here, file, root / "moved", f"--resume={root / 'there' / f'checkpoint-{every}'}")
    train(side, file, root / "back", f"--resume={root / 'moved' / f'checkpoint-{2 * every}'}")
    at_most(
        f"sft from {side.name} to processor and back: weights",
        distance(root / "back", root / "there", start),
        FACTOR * scale,
        f"{told}; moved at steps {every} and {2 * every}",
    )


def rows_on(side: Side) -> list[str]:
    return [
        f"{name} on the {side.name}{how}" for name in ("sft", "raft") for how in ("", ", killed and resumed")
    ]


def rows_of_moves(side: Side) -> list[str]:
    return [
        f"sft on processor and {side.name}: weights",
        f"sft from {side.name} to processor and back: weights",
    ]


def check(side: Side) -> None:
    for name in ("sft", "raft"):
        with guarded(f"{name} on the {side.name}"):
            check_whole(side, name)
    with guarded(f"sft on processor and {side.name}"):
        check_moves(side)


def check_processor(side: Side) -> None:
    if side.why_not is not None:
        return skip_all(rows_on(side), side.why_not)
    for name in ("sft", "raft"):
        with guarded(f"{name} on the processor"):
            check_whole(side, name)


def main() -> None:
    os.environ.update(environment())
    for side in (gpu(), emulator()):
        if side.why_not is not None:
            skip_all(rows_on(side) + rows_of_moves(side), side.why_not)
        else:
            check(side)
    if gpu().why_not is not None:
        check_processor(processor())
    shutil.rmtree(scratch("emulated"), ignore_errors=True)


if __name__ == "__main__":
    main()
