"""How many checkpoints a RAFT run keeps, one iteration's start and what save_strategy asks for; and that they are the same whether training
waits for them or not. usage: checkpoints_test.py SLIPWAY"""

import json
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile

from tiny_files import write_folder

RUN_FILE = "tests/e2e/tiny_raft.toml"  # four iterations of six steps
# Of a model of some thousand weights, with a checkpoint after every step.
SMALL = """
[run]
algorithm = "{algorithm}"
[model]
weights = "model"
[data]
train = ["rows.jsonl"]
[generation]
max_new_tokens = 3
[raft]
iterations = 3
prompts_per_iteration = 4
samples_per_prompt = 2
discard = []
[[reward]]
use = "length"
options = {{ mode = "longer", target = 6 }}
[train]
learning_rate = 0.03
num_train_epochs = 1
per_device_train_batch_size = 2
logging_steps = 1
save_steps = 1
"""
NEVER = ["train.save_steps=500", "train.save_total_limit=0"]


def start(program: str, folder: pathlib.Path, settings: list[str], *more: str, run_file: str = RUN_FILE, **how) -> subprocess.Popen:
    sets = [part for setting in [f"run.output_dir={folder}", *settings] for part in ("--set", setting)]
    return subprocess.Popen([program, "train", run_file, "--quiet", *sets, *more], stderr=subprocess.PIPE, text=True, **how)


def checkpoints(folder: pathlib.Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*"))


def trained(program: str, folder: pathlib.Path, settings: list[str], *more: str) -> tuple[int, str]:
    """The most checkpoints that were there at once, and what the run said."""
    process, most = start(program, folder, settings, *more), 0
    while process.poll() is None:
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            most = max(most, len(checkpoints(folder)))
    said = process.stderr.read()
    assert process.returncode == 0, said
    return most, said


def one_start_is_kept(program: str, root: pathlib.Path) -> None:
    most, _ = trained(program, root / "default", NEVER)
    assert most <= 2, f"{most} checkpoints at once"
    # The last iteration's start, and the last step, which strategies by steps save.
    assert checkpoints(root / "default") == [18, 24], checkpoints(root / "default")


def what_is_asked_for_is_kept_beside_it(program: str, root: pathlib.Path) -> None:
    trained(program, root / "asked", ["train.save_steps=4", "train.save_total_limit=0"])
    assert checkpoints(root / "asked") == [4, 8, 12, 16, 18, 20, 24], checkpoints(root / "asked")
    trained(program, root / "limited", ["train.save_steps=4", "train.save_total_limit=2"])
    assert checkpoints(root / "limited") == [18, 20, 24], checkpoints(root / "limited")
    trained(program, root / "resumed", ["train.save_steps=4", "train.save_total_limit=2"], f"--resume={root}/asked/checkpoint-8")
    assert checkpoints(root / "resumed") == [18, 20, 24], checkpoints(root / "resumed")
    weights = {(root / name / "model.safetensors").read_bytes() for name in ("asked", "limited", "resumed")}
    assert len(weights) == 1


def a_run_that_may_go_back_keeps_where_to(program: str, root: pathlib.Path) -> None:
    folder = root / "careful"
    trained(program, folder, ["train.save_steps=4", "train.save_total_limit=0", "raft.min_distinct_2=1e-9"])
    assert checkpoints(folder) == [0, 4, 6, 8, 12, 16, 18, 20, 24], checkpoints(folder)
    before = (folder / "checkpoint-6" / "model.safetensors").read_bytes()
    # The middle of the second iteration, whose end is now held to be too poor: back to its start.
    _, said = trained(program, folder, ["train.save_steps=4", "train.save_total_limit=0", "raft.min_distinct_2=1",
                                        "raft.stop_reward=inf", "train.learning_rate=3"], f"--resume={folder}/checkpoint-8")
    assert "back to the model before iteration 2" in said, said
    assert (folder / "model.safetensors").read_bytes() == before


def content(file: pathlib.Path) -> object:
    """Bytes, or JSON without times and what follows from how they are written."""
    if file.suffix != ".json":
        return file.read_bytes()

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if not re.search("second|runtime|time$|metrics_bytes|output_dir|logging_dir|run_name|share_", k)}
        return [plain(v) for v in value] if isinstance(value, list) else pathlib.Path(value).name if str(value).startswith("/") else value

    return plain(json.loads(file.read_text()))


def small(root: pathlib.Path, algorithm: str) -> str:
    """A run file."""
    if not (root / "model").exists():
        write_folder(root / "model")
        rows = [f"row {i} of a file of short rows"[: 12 + i % 9] for i in range(24)]
        (root / "rows.jsonl").write_text("".join(json.dumps({"text": row} | {"prompt": row[:9]}) + "\n" for row in rows))
    text = SMALL.format(algorithm=algorithm)
    if algorithm == "sft":
        text = text[: text.index("[generation]")] + text[text.index("[train]") :]
        (root / "rows.jsonl").with_name("texts.jsonl").write_text("".join(json.dumps({"text": f"row {i} of a file of short rows"[: 12 + i % 9]}) + "\n" for i in range(24)))
        text = text.replace("rows.jsonl", "texts.jsonl")
    (root / f"{algorithm}.toml").write_text(text)
    return str(root / f"{algorithm}.toml")


def files_hold_their_own_step(program: str, root: pathlib.Path) -> None:
    """Training changes weights and state while a checkpoint is written: it holds what they were, as the one that training waits for."""
    compared = 0
    for name, algorithm, more in (("raft", "raft", []), ("sft", "sft", []), ("adafactor", "sft", ["train.optim=adafactor", "train.max_shard_size=10KB"])):
        folders = []
        for behind in ("true", "false"):
            folders.append(root / f"{name}-{behind}" / "run")
            process = start(program, folders[-1], [f"train.async_save={behind}", *more], run_file=small(root, algorithm))
            assert process.wait() == 0, process.stderr.read()
        assert checkpoints(folders[0]) == checkpoints(folders[1]) and len(checkpoints(folders[0])) >= 6, checkpoints(folders[0])
        for file in sorted(folders[0].glob("checkpoint-*/*")):
            if file.name != "manifest.json":
                ours, waited = content(file), content(folders[1] / file.relative_to(folders[0]))
                assert ours == waited, (file, ours, waited)
                compared += 1
    print(f"{compared} files of checkpoints are those of runs that wait for them")


def what_cannot_be_written_ends_the_run(program: str, root: pathlib.Path) -> None:
    """The start of the iteration fits, a checkpoint with the optimizer's state does not."""
    limit = 2 * (root / "model" / "model.safetensors").stat().st_size
    for behind in ("true", "false"):
        folder, file = root / f"full-{behind}", small(root, "raft")
        settings = [f"train.async_save={behind}", "train.save_total_limit=1"]
        process = start(program, folder, settings, run_file=file, restore_signals=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        said = process.communicate(timeout=100)[1]
        assert process.returncode == 1 and re.search(r"slipway: .*checkpoint-1\S*/optimizer\.pt: .*File too large", said), (process.returncode, said)
        assert checkpoints(folder) == [0], checkpoints(folder)
        assert not list(folder.glob(".checkpoint*")), "what was written of it takes room"
        assert start(program, folder, settings, "--resume", run_file=file).wait() == 0
        assert (folder / "model.safetensors").exists()
    print("a checkpoint that cannot be written ends the run; a resume goes on")


def a_run_that_is_stopped_has_saved(program: str, root: pathlib.Path) -> None:
    folder, settings, file = root / "stopped", ["train.max_steps=20000", "train.save_total_limit=2"], small(root, "sft")
    process = start(program, folder, settings, run_file=file)
    while len(checkpoints(folder)) < 2:
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=100)[1]
    stopped = re.search(r"stopped by a signal after step (\d+); resume with --resume", said)
    assert process.returncode == 85 and stopped, said
    assert checkpoints(folder)[-1] == int(stopped[1]), (said, checkpoints(folder))
    assert not list(folder.glob(".checkpoint*"))
    print("a run that is stopped waits for what it saves")


def main() -> None:
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="slipway-checkpoints-") as name:
        for each in (one_start_is_kept, what_is_asked_for_is_kept_beside_it, a_run_that_may_go_back_keeps_where_to, files_hold_their_own_step,
                     what_cannot_be_written_ends_the_run, a_run_that_is_stopped_has_saved):
            each(program, pathlib.Path(name))
            print(each.__name__.replace("_", " "))


if __name__ == "__main__":
    main()
