"""Ends a run, or lets a call fail, at every call that changes its files; cuts the power there; resumes; and compares with the run that nobody
disturbed: the weights bit for bit, metrics.jsonl and the state times aside.

usage: crash_test.py SLIPWAY SHIM [--points N] [--cuts N] [--only SCENARIO,...] [--how HOW,...] [--loss LOSS,...] [--in FOLDER] [--jobs N] [--seed N]

--points: calls at which something happens to the process: it is killed before the call (kill) or in the middle of a write (tear), or the call
          fails with this errno (5, 28), or it and every later one (28+)
--cuts:   calls after which the folder is taken as it was left, without the run being repeated: by a kill (none), in the middle of a write (torn),
          or by a power cut (the ways of disk.py: all, bytes, seed); equal folders are resumed once
0, the default, takes every call; N takes N of them, spread evenly from a seeded start; -1 none. --in: where the runs lie, a folder of the file
system to try. Scenarios: sft (the best model at the end, one checkpoint kept), raft, resume (of the sft run, killed in its middle).
"""

import argparse
import concurrent.futures
import copy
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from disk import Disk, State, lay, read_log, torn  # noqa: E402
from kill_test import TIMES  # noqa: E402
from tiny_files import write_folder  # noqa: E402

SFT = """
[run]
algorithm = "sft"
[model]
weights = "model"
[data]
train = ["rows.jsonl"]
eval_rows = 8
[train]
seed = 7
learning_rate = 0.03
num_train_epochs = 1
logging_steps = 1
save_steps = 2
save_total_limit = 1
eval_strategy = "steps"
eval_steps = 2
load_best_model_at_end = true
"""
RAFT = """
[run]
algorithm = "raft"
[model]
weights = "model"
[data]
train = ["prompts.jsonl"]
eval_rows = 2
[generation]
max_new_tokens = 3
[raft]
iterations = 2
prompts_per_iteration = 2
samples_per_prompt = 2
discard = []
[[reward]]
use = "length"
options = { mode = "longer", target = 6 }
[train]
seed = 7
learning_rate = 0.03
num_train_epochs = 1
per_device_train_batch_size = 1
logging_steps = 1
save_steps = 1
save_total_limit = 1
"""
SCENARIOS = {"sft": SFT, "raft": RAFT, "resume": SFT}
WORDS = "a tiny model reads short rows and learns what comes after what in them".split()


def write_inputs(root: pathlib.Path) -> None:
    write_folder(root / "model")
    rows = [" ".join(WORDS[i % 7 : i % 7 + 3 + i % 4]) for i in range(56)]
    (root / "rows.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    (root / "prompts.jsonl").write_text("".join(json.dumps({"prompt": row[:9]}) + "\n" for row in rows[:24]))
    for name, text in SCENARIOS.items():
        (root / f"{name}.toml").write_text(text)


class Trial:
    """One folder, and the program run in it."""

    def __init__(self, program: str, shim: str, run_file: pathlib.Path, place: pathlib.Path):
        self.program, self.shim, self.run_file, self.place = program, shim, run_file, place
        self.folder = place / "run"  # what the shim watches is the folder above: the run's folder is made in it

    def run(self, resume: bool, **shim: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if shim:
            environment |= {"LD_PRELOAD": self.shim, "SLIPWAY_SHIM_ROOT": str(self.place)}
            environment |= {f"SLIPWAY_SHIM_{k}": v for k, v in shim.items()}
        command = [self.program, "train", self.run_file, "--quiet", "--set", f"run.output_dir={self.folder}"]
        command += ["--resume"] if resume else []
        return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def plain(value):
    """Without what differs from run to run: times, and the folder that the run lies in."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in TIMES and not k.startswith("share_")}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return os.path.basename(value) if isinstance(value, str) and value.startswith("/") else value


def outcome(folder: pathlib.Path) -> dict:
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
    return {
        "weights": files["model.safetensors"],
        "rows": [plain(json.loads(line)) for line in files["metrics.jsonl"].decode().splitlines()],
        "samples": {p.name: p.read_text() for p in sorted((folder / "samples").glob("*.jsonl"))},
        "state": plain(json.loads(files["trainer_state.json"])),
        "checkpoints": sorted(p.name for p in folder.glob("checkpoint-*")),
        "leftovers": sorted(p.name for p in folder.rglob("*") if "slipway-" in p.name or ".tmp" in p.name),
    }


def difference(got: dict, expected: dict) -> str:
    for key, value in expected.items():
        if got[key] == value:
            continue
        if key == "rows":
            pairs = zip(got[key] + [None] * 99, value + [None] * 99)
            return "metrics.jsonl differs: {} instead of {}".format(*next(p for p in pairs if p[0] != p[1]))
        if key == "weights":
            return "the final weights differ"
        if key == "state":
            wrong = (f"{k}: {got[key].get(k)} instead of {value.get(k)}" for k in value if got[key].get(k) != value.get(k))
            return ("trainer_state.json differs: " + ", ".join(wrong))[:600]
        return f"{key}: {got[key]} instead of {value}"[:600]
    return ""


def chosen(count: int, wanted: int, draw: random.Random) -> list[int]:
    """Numbers from 1 to `count`: all, or `wanted` of them, evenly spread."""
    if wanted == 0 or wanted >= count:
        return list(range(1, count + 1))
    if wanted < 0:
        return []
    step, begin = count / wanted, draw.random()
    return sorted({min(count, int((i + begin) * step) + 1) for i in range(wanted)})


def key_of(state: State) -> bytes:
    return hashlib.sha256(repr(sorted(state.items())).encode()).digest()


class Scenario:
    def __init__(self, options: argparse.Namespace, name: str, root: pathlib.Path):
        self.options, self.name, self.root = options, name, root
        self.begin: pathlib.Path | None = None
        write_inputs(root)
        if name == "resume":  # begins with what a kill in the middle of the undisturbed run leaves
            whole = self.fresh("middle")
            self.good(whole.run(False, COUNT=str(root / "count")), "the undisturbed run")
            middle = int((root / "count").read_text()) // 2
            shutil.rmtree(whole.place)
            whole = self.fresh("middle")
            assert whole.run(False, AT=str(middle), HOW="kill").returncode == -9
            self.begin = whole.place
        trial = self.fresh("expected")
        self.disk = Disk(str(trial.place), trial.place)
        self.good(trial.run(self.begin is not None, LOG=str(root / "log"), COUNT=str(root / "count")), "the undisturbed run")
        self.calls = int((root / "count").read_text())
        self.log = read_log(root / "log")
        self.expected = outcome(trial.folder)
        self.states = 0
        if self.begin is None and self.expected["leftovers"]:
            sys.exit(f"{name}: the undisturbed run leaves {self.expected['leftovers']}")

    def trial(self, place: pathlib.Path) -> Trial:
        return Trial(self.options.program, self.options.shim, self.root / f"{self.name}.toml", place)

    def fresh(self, name: str) -> Trial:
        place = self.root / name
        if self.begin is not None:
            shutil.copytree(self.begin, place, symlinks=True)
        else:
            place.mkdir()
        return self.trial(place)

    @staticmethod
    def good(done: subprocess.CompletedProcess, what: str) -> None:
        if done.returncode != 0:
            sys.exit(f"{what} ended with {done.returncode}: {done.stderr}")

    def resumed(self, trial: Trial, what: str) -> str:
        """Resumes, and says what is wrong with the end; "" = nothing."""
        done = trial.run(True)
        if done.returncode != 0:
            return f"{what}: the resume ended with {done.returncode}: {done.stderr.strip()[-600:]}"
        wrong = difference(outcome(trial.folder), self.expected)
        return f"{what}: {wrong}" if wrong else ""

    def disturbed(self, call: int, how: str) -> str:
        what = f"{self.name}, call {call} of {self.calls}, {how}"
        trial = self.fresh(f"{how}-{call}")
        try:
            done = trial.run(self.begin is not None, AT=str(call), HOW=how)
            ended = f"{what}: ended with {done.returncode}: {done.stderr.strip()[-600:]}"
            if how in ("kill", "tear") and done.returncode not in (-9, 0):
                return ended
            if "defect in Slipway" in done.stderr or done.returncode < 0 and how not in ("kill", "tear"):
                return ended
            if done.returncode == 0:  # a call that could fail without harm; or one behind the end
                wrong = difference(outcome(trial.folder) | {"leftovers": []}, self.expected | {"leftovers": []})
                # What could not be removed stays, with a warning.
                return f"{what}: ended with 0, but {wrong}" if wrong and "checkpoints" not in wrong else ""
            return self.resumed(trial, what)
        finally:
            shutil.rmtree(trial.place, ignore_errors=True)

    def left(self, state: State, call: int, loss: str) -> str:
        what = f"{self.name}, after call {call} of {len(self.log)}, loss {loss}"
        place = self.root / f"left-{call}-{loss}"
        place.mkdir()
        lay(state, place)
        try:
            return self.resumed(self.trial(place), what)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def states_left(self, loss: str, calls: list[int]) -> Iterator[tuple[State, int]]:
        """What each of these calls leaves, by its number."""
        disk, wanted = copy.deepcopy(self.disk), set(calls)
        for number, call in enumerate(self.log, 1):
            part = torn(call)
            if number in wanted and loss == "torn" and part is not None:
                half = copy.deepcopy(disk)
                half.apply(part)
                yield half.left("none"), number
            disk.apply(call)
            if number in wanted and loss != "torn":
                yield disk.left(self.options.seed * 100_000 + number if loss == "seed" else loss), number

    def jobs(self) -> Iterator[tuple]:
        draw = random.Random(self.options.seed)
        for how in self.options.how.split(","):
            for call in chosen(self.calls, self.options.points, draw):
                yield self.disturbed, call, how
        seen: set[bytes] = set()
        for loss in self.options.loss.split(","):
            for state, call in self.states_left(loss, chosen(len(self.log), self.options.cuts, draw)):
                self.states += 1
                if (key := key_of(state)) not in seen:
                    seen.add(key)
                    yield self.left, state, call, loss

    def go(self) -> tuple[int, list[str]]:
        """How many runs were disturbed, and what was wrong with some."""
        room = threading.BoundedSemaphore(2 * self.options.jobs)  # states are made as they are needed
        done = []
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for work, *arguments in self.jobs():
                room.acquire()
                done.append(pool.submit(work, *arguments))
                done[-1].add_done_callback(lambda _: room.release())
                if len(done) % 500 == 0:
                    print(f"{self.name}: {len(done)} disturbed runs", flush=True)
        return len(done), [each.result() for each in done if each.result()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("shim")
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--only", default="sft,raft,resume")
    parser.add_argument("--how", default="kill,tear,5,28,28+")
    parser.add_argument("--loss", default="none,torn,all,bytes,seed")
    parser.add_argument("--in", dest="place")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.program, options.shim = os.path.abspath(options.program), os.path.abspath(options.shim)
    failures, trials = [], 0
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="slipway-crash-", dir=options.place) as root:
            scenario = Scenario(options, name, pathlib.Path(root).resolve())
            count, wrong = scenario.go()
        print(
            f"{name}: {scenario.calls} calls change files; {count} disturbed runs, {count - len(wrong)} ended as the undisturbed one"
            f" ({scenario.states} states of the disk, equal ones resumed once)",
            flush=True,
        )
        for each in wrong:
            print(f"  {each}", flush=True)
        failures += wrong
        trials += count
    print(f"{trials} disturbed runs, {len(failures)} ended otherwise")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
