"""One run folder, one owner; what a run resumes from; signals; searches that are stopped.

usage: run_folder_test.py SLIPWAY FIXTURES
Runs meet the test at a gate (tests/unit/plugin/fixtures/gate.cc): a callback that waits at a step until it is let through.
"""
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
RUN_FILE = ROOT / "tests/e2e/tiny_resume.toml"
STEP_END, TRAIN_END = 9, 2
os.environ["OMP_NUM_THREADS"] = "1"  # of runs this small most of the time is the start


class Gate:
    def __init__(self, root: pathlib.Path, step: int, at: int = STEP_END):
        self.folder, self.step, self.at = pathlib.Path(tempfile.mkdtemp(dir=root)), step, at

    def options(self) -> str:
        return f'{{folder="{self.folder}", at={self.at}, step={self.step}}}'

    def reached(self, process: subprocess.Popen) -> int:
        """Waits for the run at the gate; the number of its process."""
        while not ((self.folder / "reached").exists() and (self.folder / "reached").read_text()):
            assert process.poll() is None, f"ended before the gate: {process.communicate()[1]}"
            time.sleep(0.005)
        return int((self.folder / "reached").read_text())

    def open(self) -> None:
        (self.folder / "go").touch()


def sets(pairs: dict) -> list[str]:
    return [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]


def arguments(folder, *more: str, gate: Gate | None = None, options: str = "", file=RUN_FILE, **keys) -> list[str]:
    settings = {"run.output_dir": folder, "train.max_steps": 8, "train.save_steps": 4, "plugins.path": f'["{PLUGINS}"]'}
    settings.update({"train." + key: value for key, value in keys.items()})
    if gate:  # what it saved before it stands there is complete
        settings["train.async_save"] = "false"
    if gate or options:
        settings["callback"] = f'[{{use="gate", options={gate.options() if gate else options}}}]'
    return [PROGRAM, "train", str(file), *sets(settings), *more]


def train(*args, code: int = 0, cwd=None, **keys) -> str:
    done = subprocess.run(arguments(*args, **keys), capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == code, (done.returncode, code, done.stderr)
    return done.stderr


def start(*args, **keys) -> subprocess.Popen:
    return subprocess.Popen(arguments(*args, **keys), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen, code: int) -> str:
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == code, (process.returncode, code, errors)
    return errors


def weights(folder: pathlib.Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def steps(folder: pathlib.Path) -> list[int]:
    return [row["global_step"] for row in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in row]


def tree(folder: pathlib.Path) -> dict:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def names(folder: pathlib.Path) -> set:
    return {p.name for p in folder.iterdir()}


def one_owner(root: pathlib.Path) -> None:
    out, gate = root / "out", Gate(root, 5)
    process = start(out, gate=gate)
    number = gate.reached(process)
    before = tree(out)
    for more in ([], ["--resume"], ["--resume", "--set", "train.seed=9"]):
        assert f"out: a run of process {number} is writing there" in train(out, *more, code=1), more
    assert tree(out) == before and names(root) & {"out", "out.1"} == {"out"}, "a run that was refused touched the folder"
    process.kill()
    end(process, -signal.SIGKILL)
    assert "resuming from" in train(out, "--resume")
    assert steps(out) == list(range(1, 9)), steps(out)
    assert ".slipway-lock" not in names(out)
    # Two that resume at once.
    gate = Gate(root, 11)
    process = start(out, "--resume", gate=gate, max_steps=12)
    number = gate.reached(process)
    assert f"a run of process {number} is writing there" in train(out, "--resume", code=1, max_steps=12)
    gate.open()
    end(process, 0)
    assert steps(out) == list(range(1, 13)), steps(out)


def what_is_no_run_stays(root: pathlib.Path) -> None:
    proj = root / "proj"
    proj.mkdir()
    (proj / "notes.txt").write_text("precious")
    (proj / "run.toml").write_text(RUN_FILE.read_text().replace("../parity", str(ROOT / "tests/parity")))
    before = tree(proj)
    for more in ([], ["--resume"]):
        said = train(proj, *more, code=1, file=proj / "run.toml")
        assert "proj: holds files that are not a run of Slipway's (notes.txt, run.toml)" in said and "run.output_dir" in said, said
    assert tree(proj) == before and "proj.1" not in names(root)
    # What the run reads would be moved with the earlier run.
    train(root / "data", max_steps=1)
    shutil.copy(ROOT / "tests/parity/data/resume/texts.jsonl", root / "data/texts.jsonl")
    said = train(root / "data", "--set", f'data.train=["{root / "data/texts.jsonl"}"]', code=1)
    assert "would be moved aside, and with it data.train" in said and "data.1" not in names(root), said
    said = train(root / "data", "--set", f'model.weights="{root / "data/checkpoint-1"}"', code=1)
    assert "would be moved aside, and with it model.weights" in said and "data.1" not in names(root), said


def a_mount_point_is_a_folder_that_cannot_be_moved(root: pathlib.Path) -> None:
    """A container's volume: a run begins in it and is resumed there; a second run says why it does not begin."""
    out = root / "volume"
    out.mkdir()
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs none {shlex.quote(str(out))} && "
    if subprocess.run([*inside, mount + "true"], capture_output=True).returncode != 0:
        print("skipped: mount points, which this user may not make")
        return
    first, again, longer = (shlex.join(arguments(out, *more, max_steps=steps)) for more, steps in (([], 2), ([], 2), (["--resume"], 4)))
    script = f"{mount}{first} && {{ {again}; echo ended with $? >&2; }} && {longer} && cat {shlex.quote(str(out / 'metrics.jsonl'))}"
    done = subprocess.run([*inside, script], capture_output=True, text=True, timeout=120)
    assert "cannot be moved aside" in done.stderr and "resume it with --resume, or name another folder" in done.stderr and "ended with 1" in done.stderr, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0 and [row["global_step"] for row in rows if "loss" in row] == [1, 2, 3, 4], (done.stdout, done.stderr)
    assert names(out) == set() and "volume.1" not in names(root), "something lies beside the volume"


def a_start_that_fails_changes_nothing(root: pathlib.Path) -> None:
    out = root / "begin"
    train(out, max_steps=4)
    before = tree(out)
    said = train(out, options='{made="fail"}', code=1)
    assert "org.test.gate, create(): was told to fail" in said, said
    assert tree(out) == before and "begin.1" not in names(root)
    train(root / "fresh", options='{made="fail"}', code=1)
    assert "fresh" not in names(root), "a start that failed left a folder"
    # One that has no time to clean up is undone by the next start.
    process = start(out, options='{made="exit"}')
    process.communicate(timeout=60)
    assert process.returncode != 0, "a plugin's exit passed for success"
    said = train(out, "--resume")
    assert "resuming from" in said and steps(out) == list(range(1, 9)), said
    assert "begin.1" not in names(root)


def going_back_gives_the_later_up(root: pathlib.Path) -> None:
    out, gate = root / "back", Gate(root, 11)
    train(out, max_steps=16, learning_rate=1e-2)
    later = tree(out / "checkpoint-16")
    rows = (out / "metrics.jsonl").read_bytes()
    process = start(out, f"--resume={out / 'checkpoint-8'}", gate=gate, max_steps=16, save_steps=10, learning_rate=1e-4)
    gate.reached(process)
    process.kill()
    end(process, -signal.SIGKILL)
    aside = out / "abandoned-1"
    assert tree(aside / "checkpoint-16") == later and (aside / "checkpoint-12").exists() and (aside / "metrics.jsonl").read_bytes() == rows
    assert (aside / "model.safetensors").exists() and not (out / "model.safetensors").exists()
    said = train(out, "--resume", max_steps=16, learning_rate=1e-4)
    assert f"resuming from {out / 'checkpoint-10'}" in said, said
    assert steps(out) == list(range(1, 17)), steps(out)
    # The same branch, in a folder of its own, by a run that nobody disturbed.
    theirs = tree(out)
    train(root / "branch", f"--resume={out / 'checkpoint-8'}", max_steps=16, learning_rate=1e-4)
    assert tree(out) == theirs, "a run that began with another's checkpoint changed the other run"
    assert weights(root / "branch") == weights(out), "the branch that was given up went into the result"


def another_runs_checkpoint(root: pathlib.Path) -> None:
    theirs, mine, gate = root / "back", root / "mine", Gate(root, 9)
    before = tree(theirs)
    train(mine, max_steps=4)
    old = tree(mine)
    more = {"save_total_limit": 1, "learning_rate": 1e-4, "max_steps": 16}
    process = start(mine, f"--resume={theirs / 'checkpoint-8'}", gate=gate, **more)
    gate.reached(process)
    process.kill()
    end(process, -signal.SIGKILL)
    assert tree(root / "mine.1") == old, "the earlier run is not what it was"
    said = train(mine, "--resume", **more)
    assert f"resuming from {mine / 'checkpoint-8'}" in said, f"began again without the other run's weights: {said}"
    assert steps(mine) == list(range(1, 17)) and names(mine) & {"checkpoint-8", "checkpoint-12"} == set(), names(mine)
    assert weights(mine) == weights(theirs) and tree(theirs) == before, "the other run was changed"


def signals(root: pathlib.Path) -> None:
    train(root / "whole")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        out, gate = root / number.name, Gate(root, 3)
        process = start(out, gate=gate)
        gate.reached(process)
        process.send_signal(number)
        said = ""
        while "stopping after this step" not in said:  # while the step still goes on
            line = process.stderr.readline()
            assert line, f"{number.name} was not answered: {said}"
            said += line
        assert "waiting for plugin org.test.gate" in said and ("signal again to end now" in said) == (number in (signal.SIGINT, signal.SIGTERM)), said
        gate.open()
        assert "stopped by a signal after step 3" in end(process, 85)
        assert (out / "checkpoint-3/manifest.json").exists(), f"{number.name} did not save"
    train(root / "SIGUSR1", "--resume")
    assert weights(root / "SIGUSR1") == weights(root / "whole"), "resumed after SIGUSR1, the weights differ"
    gate = Gate(root, 3)
    process = start(root / "twice", gate=gate)
    gate.reached(process)
    process.send_signal(signal.SIGTERM)
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    said = end(process, -signal.SIGTERM)
    assert "ended by a second SIGTERM, waiting for plugin org.test.gate" in said, said


def configurations(root: pathlib.Path) -> None:
    out = root / "config"
    train(out, options='{token="hunter2"}', max_steps=4)
    recorded = (out / "config.resolved.toml").read_text()
    assert "hunter2" not in recorded and '"${SLIPWAY_CALLBACK_0_TOKEN}"' in recorded, recorded
    assert "# model plugin org.slipway.model.llama 1" in recorded and recorded.count("sha256") == 2, recorded
    said = subprocess.run([PROGRAM, "train", str(out / "config.resolved.toml"), "--resume"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 2 and "the environment has no variable SLIPWAY_CALLBACK_0_TOKEN" in said.stderr, said.stderr
    # Neither another spelling of the run file's path nor another place of the folder is another configuration.
    spelled = ROOT / "tests/unit/../e2e" / RUN_FILE.name
    for folder in (out, shutil.copytree(out, root / "copied")):
        said = train(folder, "--resume", options='{token="hunter2"}', file=spelled, max_steps=4)
        assert "differs" not in said and "gone" not in said, said
        assert (folder / "config.resolved.toml").read_text() == recorded
    said = train(out, "--resume", options='{token="hunter2"}', max_steps=8)
    assert "train.max_steps was 4, is 8" in said and "will not equal" in said, said
    assert "# resumed from checkpoint-4: train.max_steps was 4, is 8" in (out / "config.resolved.toml").read_text()
    # Paths hold whatever a plugin does to the working folder.
    place = root / "place"
    place.mkdir()
    train("here", options='{made="move"}', cwd=place, max_steps=2)
    assert names(place) == {"here"} and (place / "here/model.safetensors").exists() and steps(place / "here") == [1, 2]


def search_file(root: pathlib.Path) -> pathlib.Path:
    path = root / "search.toml"
    text = RUN_FILE.read_text().replace("../parity", str(ROOT / "tests/parity"))
    path.write_text('[search]\nmetric = "train_loss"\ntrials = 2\n[search.space]\n"train.learning_rate" = [1e-3, 2e-3]\n\n' + text)
    return path


def saved_where_it_stopped(folder: pathlib.Path) -> bool:
    return steps(folder) == [1, 2, 3] and (folder / "checkpoint-3/manifest.json").exists()


def start_search(root: pathlib.Path, out: pathlib.Path, gate: Gate | None = None, options: str = "", **keys) -> subprocess.Popen:
    words = arguments(out, gate=gate, options=options, file=search_file(root), **keys)
    words[1] = "search"
    return subprocess.Popen([*words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def journal(out: pathlib.Path) -> list[tuple]:
    return [(row["trial"], row["state"]) for row in map(json.loads, (out / "trials.jsonl").read_text().splitlines())]


def is_alive(number: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def searches(root: pathlib.Path) -> None:
    out, gate = root / "search", Gate(root, 3)
    secret = gate.options().replace("}", ', token="hunter2"}')
    process = start_search(root, out, options=secret)
    trial = gate.reached(process)
    assert "hunter2" not in pathlib.Path(f"/proc/{trial}/cmdline").read_text(), "a secret is in the list of processes"
    clash = start_search(root, out, options=secret)
    assert f"a search of process {process.pid} is writing there" in end(clash, 1)
    process.send_signal(signal.SIGTERM)
    while "SIGTERM" not in process.stderr.readline():  # said after the trial was told
        pass
    gate.open()
    assert "the same command resumes the search" in end(process, 85)
    assert saved_where_it_stopped(out / "trial-0000"), "the trial did not save"
    # One that was done when the signal came is kept; the next does not begin.
    gate = Gate(root, 8, TRAIN_END)
    process = start_search(root, out, gate=gate)
    gate.reached(process)
    process.send_signal(signal.SIGINT)
    gate.open()
    end(process, 85)
    assert (0, "complete") in journal(out) and not (out / "trial-0001").exists(), journal(out)
    # A second signal leaves no trial behind.
    gate = Gate(root, 3)
    process = start_search(root, out, gate=gate)
    trial = gate.reached(process)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        while (line := process.stderr.readline()) and "SIGTERM" not in line:
            pass
    assert "second SIGTERM" not in end(process, -signal.SIGTERM)  # it was read above
    while is_alive(trial):
        time.sleep(0.005)
    # A search that is killed takes its trial along, which saves first.
    gate = Gate(root, 3)
    process = start_search(root, out, gate=gate)
    trial = gate.reached(process)
    process.kill()
    process.wait(timeout=60)
    gate.open()
    process.communicate(timeout=60)  # the trial writes to the same pipes until it ends
    assert saved_where_it_stopped(out / "trial-0001"), "the trial of a search that was killed did not save"
    process = start_search(root, out)
    trials = json.loads(process.communicate(timeout=60)[0])["trials"]
    assert process.returncode == 0 and [t["state"] for t in trials] == ["complete"] * 2, trials
    assert [row for row in journal(out) if row[1] == "complete"] == [(0, "complete"), (1, "complete")]
    # All failing is a failure; what failed is tried again.
    said = end(start_search(root, root / "failing", options='{made="fail"}'), 1)
    assert "every one of 2 trials failed" in said, said
    end(start_search(root, root / "failing"), 0)
    assert journal(root / "failing")[-1] == (1, "complete")


def main() -> None:
    global PLUGINS
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-run-folder-"))
    try:
        PLUGINS = root / "plugins"
        PLUGINS.mkdir()
        shutil.copy(pathlib.Path(sys.argv[2]) / "gate.so", PLUGINS)
        for test in (one_owner, what_is_no_run_stays, a_mount_point_is_a_folder_that_cannot_be_moved, a_start_that_fails_changes_nothing, going_back_gives_the_later_up, another_runs_checkpoint, signals, configurations, searches):
            begin = time.monotonic()
            test(root)
            print(f"{test.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
