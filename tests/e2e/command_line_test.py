"""What the commands do where standard output, the working folder or a quota fail them, and what exit codes say.

usage: command_line_test.py SLIPWAY
"""
import json
import os
import pathlib
import pty
import resource
import shutil
import subprocess
import sys
import tempfile

from bad_input_test import CRASH, GGUF, GOOD, ROOT, prepare

failures, checked = [], 0


def check(what: str, good: bool, seen: object = "") -> None:
    global checked
    checked += 1
    if not good:
        failures.append(f"{what}: {seen}")


def run(program: str, arguments: list, folder: pathlib.Path, **more) -> tuple[int, str]:
    done = subprocess.run([program, *arguments], cwd=folder, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120, text=True, **{"stdout": subprocess.PIPE, **more})
    return done.returncode, (done.stdout or "") + done.stderr


def full_disk(program: str, folder: pathlib.Path, model: str) -> None:
    commands = [["--version"], ["--help"], ["train", "--help"], ["config", "help"], ["plugin", "list"], ["plugin", "info", "length"], ["train", "run.toml", "--print-config"],
                ["config", "check", "run.toml"], ["generate", "--model", model, "--prompt", "a", "--max-new-tokens", "2"],
                ["evaluate", model, "--data", "rows.jsonl", "--out", "out"], ["doctor", "--quick", "--json"]]
    for arguments in commands:
        with open("/dev/full", "w") as full:
            code, text = run(program, arguments, folder, stdout=full)
        check(f"a full disk under the output of {arguments}", code == 1 and "cannot write to standard output: No space left on device" in text, (code, text))


def reader_that_leaves(program: str, folder: pathlib.Path) -> None:
    child = subprocess.Popen([program, "config", "help"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.close()  # before anything is written
    code, text = child.wait(timeout=60), child.stderr.read()
    check("a reader that leaves", code == 0 and text == "", (code, text))


def working_folder(program: str, folder: pathlib.Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    done = subprocess.run(["sh", "-c", 'cd "$1" && rmdir "$1" && exec "$2" config check /dev/null', "sh", gone, program], capture_output=True, text=True, timeout=60)
    check("a working folder that was removed", done.returncode == 2 and "the working folder cannot be read" in done.stderr and "MKL" not in done.stderr, (done.returncode, done.stderr))


def quota(program: str, folder: pathlib.Path) -> None:
    code, text = run(program, ["train", "run.toml", "--set", "run.output_dir=quota"], folder,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    check("a quota of file sizes", code == 1 and "File too large" in text and not CRASH.search(text), (code, text))


def terminal(program: str, folder: pathlib.Path, model: str) -> None:
    arguments = ["generate", "--model", model, "--prompt", "a\x1b[31mb\u009b1m", "--max-new-tokens", "1", "--temperature", "0"]
    reader, writer = pty.openpty()
    done = subprocess.run([program, *arguments], cwd=folder, stdout=writer, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)
    os.close(writer)
    shown = os.read(reader, 10_000).decode()
    os.close(reader)
    check("escape sequences on a terminal", done.returncode == 0 and shown.startswith("a\\x1b[31mb\\x9b1m"), shown)
    code, text = run(program, arguments, folder)
    check("the same into a pipe, as it is", code == 0 and text.startswith("a\x1b[31mb\u009b1m"), repr(text))


def every_fault(program: str, folder: pathlib.Path) -> None:
    bad = (folder / "run.toml").read_text().replace("data.jsonl", "dta.jsonl").replace("model.json", "modl.json").replace('use = "length"', 'use = "lenght"')
    bad += '[[reward]]\nuse = "sentiment"\noptions.speed = 1\n[[logger]]\nuse = "consol"\n[raft2]\n'
    bad = bad.replace("[raft2]\n", "") + '[search]\nmetric = "eval_reward"\nuse = "randm"\n[search.space]\n"train.learning_rate" = { low = 1e-5, high = 1e-3 }\n'
    (folder / "bad.toml").write_text(bad.replace("learning_rate = 1e-3", "learning_rate = 1e-3\nmax_steps = 5"))
    code, text = run(program, ["config", "check", "bad.toml"], folder)
    wanted = ['"dta.jsonl": no such file', '"modl.json": no such file', 'no reward plugin "lenght"', 'has no option "speed"', 'no logger plugin "consol"',
              "train.max_steps: raft runs by raft.iterations", 'no search plugin "randm"']
    missing = [each for each in wanted if each not in text]
    check("config check names every fault", code == 2 and not missing, (code, missing, text))
    code, text = run(program, ["train", "bad.toml"], folder)
    check("train refuses it before anything is made", code == 2 and not (folder / "out").exists(), (code, text))


def exit_codes(program: str, folder: pathlib.Path) -> None:
    os.symlink("loop", folder / "loop")
    for name, arguments, pattern in [("no command", [], "usage: slipway COMMAND"), ("evaluate nowhere", ["evaluate", "nowhere"], "no such file or folder"),
                                     ("evaluate a loop of links", ["evaluate", "loop"], "Too many levels of symbolic links"),
                                     ("generate from a loop of links", ["generate", "--model", "loop", "--prompt", "a"], "Too many levels of symbolic links"),
                                     ("train from a loop of links", ["train", "run.toml", "--set", "model.weights=loop"], "Too many levels of symbolic links"),
                                     ("a report of nowhere", ["report", "nowhere"], "nowhere: No such file or directory"), ("a run file that is a loop", ["train", "loop"], "Too many levels of symbolic links")]:
        code, text = run(program, arguments, folder)
        check(name, code == 2 and pattern in text and not CRASH.search(text), (code, text))


def damaged_states(program: str, folder: pathlib.Path) -> None:
    sft = (folder / "run.toml").read_text().replace('"raft"', '"sft"').split("[generation]")[0] + "[train]\nmax_steps = 2\nsave_steps = 1\nlearning_rate = 1e-3\n"
    (folder / "rows.toml").write_text(sft.replace("data.jsonl", "rows.jsonl").replace('output_dir = "out"', 'output_dir = "states"'))
    code, text = run(program, ["train", "rows.toml"], folder)
    check("a run to damage", code == 0, text)
    shutil.copytree(folder / "states", folder / "model", ignore=shutil.ignore_patterns("checkpoint-*", "config.resolved.toml"))
    checkpoint = folder / "states/checkpoint-1"
    (checkpoint / "manifest.json").write_text(json.dumps({"format_version": 1, "global_step": 1, "files": []}))
    for name, change in [("trainer_state.json", {"log_history": 5}), ("trainer_state.json", {"log_history": [1]}), ("trainer_state.json", {"log_history": [{"step": "x"}]}),
                         ("trainer_state.json", {"global_step": -1}), ("trainer_state.json", {"stateful_callbacks": [1]}), ("sft_state.json", {"stage_step": "x"}), ("sft_state.json", {"stage_step": -1})]:
        file = checkpoint / name
        whole = file.read_text()
        file.write_text(json.dumps({**json.loads(whole), **change}))
        code, text = run(program, ["train", "rows.toml", "--resume=states/checkpoint-1"], folder)
        check(f"{name} with {change}", code == 1 and name in text and not CRASH.search(text), (code, text))
        file.write_text(whole)


def console(program: str, folder: pathlib.Path) -> None:
    """A run is shown without being asked for; a key, --quiet or the run file's own block decide otherwise."""
    rows = lambda more, block="": shown(more, block).count("sampled   iteration 1")

    def shown(more: list, block: str) -> str:
        (folder / "shown.toml").write_text((folder / "run.toml").read_text() + block)
        code, text = run(program, ["train", "shown.toml", "--set", "run.output_dir=shown", *more], folder)
        check(f"a run with {more} {block}", code == 0, text)
        return text

    block = '[[logger]]\nuse = "console"\n'
    seen = [rows([]), rows(["--set", "train.disable_tqdm=true"]), rows(["--quiet"]), rows([], block), rows(["--set", "train.disable_tqdm=true"], block)]
    check("the console's line of an iteration", seen == [1, 0, 0, 1, 1], seen)


def help_on(program: str, folder: pathlib.Path) -> None:
    for arguments, said in ((["help", "train"], "usage: slipway train FILE"), (["config", "help", "optim"], "[train]\n  optim ("), (["-V"], "slipway 0."),
                            (["config", "help", "[[reward]]"], "reward[0].weight")):
        code, text = run(program, arguments, folder)
        check(f"{arguments}", code == 0 and said in text, (code, text))
    for arguments, said in ((["config", "help", "optmi"], 'did you mean "optim"?'), (["train", "run.toml", "--learning_rate", "1"], "did you mean --set train.learning_rate=VALUE?"),
                            (["config", "check", "run.toml", "--set", "seed=1"], 'did you mean "train.seed"?')):
        code, text = run(program, arguments, folder)
        check(f"{arguments}", code == 2 and said in text, (code, text))


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="slipway-line-") as root:
        folder = pathlib.Path(root)
        shutil.rmtree(folder)
        prepare(folder)
        (folder / "run.toml").write_text(GOOD.format(gguf=GGUF))
        (folder / "rows.jsonl").write_text('{"prompt": "the film", "completion": " was good"}\n' * 3)
        every_fault(program, folder)
        exit_codes(program, folder)
        quota(program, folder)
        working_folder(program, folder)
        reader_that_leaves(program, folder)
        damaged_states(program, folder)
        full_disk(program, folder, "model")
        terminal(program, folder, "model")
        console(program, folder)
        help_on(program, folder)
    for failure in failures:
        print(failure)
    print(f"{checked} checks of the command line, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
