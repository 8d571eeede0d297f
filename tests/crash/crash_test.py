"""Ends a run, or lets a call fail, at every call that changes its files; cuts the power there; resumes; and compares with the run that nobody
disturbed: the weights bit for bit, metrics.jsonl and the state times aside.

usage: crash_test.py SLIPWAY SHIM [--points N] [--cuts N] [--only SCENARIO,...] [--how kill,tear,5,28,28+] [--in FOLDER] [--jobs N] [--seed N]

--points 0 and --cuts 0 (the default) take every call; N takes N of them, spread evenly from a seeded start. --in: where the runs lie, a folder of
the file system to try. Scenarios: sft (the best model at the end, one checkpoint kept), raft, resume (of the sft run, killed in its middle).
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from disk import Disk, read_log  # noqa: E402
from kill_test import TIMES  # noqa: E402

SFT = {"train.num_train_epochs": 1, "data.limit": 56, "data.eval_rows": 8, "train.save_steps": 2, "train.eval_strategy": "steps", "train.eval_steps": 2, "train.logging_steps": 1,
       "train.load_best_model_at_end": "true", "train.save_total_limit": 1, "train.learning_rate": 0.03}
RAFT = {"raft.iterations": 2, "raft.prompts_per_iteration": 2, "raft.samples_per_prompt": 2, "generation.max_new_tokens": 3, "data.limit": 24, "data.eval_rows": 2, "train.save_steps": 1,
        "train.save_total_limit": 1}
SCENARIOS = {"sft": ("tests/e2e/tiny_sft.toml", SFT), "raft": ("tests/e2e/tiny_raft.toml", RAFT), "resume": ("tests/e2e/tiny_sft.toml", SFT)}


class Trial:
    """One folder, and the program run in it."""

    def __init__(self, program: str, shim: str, scenario: str, place: pathlib.Path):
        self.program, self.shim, self.place = program, shim, place
        self.run_file, self.settings = SCENARIOS[scenario]
        self.folder = place / "run"  # what the shim watches is the folder above: the run's folder is made in it

    def run(self, resume: bool, **shim: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if shim:
            environment |= {"LD_PRELOAD": self.shim, "SLIPWAY_SHIM_ROOT": str(self.place)} | {f"SLIPWAY_SHIM_{k}": v for k, v in shim.items()}
        sets = [part for key, value in self.settings.items() for part in ("--set", f"{key}={json.dumps(value) if isinstance(value, str) and value != 'true' else value}")]
        return subprocess.run([self.program, "train", self.run_file, "--quiet", "--set", f"run.output_dir={self.folder}", *sets, *(["--resume"] if resume else [])],
                              capture_output=True, text=True, timeout=300, env=environment)


def plain(value):
    """Without what differs from run to run: times, and the folder that the run lies in."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in TIMES and not k.startswith("share_")}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return os.path.basename(value) if isinstance(value, str) and value.startswith("/") else value


def outcome(folder: pathlib.Path) -> dict:
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
    rows = [plain(json.loads(line)) for line in files["metrics.jsonl"].decode().splitlines()]
    samples = {p.name: p.read_text() for p in sorted((folder / "samples").glob("*.jsonl"))} if (folder / "samples").exists() else {}
    return {"weights": files["model.safetensors"], "rows": rows, "samples": samples, "state": plain(json.loads(files["trainer_state.json"])),
            "checkpoints": sorted(p.name for p in folder.glob("checkpoint-*")), "leftovers": sorted(p.name for p in folder.rglob("*") if "slipway-" in p.name or ".tmp" in p.name)}


def difference(got: dict, expected: dict) -> str:
    for key, value in expected.items():
        if got[key] == value:
            continue
        if key == "rows":
            rows = next((pair for pair in zip(got[key] + [None] * 99, value + [None] * 99) if pair[0] != pair[1]))
            return f"metrics.jsonl differs: {rows[0]} instead of {rows[1]}"
        if key == "weights":
            return "the final weights differ"
        if key == "state":
            return "trainer_state.json differs: " + ", ".join(f"{k}: {got[key].get(k)} instead of {value.get(k)}" for k in value if got[key].get(k) != value.get(k))[:600]
        return f"{key}: {got[key]} instead of {value}"[:600]
    return ""


def chosen(count: int, wanted: int, draw: random.Random) -> list[int]:
    """Numbers from 1 to `count`: all, or `wanted` of them, evenly spread."""
    if wanted == 0 or wanted >= count:
        return list(range(1, count + 1))
    step, begin = count / wanted, draw.random()
    return sorted({min(count, int((i + begin) * step) + 1) for i in range(wanted)})


class Scenario:
    def __init__(self, options: argparse.Namespace, name: str, root: pathlib.Path):
        self.options, self.name, self.root = options, name, root
        self.begin: pathlib.Path | None = None
        if name == "resume":  # begins with what a kill in the middle of the undisturbed run leaves
            whole = self.fresh("middle")
            self.good(whole.run(False, COUNT=str(root / "count")), "the undisturbed run")
            middle = int((root / "count").read_text()) // 2
            shutil.rmtree(whole.place)
            whole = self.fresh("middle")
            assert whole.run(False, AT=str(middle), HOW="kill").returncode == -9
            self.begin = whole.place
        trial = self.fresh("expected")
        self.log = root / "log"
        self.good(trial.run(self.begin is not None, LOG=str(self.log), COUNT=str(root / "count")), "the undisturbed run")
        self.calls = int((root / "count").read_text())
        self.expected = outcome(trial.folder)
        self.watched = str(trial.place)
        if self.begin is None and self.expected["leftovers"]:
            sys.exit(f"{name}: the undisturbed run leaves {self.expected['leftovers']}")

    def fresh(self, name: str) -> Trial:
        place = self.root / name
        if self.begin is not None:
            shutil.copytree(self.begin, place, symlinks=True)
        else:
            place.mkdir()
        return Trial(self.options.program, self.options.shim, self.name, place)

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
            if how in ("kill", "tear") and done.returncode not in (-9, 0):
                return f"{what}: ended with {done.returncode}: {done.stderr.strip()[-600:]}"
            if "defect in Slipway" in done.stderr or done.returncode < 0 and how not in ("kill", "tear"):
                return f"{what}: ended with {done.returncode}: {done.stderr.strip()[-600:]}"
            if done.returncode == 0:  # a call that could fail without harm; or one behind the end
                wrong = difference(outcome(trial.folder) | {"leftovers": []}, self.expected | {"leftovers": []})
                # What could not be removed stays, with a warning.
                return f"{what}: ended with 0, but {wrong}" if wrong and "checkpoints" not in wrong else ""
            return self.resumed(trial, what)
        finally:
            shutil.rmtree(trial.place, ignore_errors=True)

    def cut(self, call: int, calls: list[tuple], loss: str | int) -> str:
        what = f"{self.name}, power cut after call {call} of {len(calls)}, loss {loss}"
        disk = Disk(self.watched, self.begin)
        for each in calls[:call]:
            disk.apply(each)
        place = self.root / f"cut-{call}-{loss}"
        place.mkdir()
        disk.lay(place, loss)
        try:
            return self.resumed(Trial(self.options.program, self.options.shim, self.name, place), what)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def jobs(self):
        draw = random.Random(self.options.seed)
        for how in self.options.how.split(","):
            for call in chosen(self.calls, self.options.points, draw):
                yield self.disturbed, (call, how)
        if self.begin is None:
            calls = read_log(self.log)
            for loss in ("all", "bytes", self.options.seed):
                for call in chosen(len(calls), self.options.cuts, draw):
                    yield self.cut, (call, calls, loss if isinstance(loss, str) else loss * 100_000 + call)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("shim")
    for name, kind, default in (("points", int, 0), ("cuts", int, 0), ("only", str, "sft,raft,resume"), ("how", str, "kill,tear,5,28,28+"), ("in", str, None), ("jobs", int, 2), ("seed", int, 1)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    options = parser.parse_args()
    options.program, options.shim = os.path.abspath(options.program), os.path.abspath(options.shim)
    failures, trials = [], 0
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="slipway-crash-", dir=getattr(options, "in")) as root:
            scenario = Scenario(options, name, pathlib.Path(root).resolve())
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                done = [pool.submit(work, *arguments) for work, arguments in scenario.jobs()]
                wrong = [each.result() for each in done if each.result()]
            print(f"{name}: {scenario.calls} calls change files; {len(done)} disturbed runs, {len(done) - len(wrong)} ended as the undisturbed one", flush=True)
            for each in wrong:
                print(f"  {each}", flush=True)
            failures += wrong
            trials += len(done)
    print(f"{trials} disturbed runs, {len(failures)} ended otherwise")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
