"""Checkpoints beside the Hugging Face Trainer's: the same run, and one that goes on from its checkpoint of step 20. What was saved without
the optimizer's state, or with another, is refused by name.

usage: resume_parity_test.py SLIPWAY      (the record: tests/parity/data/resume, made by tests/parity/record_resume.py)
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data/resume"
LOSS_TOLERANCE, RATE_TOLERANCE = 1e-4, 1e-9  # absolute, relative
FILES = {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "training_args.json", "trainer_state.json",
         "optimizer.pt", "scheduler.pt", "rng_state.pth", "run_state.json", "sft_state.json", "manifest.json"}


def train(folder: pathlib.Path, *more: str) -> subprocess.CompletedProcess:
    command = [sys.argv[1], "train", str(ROOT / "tests/e2e/tiny_resume.toml"), "--set", f"run.output_dir={folder}", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def steps_of(done: subprocess.CompletedProcess, folder: pathlib.Path) -> list[dict]:
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}: {done.stderr}")
    return [r for r in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in r]


def compare(what: str, ours: list[dict], theirs: list[dict]) -> None:
    if [r["global_step"] for r in ours] != [r["step"] for r in theirs]:
        sys.exit(f"{what}: steps {[r['global_step'] for r in ours]} here, {[r['step'] for r in theirs]} there")
    loss = largest_of(abs(a["loss"] - b["loss"]) for a, b in zip(ours, theirs))
    rate = largest_of(abs(a["learning_rate"] - b["learning_rate"]) / max(b["learning_rate"], 1e-12) for a, b in zip(ours, theirs))
    epoch = largest_of(abs(a["epoch"] - b["epoch"]) for a, b in zip(ours, theirs))
    print(f"{what}: {len(ours)} steps, loss {ours[0]['loss']:.4f} -> {ours[-1]['loss']:.4f}; largest differences to the Hugging Face Trainer: loss {loss:.3g}, learning rate {rate:.3g} (relative), epoch {epoch:.3g}")
    if not (loss <= LOSS_TOLERANCE and rate <= RATE_TOLERANCE and epoch < 1e-12):
        sys.exit(f"{what}: too far from the Hugging Face Trainer")


def mean_over_the_losses_that_are_known(root: pathlib.Path) -> None:
    """The peer's state may hold fewer losses than it took steps: it logs now and then."""
    checkpoint = root / "few/checkpoint-20"
    shutil.copytree(DATA / "checkpoint-20", checkpoint)
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    state["log_history"] = state["log_history"][:15]
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    steps = steps_of(train(root / "few", "--resume"), root / "few")
    losses = [row["loss"] for row in state["log_history"]] + [row["loss"] for row in steps]
    history = json.loads((root / "few/trainer_state.json").read_text())["log_history"]
    mean = next(row["train_loss"] for row in history if "train_loss" in row)
    if len(losses) != 35 or not abs(mean - sum(losses) / 35) <= 1e-6:
        sys.exit(f"train_loss is {mean}, the mean of the {len(losses)} losses that are known {sum(losses) / len(losses)}")


def refuse(what: str, done: subprocess.CompletedProcess, code: int, *texts: str) -> None:
    if done.returncode != code or not all(t in done.stderr for t in texts):
        sys.exit(f"{what}: exit code {code} and {texts} expected, got {done.returncode}: {done.stderr}")


def main() -> None:
    theirs = json.loads((DATA / "record.json").read_text())["steps"]
    with tempfile.TemporaryDirectory(prefix="slipway-resume-") as name:
        root = pathlib.Path(name)
        compare("uninterrupted", steps_of(train(root / "whole"), root / "whole"), theirs)
        if (got := {f.name for f in (root / "whole/checkpoint-20").iterdir()}) != FILES:
            sys.exit(f"checkpoint-20 holds {sorted(got)}")
        done = train(root / "from", f"--resume={DATA / 'checkpoint-20'}")
        compare("from its checkpoint", steps_of(done, root / "from"), theirs[20:])
        if "training_args.bin, a pickle of Python objects, is not read" not in done.stderr or "wrote it" in done.stderr:
            sys.exit(f"what was said of the checkpoint: {done.stderr}")
        # In the peer's own output folder, and after a second interruption.
        shutil.copytree(DATA / "checkpoint-20", root / "own/checkpoint-20")
        steps_of(train(root / "own", "--resume", "--set", "train.save_steps=30"), root / "own")
        shutil.rmtree(root / "own/checkpoint-40")
        compare("in its folder, twice", steps_of(train(root / "own", "--resume"), root / "own"), theirs[20:])
        if (root / "own/model.safetensors").read_bytes() != (root / "from/model.safetensors").read_bytes():
            sys.exit("resumed at step 20 and at step 30, the weights differ")

        mean_over_the_losses_that_are_known(root)

        refuse("another optimizer", train(root / "x", f"--resume={DATA / 'checkpoint-20'}", "--set", "train.optim=lion_32bit"), 1,
               "checkpoint-20/optimizer.pt: state[0] (model.embed_tokens.weight) holds step, exp_avg, exp_avg_sq, more than lion keeps", "train.optim")
        done = train(root / "small", "--set", "train.save_only_model=true", "--set", "train.max_shard_size=30KB", "--set", "train.max_steps=20")
        saved = {f.name for f in (root / "small/checkpoint-20").iterdir()}
        if done.returncode != 0 or saved & {"optimizer.pt", "scheduler.pt", "rng_state.pth", "run_state.json"} or "model-00005-of-00005.safetensors" not in saved or "model.safetensors" in saved:
            sys.exit(f"save_only_model and max_shard_size left {sorted(saved)}: {done.stderr}")
        refuse("the model alone", train(root / "small", "--resume"), 1, "checkpoint-20: was saved with train.save_only_model = true", "model.weights = ")
        again = train(root / "again", "--set", f"model.weights={root / 'small/checkpoint-20'}", "--set", "train.max_steps=1")
        steps_of(again, root / "again")
        refuse("a size that is none", train(root / "x", "--set", "train.max_shard_size=5G"), 2, 'train.max_shard_size: "5G" is not a size')


if __name__ == "__main__":
    main()
