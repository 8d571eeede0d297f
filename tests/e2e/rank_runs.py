"""Runs of several ranks: under slipway launch, or started by hand, so that each can be treated by itself. PROGRAM is the first argument of the test."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from read_run import TIMES, read_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(sys.argv[1])
FOREIGN = re.compile(r"(RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|SLURM_\w+|OMPI_\w+|TORCHELASTIC_\w+|SLIPWAY_RUN_TOKEN)$")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)} | {"OMP_NUM_THREADS": "1"}
RANK_LOST, INTERRUPTED = 75, 85
LIMIT = 2  # seconds without a sign of life


def training(file: str, out: pathlib.Path, settings: dict, *more: str) -> list[str]:
    """The arguments of slipway for a training; `file`: beside this one, or absolute."""
    sets = [text for key, value in ({"run.output_dir": out, "train.rank_timeout": LIMIT} | settings).items() for text in ("--set", f"{key}={value}")]
    return ["train", str(ROOT / "tests/e2e" / file), *sets, *more]


def launched(ranks: int, *arguments: object, code: int = 0, env: dict = ENVIRONMENT, seconds: float = 240) -> subprocess.CompletedProcess:
    """Ends with the code, or this fails."""
    done = subprocess.run([PROGRAM, "launch", "--nproc", str(ranks), *map(str, arguments)], env=env, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == code, f"{arguments}: ended with {done.returncode}, not {code}: {done.stdout[-500:]} {done.stderr[-3000:]}"
    return done


def losses(out: pathlib.Path) -> list[float]:
    return [row["loss"] for row in read_rows(out / "metrics.jsonl") if "loss" in row]


def rows_without_times(out: pathlib.Path) -> list[dict]:
    """Memory neither: a process measures its own in its first step, and one that is resumed at the end takes none."""
    return [{k: v for k, v in row.items() if k not in TIMES and not k.startswith(("share_", "memory_"))} for row in read_rows(out / "metrics.jsonl")]


def trained_steps(out: pathlib.Path) -> int:
    """The last step that has a row; 0 before the first, and where a row is being written."""
    try:
        return max((json.loads(line)["global_step"] for line in (out / "metrics.jsonl").read_text().splitlines()), default=0)
    except (OSError, ValueError, KeyError):
        return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_with(mark: str) -> dict[int, str]:
    """Processes whose environment or arguments have the mark, and their states."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                found[int(process.name)] = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
    found.pop(os.getpid(), None)
    return found


class Ranks:
    """Ranks on this machine, started by hand: who ends how, and when."""

    def __init__(self, arguments: list[str], ranks: int = 2, of_rank: dict[int, dict] | None = None, arguments_of: dict[int, list[str]] | None = None):
        port = free_port()
        self.processes = [subprocess.Popen([PROGRAM, *(arguments_of or {}).get(r, arguments)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                           env=ENVIRONMENT | {"RANK": str(r), "LOCAL_RANK": str(r), "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks),
                                                              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)} | (of_rank or {}).get(r, {})) for r in range(ranks)]

    def wait_until(self, what, seconds: float = 60) -> None:
        give_up = time.monotonic() + seconds
        while not what():
            assert all(p.poll() is None for p in self.processes), [p.communicate()[0][-2000:] for p in self.processes]
            assert time.monotonic() < give_up, "it does not come to that"
            time.sleep(0.01)

    def wait_for_steps(self, out: pathlib.Path, steps: int) -> None:
        self.wait_until(lambda: trained_steps(out) >= steps)

    def signal(self, rank: int, how: signal.Signals) -> None:
        self.processes[rank].send_signal(how)

    def ends(self, rank: int, seconds: float) -> tuple[int, str, float]:
        begin = time.monotonic()
        try:
            text = self.processes[rank].communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            for p in self.processes:
                p.kill()
            raise AssertionError(f"rank {rank} goes on: {self.processes[rank].communicate()[0][-2000:]}") from None
        return self.processes[rank].returncode, text, time.monotonic() - begin


def run_checks(checks: list, wanted: list[str]) -> None:
    """All of them, or those that are named."""
    for check in checks:
        if wanted and check.__name__ not in wanted:
            continue
        begin = time.monotonic()
        check()
        print(f"{check.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
