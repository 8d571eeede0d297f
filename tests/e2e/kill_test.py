"""Kills a run at random moments, resumes it, and compares the end with that of a run nobody disturbed.

usage: kill_test.py SLIPWAY RUN_FILE KILLS [SIGNAL]   (SIGNAL: KILL, the default, or TERM)
The final weights must be bitwise equal, and metrics.jsonl must hold the same rows, times aside. Standard library only.
"""
import hashlib
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from read_run import TIMES

INTERRUPTED = 85


def start(program: str, run_file: str, folder: pathlib.Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen([program, "train", run_file, "--quiet", "--set", f"run.output_dir={folder}", *more], stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen, what: str) -> None:
    _, errors = process.communicate(timeout=300)
    if process.returncode != 0:
        sys.exit(f"{what} ended with {process.returncode}: {errors}")


def outcome(folder: pathlib.Path) -> tuple[str, list]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return (hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
            [{k: v for k, v in row.items() if k not in TIMES and not k.startswith("share_")} for row in rows])


def phase_of(folder: pathlib.Path) -> str:
    """Where the checkpoint that a resume will start from stands."""
    checkpoints = [c for c in folder.glob("checkpoint-*") if (c / "manifest.json").exists()]
    if not checkpoints:
        return "no checkpoint yet"
    newest = max(checkpoints, key=lambda c: int(c.name.split("-")[1]))
    for name in ("raft_state.json", "sft_state.json"):
        if (newest / name).exists():
            return json.loads((newest / name).read_text()).get("phase", "train")
    return "?"


def main() -> None:
    program, run_file, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    number = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM}[sys.argv[4] if len(sys.argv) > 4 else "KILL"]
    draw = random.Random(20)
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-kill-"))
    try:
        begin = time.monotonic()
        finish(start(program, run_file, root / "whole"), "the undisturbed run")
        duration = time.monotonic() - begin
        expected = outcome(root / "whole")
        equal, resumed_from = 0, {}
        for i in range(kills):
            folder = root / "killed"
            shutil.rmtree(folder, ignore_errors=True)
            process = start(program, run_file, folder)
            time.sleep(draw.uniform(0.02, 0.98) * duration)
            process.send_signal(number)
            process.communicate(timeout=300)
            if number == signal.SIGTERM and process.returncode not in (0, INTERRUPTED, -signal.SIGTERM):
                sys.exit(f"stop {i}: SIGTERM must end with {INTERRUPTED}, not {process.returncode}")
            phase = phase_of(folder) if process.returncode != 0 else "already finished"
            resumed_from[phase] = resumed_from.get(phase, 0) + 1
            if process.returncode != 0:
                finish(start(program, run_file, folder, "--resume"), f"resume {i} (after {phase})")
            got = outcome(folder)
            if got[0] != expected[0]:
                sys.exit(f"kill {i}: the weights differ from the undisturbed run's; the checkpoint was at: {phase}")
            if got[1] != expected[1]:
                different = next((a, b) for a, b in zip(got[1] + [None] * 99, expected[1] + [None] * 99) if a != b)
                sys.exit(f"kill {i}: metrics.jsonl differs ({phase}):\n  {different[0]}\n  {different[1]}")
            equal += 1
        print(f"{kills} x SIG{number.name[3:]}, {equal} bitwise equal ends; undisturbed run {duration:.1f} s; resumed from {resumed_from}")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
