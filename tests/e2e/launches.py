"""Launches by slipway launch, mostly of small programs in the place of ranks. PROGRAM is the first argument of the test."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from rank_runs import PROGRAM, processes_with, run_checks

SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="slipway-launch-test-"))
TEMPORARY = SCRATCH / "tmp"  # where launches make their folders
FOREIGN = re.compile(r"(RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|SLURM_\w+|OMPI_\w+|TORCHELASTIC_\w+|SLIPWAY_\w+|OMP_NUM_THREADS)=")
PLAIN = {k: v for k, v in os.environ.items() if not FOREIGN.match(k + "=")} | {"TMPDIR": str(TEMPORARY)}
RANK = "import os, sys, time, signal, json; rank = int(os.environ['RANK']); life = int(os.environ['TORCHELASTIC_RESTART_COUNT'])\n"


def rank_program(text: str) -> list[str]:
    """A program that knows its rank, as what follows --."""
    return ["--", sys.executable, "-uSc", RANK + text]


def start(*arguments: str, **more) -> subprocess.Popen:
    return subprocess.Popen([PROGRAM, "launch", *map(str, arguments)], **({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": PLAIN} | more))


def ended(process: subprocess.Popen, seconds: float = 60) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{process.args} goes on after {seconds} s: {process.communicate()}") from None
    return process.returncode, out, err


def launch(*arguments: str, **more) -> tuple[int, str, str]:
    return ended(start(*arguments, **more))


def wait_for(what, why: str, seconds: float = 60):
    give_up = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up, why
        time.sleep(0.01)
    return found


def file_of(name: str) -> pathlib.Path:
    path = SCRATCH / name
    path.unlink(missing_ok=True)
    return path


def lines_of(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def nothing_is_left(mark: str) -> None:
    wait_for(lambda: not processes_with(mark), f"processes are left: {processes_with(mark)}", 5)
    assert not list(TEMPORARY.iterdir()), f"folders are left: {list(TEMPORARY.iterdir())}"


def run_launch_checks(checks: list) -> None:
    """All of them, or those that the command line names."""
    TEMPORARY.mkdir()
    begin_all = time.monotonic()
    try:
        run_checks(checks, sys.argv[2:])
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    print(f"all: {time.monotonic() - begin_all:.1f} s")
