"""How many checkpoints a RAFT run keeps: one iteration's start, and what save_strategy asks for. usage: checkpoints_test.py SLIPWAY"""

import pathlib
import subprocess
import sys
import tempfile

RUN_FILE = "tests/e2e/tiny_raft.toml"  # four iterations of six steps
NEVER = ["train.save_steps=500", "train.save_total_limit=0"]


def start(program: str, folder: pathlib.Path, settings: list[str], *more: str) -> subprocess.Popen:
    sets = [part for setting in [f"run.output_dir={folder}", *settings] for part in ("--set", setting)]
    return subprocess.Popen([program, "train", RUN_FILE, "--quiet", *sets, *more], stderr=subprocess.PIPE, text=True)


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


def main() -> None:
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="slipway-checkpoints-") as name:
        for each in (one_start_is_kept, what_is_asked_for_is_kept_beside_it, a_run_that_may_go_back_keeps_where_to):
            each(program, pathlib.Path(name))
            print(each.__name__.replace("_", " "))


if __name__ == "__main__":
    main()
