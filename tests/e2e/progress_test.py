"""What a person sees of a run: the time left, the order of lines, the answer to Ctrl-C. usage: progress_test.py SLIPWAY FIXTURES

A reward that sleeps makes sampling, scoring and evaluating take known times.
"""

import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

LINE = re.compile(r"^ *(\d+)%  (\d+):(\d\d)(?: < (\d+):(\d\d))?  (\w+)(?: \(iteration (\d+)\))?")


def start(program: str, fixtures: str, folder: pathlib.Path, seconds: float, *settings: str) -> subprocess.Popen:
    text = pathlib.Path("tests/e2e/tiny_raft.toml").read_text()
    text = text.replace('use = "length"\noptions = { mode = "longer", target = 60 }', f'use = "org.slipway.test.sleeper"\noptions = {{ seconds = {seconds} }}')
    text = text.replace("every = 0.5", "every = 0").replace("../../build", str(pathlib.Path("build").resolve())).replace("tiny_llama.json", str(pathlib.Path("tests/e2e/tiny_llama.json").resolve()))
    folder.mkdir()
    file = folder / "run.toml"
    file.write_text(text)
    sets = [part for setting in [f"run.output_dir={folder}/run", f"plugins.path=[\"{fixtures}\"]", *settings] for part in ("--set", setting)]
    return subprocess.Popen([program, "train", str(file), *sets], stderr=subprocess.PIPE, text=True)


def time_left(program: str, fixtures: str, root: pathlib.Path) -> None:
    process = start(program, fixtures, root / "left", 0.1)
    lines = [(time.monotonic(), line) for line in process.stderr]
    ended = time.monotonic()
    assert process.wait() == 0, lines
    told, phases, last = 0, set(), -1
    for at, line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        percent, minutes, seconds, phase, iteration = int(found[1]), found[4], found[5], found[6], int(found[7])
        assert percent >= last, f"{last} % before {line}"
        last = percent
        phases.add(phase)
        if iteration < 2:
            continue
        assert seconds is not None, f"no time left in {line}"
        said, left = 60 * int(minutes) + int(seconds), ended - at
        # A fifth, and what rounding to whole seconds hides.
        assert abs(said - left) <= 0.2 * left + 1, f"{said} s said, {left:.1f} s left: {line}"
        told += 1
    assert told > 20 and phases == {"sampling", "scoring", "training", "evaluating", "saving"}, (told, phases)
    final = [line for _, line in lines if LINE.match(line)][-1]
    assert final.startswith("100%") and "saving" in final, final
    print(f"time left: right within a fifth in {told} lines from the second iteration on")


def time_left_of_sft(program: str, fixtures: str, root: pathlib.Path) -> None:
    """Most of the time goes into evaluations, which begin late: the pace of the steps says nothing of it."""
    sets = [f"run.output_dir={root}/sft", "data.limit=200", "data.eval_rows=32", "train.per_device_eval_batch_size=4", f"plugins.path=[\"{fixtures}\"]",
            'callback=[{use="org.slipway.test.slow_evaluation", options={seconds=0.25}}]', "train.max_steps=20", "train.eval_strategy=steps", "train.eval_steps=4", "train.eval_delay=12",
            "train.save_steps=4", "train.logging_steps=100", 'logger=[{use="console", options={every=0, bar="off"}}]']
    process = subprocess.Popen([program, "train", "tests/e2e/tiny_sft.toml", *(part for each in sets for part in ("--set", each))], stderr=subprocess.PIPE, text=True)
    lines = [(time.monotonic(), line) for line in process.stderr]
    ended = time.monotonic()
    assert process.wait() == 0, lines
    told, last, evaluations, before, phases = 0, -1, 0, "", set()
    for at, line in lines:
        found = LINE.match(line)
        if found is None:
            continue
        percent, phase = int(found[1]), found[6]
        assert percent >= last, f"{last} % before {line}"
        evaluations += phase == "evaluating" != before
        last, before = percent, phase
        phases.add(phase)
        if evaluations < 2:
            continue
        said, left = 60 * int(found[4]) + int(found[5]), ended - at
        assert abs(said - left) <= 0.2 * left + 1, f"{said} s said, {left:.1f} s left: {line}"
        told += 1
    assert told > 20 and evaluations == 3 and phases == {"training", "evaluating", "saving"} and last == 100, (told, evaluations, phases, last)
    print(f"time left of sft: right within a fifth in {told} lines from the second evaluation on")


def sampled_before_trained(program: str, fixtures: str, root: pathlib.Path) -> None:
    process = start(program, fixtures, root / "order", 0)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    order = re.findall(r"^(sampled|trained) +iteration (\d)", said, re.MULTILINE)
    for i in range(1, 5):
        kinds = [kind for kind, iteration in order if iteration == str(i)]
        assert kinds[0] == "sampled" and kinds.count("sampled") == 1 and "trained" in kinds, order
    print("lines: sampled, then trained")


def answered_at_once(program: str, fixtures: str, root: pathlib.Path) -> None:
    """In each of these phases the signal is answered within a second, and the run stops well before the phase would have ended."""
    for phase, words, iteration in (("scoring", "stopping in the middle of scoring", 1), ("evaluating", "stopping in the middle of this evaluation", 1)):
        folder = root / phase
        process = start(program, fixtures, folder, 0.5)  # an evaluation of 4 s, a scoring of 12 s in two calls
        for line in process.stderr:
            found = LINE.match(line)
            if found and found[6] == phase and int(found[7]) >= iteration:
                break
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "SIGINT" in line:
                break
        assert time.monotonic() - sent < 1 and words in line and "signal again to end now" in line, line
        rest = process.stderr.read()
        assert process.wait() == 85 and f"stopped by a signal while {phase}" in rest, rest
        print(f"Ctrl-C while {phase}: answered at once, ended after {time.monotonic() - sent:.1f} s")


def main() -> None:
    program, fixtures = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="slipway-progress-") as name:
        for test in (time_left_of_sft, time_left, sampled_before_trained, answered_at_once):
            test(program, str(pathlib.Path(fixtures).resolve()), pathlib.Path(name))


if __name__ == "__main__":
    main()
