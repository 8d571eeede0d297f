"""Whole runs of several ranks, one of which is killed or stopped at a random moment, or whose network is cut. What is left must be named in
time and end, and the run that goes on must end as the one that nobody disturbed: the same weights bit for bit, the same rows, times and memory aside.

usage: faults_test.py SLIPWAY [--kills N] [--cuts N] [--seed S]

--kills: N runs under slipway launch --max-restarts, of 2 and of 4 ranks, sft and raft in turn, a random rank of which gets SIGKILL or SIGSTOP.
--cuts: N runs of two ranks on two hosts (network namespaces), whose link is cut; then they are started again with --resume.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rank_runs import ENVIRONMENT, LIMIT, PROGRAM, RANK_LOST, free_port, processes_with, rows_without_times, trained_steps, training  # noqa: E402
from two_hosts import TwoHosts  # noqa: E402

SFT = {"train.max_steps": 40, "train.save_steps": 7, "train.eval_strategy": "steps", "train.eval_steps": 10, "train.per_device_train_batch_size": 2, "train.gradient_accumulation_steps": 1,
       "data.eval_rows": 16}
RAFT = {"train.per_device_train_batch_size": 1}
CASES = [("tiny_sft.toml", SFT), ("tiny_raft.toml", RAFT)]


def outcome(folder: pathlib.Path) -> tuple[bytes, list]:
    return (folder / "model.safetensors").read_bytes(), rows_without_times(folder)


def difference(got: tuple[bytes, list], expected: tuple[bytes, list]) -> str:
    if got[1] != expected[1]:
        return "other rows: " + str(next((pair for pair in zip(got[1] + [None] * 99, expected[1] + [None] * 99) if pair[0] != pair[1]), ""))
    return "" if got[0] == expected[0] else "other weights"


class Launch:
    """A launch whose ranks can be treated by themselves, and what it says when."""

    def __init__(self, root: pathlib.Path, ranks: int, file: str, out: pathlib.Path, settings: dict):
        self.out, self.said = out, []
        self.mark = f"SLIPWAY_FAULTS={out}"
        self.process = subprocess.Popen([PROGRAM, "launch", "--nproc", str(ranks), "--max-restarts", "3", "--grace", "1.5", *training(file, out, settings, "--quiet")],
                                        env=ENVIRONMENT | {"SLIPWAY_FAULTS": str(out), "TMPDIR": str(root)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.said.append((time.monotonic(), line))

    def rank(self, number: int) -> int | None:
        """Its process, once it is there."""
        for pid in map(int, pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()):
            try:
                if f"\0RANK={number}\0".encode() in b"\0" + pathlib.Path(f"/proc/{pid}/environ").read_bytes():
                    return pid
            except OSError:
                continue
        return None

    def ends(self, seconds: float) -> int:
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = None
        self.reader.join(10)
        assert code is not None, f"the launch goes on after {seconds} s: {self.text()}"
        return code

    def text(self) -> str:
        return "".join(line for _, line in self.said)[-3000:]


def kill_once(root: pathlib.Path, draw: random.Random, case: tuple, ranks: int, duration: float, expected: tuple, name: str) -> tuple[str, float]:
    """How one is treated, and the seconds until it was named; 0 where the run had ended before."""
    file, settings = case
    victim, how = draw.randrange(ranks), draw.choice((signal.SIGKILL, signal.SIGSTOP))
    launch = Launch(root, ranks, file, root / name, settings)
    begin, moment = time.monotonic(), draw.uniform(0.02, 0.98) * duration
    if how == signal.SIGSTOP:  # one that is stopped before it comes to the store is missed, and not lost: the others wait for it
        while launch.process.poll() is None and not (launch.out / "metrics.jsonl").exists():
            time.sleep(0.005)
    time.sleep(max(0, moment - (time.monotonic() - begin)))
    pid = launch.rank(victim) if launch.process.poll() is None else None
    at = time.monotonic()
    if pid is not None:
        os.kill(pid, how)
    code = launch.ends(120)
    assert code == 0, f"the launch ended with {code}: {launch.text()}"
    named = [when - at for when, line in launch.said if when >= at and re.search(rf"rank {victim} .*(is lost|was killed by|failed with|has not ended)", line)]
    was_met = pid is not None and any(when >= at for when, _ in launch.said)
    if was_met:
        assert named and named[0] <= LIMIT + 2, f"rank {victim} was not named within {LIMIT + 2} s after {how.name}: {launch.text()}"
    other = difference(outcome(launch.out), expected)
    assert not other, f"{other}\n{launch.text()}"
    give_up = time.monotonic() + 5
    while left := processes_with(launch.mark):
        assert time.monotonic() < give_up, f"processes are left: {left}"
        time.sleep(0.05)
    shutil.rmtree(launch.out)
    return how.name if was_met else "after the end", named[0] if named else 0.0


def kills(root: pathlib.Path, count: int, draw: random.Random) -> None:
    undisturbed, times, longest = {}, collections.Counter(), collections.Counter()
    for i in range(count):
        ranks, case = (2, 4)[i % 2], CASES[i // 2 % 2]
        if (ranks, case[0]) not in undisturbed:
            begin = time.monotonic()
            launch = Launch(root, ranks, case[0], root / "whole", case[1])
            assert launch.ends(240) == 0, launch.text()
            undisturbed[ranks, case[0]] = time.monotonic() - begin, outcome(launch.out)
            shutil.rmtree(launch.out)
        duration, expected = undisturbed[ranks, case[0]]
        try:
            how, seconds = kill_once(root, draw, case, ranks, duration, expected, f"run-{i}")
        except AssertionError as problem:
            sys.exit(f"kill {i}, {ranks} ranks of {case[0]}: {problem}")
        times[how] += 1
        longest[how] = max(longest[how], seconds)
    print(f"{count} runs under slipway launch, all ended bitwise as undisturbed ones, and left no process: {dict(times)}; "
          f"longest until named: {', '.join(f'{how} {seconds:.2f} s' for how, seconds in longest.items() if seconds > 0)}", flush=True)


def cuts(root: pathlib.Path, count: int, draw: random.Random) -> None:
    def start(out: pathlib.Path, *more: str) -> list[subprocess.Popen]:
        port = free_port()
        return [subprocess.Popen([*hosts.command_on(rank), PROGRAM, *training(CASES[0][0], out, SFT, "--quiet", *more)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                 env=ENVIRONMENT | {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": hosts.ADDRESSES[0],
                                                    "MASTER_PORT": str(port)}) for rank in (0, 1)]

    def ended(ranks: list[subprocess.Popen], seconds: float) -> list[tuple[int, str]]:
        try:
            return [(process.returncode, text) for process in ranks for text in [process.communicate(timeout=seconds)[1]]]
        finally:
            for process in ranks:
                process.kill()

    longest = 0.0
    with TwoHosts() as hosts:
        begin = time.monotonic()
        codes = ended(start(root / "whole"), 120)
        assert [code for code, _ in codes] == [0, 0], codes
        duration, expected = time.monotonic() - begin, outcome(root / "whole")
        for i in range(count):
            out = root / f"cut-{i}"
            ranks = start(out)
            while not (out / "metrics.jsonl").exists():
                assert all(process.poll() is None for process in ranks), ended(ranks, 5)
                time.sleep(0.005)
            time.sleep(draw.uniform(0, 0.9) * max(0.2, duration - 2))
            before = trained_steps(out)
            hosts.set_link("down")
            at = time.monotonic()
            try:
                codes = ended(ranks, LIMIT + 10)
            finally:
                hosts.set_link("up")
            seconds = time.monotonic() - at
            if [code for code, _ in codes] != [0, 0]:
                assert [code for code, _ in codes] == [RANK_LOST] * 2, f"cut {i} at step {before}: {codes}"
                assert "rank 1 (host" in codes[0][1] and "rank 0 (host" in codes[1][1] and seconds <= LIMIT + 2, f"cut {i} at step {before}, {seconds:.1f} s: {codes}"
                longest = max(longest, seconds)
                codes = ended(start(out, "--resume"), 120)
                assert [code for code, _ in codes] == [0, 0], f"cut {i}: {codes}"
            other = difference(outcome(out), expected)
            assert not other, f"cut {i} at step {before}: {other}"
            shutil.rmtree(out)
    print(f"{count} runs on two hosts, all ended bitwise as undisturbed ones; the last rank ended {longest:.2f} s after the cut", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("slipway")
    options.add_argument("--kills", type=int, default=0)
    options.add_argument("--cuts", type=int, default=0)
    options.add_argument("--seed", type=int, default=20)
    given = options.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-faults-"))
    try:
        if given.kills:
            kills(root, given.kills, random.Random(given.seed))
        if given.cuts:
            cuts(root, given.cuts, random.Random(given.seed))
    finally:
        shutil.rmtree(root, ignore_errors=True)


main()
