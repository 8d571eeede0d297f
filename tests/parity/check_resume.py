"""Checkpoints both ways with the real Hugging Face Trainer: it goes on from Slipway's step 20, Slipway goes on from its, and both meet the
losses of the other's uninterrupted run; for each optimizer, several schedules, and with evaluations. Then every file of a checkpoint is read
by what reads it in the peer's world.

usage: python tests/parity/check_resume.py [SLIPWAY]   (needs tests/parity/requirements.txt; SLIPWAY: build/release/slipway)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers
from lion_pytorch import Lion
from transformers.trainer_callback import TrainerState
from transformers.trainer_pt_utils import safe_globals

from hf_trainer import DATA, ROOT, RUN_FILE, losses, train
from largest import largest_of

SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")
TOLERANCE = 1e-4
EVALUATING = {"eval_strategy": "steps", "eval_steps": 4, "per_device_eval_batch_size": 8}
# Name: keys of [train], and what the peer takes in place of its args.optim.
CASES = {
    "adamw_torch, linear": ({}, None),
    "adamw_torch_fused, cosine": ({"optim": "adamw_torch_fused", "lr_scheduler_type": "cosine"}, None),
    "sgd, momentum": ({"optim": "sgd", "optim_args": "momentum=0.9, nesterov=true", "learning_rate": 0.05, "lr_scheduler_type": "constant"}, None),
    "sgd": ({"optim": "sgd", "learning_rate": 0.3}, None),
    "adagrad": ({"optim": "adagrad", "learning_rate": 0.02, "lr_scheduler_type": "inverse_sqrt"}, None),
    "rmsprop, momentum, centered": ({"optim": "rmsprop", "optim_args": "momentum=0.5, alpha=0.98, centered=true", "learning_rate": 5e-4}, None),
    "adafactor": ({"optim": "adafactor", "learning_rate": 5e-3}, None),
    "lion": ({"optim": "lion_32bit", "learning_rate": 5e-4, "adam_beta2": 0.99}, (Lion, {"lr": 5e-4, "betas": (0.9, 0.99)})),
    "reduce_lr_on_plateau": ({"lr_scheduler_type": "reduce_lr_on_plateau", "lr_scheduler_kwargs": {"factor": 0.5, "patience": 0, "threshold": 0.05}, "warmup_steps": 0} | EVALUATING, None),
    "greedy": ({"lr_scheduler_type": "greedy", "lr_scheduler_kwargs": {"factor": 0.7, "patience": 1, "smooth": True, "window_size": 3, "min_lr": 1e-4}, "warmup_steps": 0} | EVALUATING, None),
}


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def slipway(folder: pathlib.Path, keys: dict, resume: pathlib.Path | None = None, held_out: int = 0) -> list[dict]:
    command = [SLIPWAY, "train", str(RUN_FILE), "--quiet", "--set", f"run.output_dir={folder}"] + ([f"--resume={resume}"] if resume else [])
    if held_out:  # the first rows of the file, as the peer takes them
        lines = (DATA / "texts.jsonl").read_text().splitlines(keepends=True)
        for name, part in (("train", lines[held_out:]), ("eval", lines[:held_out])):
            path = folder.parent / f"{name}.jsonl"
            path.write_text("".join(part))
            command += ["--set", f"data.{name}={path}"]
    for key, value in keys.items():
        command += ["--set", f"train.{key}={toml(value)}"]
    subprocess.run(command, check=True)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [r | {"step": r["global_step"]} for r in rows]


def apart(a: list[dict], b: list[dict], after: int) -> float:
    first, second = ({s: v for s, v in losses(rows).items() if s > after} for rows in (a, b))
    if first.keys() != second.keys() or len(first) != 40 - after:
        sys.exit(f"other steps: {sorted(first)} and {sorted(second)}")
    return largest_of(abs(first[s] - second[s]) for s in first)


def rates(rows: list[dict]) -> dict[int, float]:
    return {r["step"]: r["learning_rate"] for r in rows if "loss" in r}


def check_case(root: pathlib.Path, name: str, keys: dict, optimizer: tuple | None) -> None:
    held_out = 8 if "eval_strategy" in keys else 0
    theirs_keys = keys if optimizer is None else {k: v for k, v in keys.items() if k != "optim"}
    ours = slipway(root / "ours", keys, held_out=held_out)
    theirs = train(root / "theirs", optimizer=optimizer, held_out=held_out, **theirs_keys)
    theirs_on = train(root / "theirs-on", root / "ours/checkpoint-20", optimizer, held_out, **theirs_keys)
    ours_on = slipway(root / "ours-on", keys, root / "theirs/checkpoint-20", held_out)
    # What the peer logs after a resume begins with the rows that it found in our state.
    if (found := [r["step"] for r in theirs_on if "loss" in r][:20]) != list(range(1, 21)):
        sys.exit(f"{name}: the peer found the rows of steps {found} in our trainer_state.json")
    numbers = {"uninterrupted": apart(ours, theirs, 0), "the peer on from ours": apart(theirs_on, ours, 20), "ours on from the peer's": apart(ours_on, theirs, 20)}
    rate = largest_of(abs(rates(theirs_on)[s] - rates(ours)[s]) + abs(rates(ours_on)[s] - rates(theirs)[s]) for s in range(21, 41))
    changed = len({f"{v:.9g}" for v in rates(theirs).values()})
    print(f"{name}: loss {losses(theirs)[1]:.4f} -> {losses(theirs)[40]:.4f}; apart: " + ", ".join(f"{k} {v:.2g}" for k, v in numbers.items()) + f"; rates {rate:.2g} apart, {changed} of them", flush=True)
    if any(not v <= TOLERANCE for v in numbers.values()) or not rate <= 1e-9:
        sys.exit(f"{name}: further apart than {TOLERANCE}")


def check_files(folder: pathlib.Path) -> None:
    """Every file of a checkpoint by its reader; none is left over."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    if model.dtype != torch.float32 or any(not torch.equal(v, weights[k]) for k, v in model.state_dict().items()):
        sys.exit(f"{folder}: from_pretrained gives other weights than the file holds")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    before = transformers.AutoTokenizer.from_pretrained(DATA / "model")
    if tokenizer("the old man sees the sea").input_ids != before("the old man sees the sea").input_ids or tokenizer.eos_token != before.eos_token:
        sys.exit(f"{folder}: another tokenizer")
    generation = transformers.GenerationConfig.from_pretrained(folder)
    if generation.eos_token_id != model.config.eos_token_id:
        sys.exit(f"{folder}: generation_config.json says eos_token_id {generation.eos_token_id}")
    arguments = transformers.TrainingArguments(**json.loads((folder / "training_args.json").read_text()))
    state = TrainerState.load_from_json(str(folder / "trainer_state.json"))
    with safe_globals():
        loaded = {f.name: torch.load(f, weights_only=True) for f in [*folder.glob("*.pt"), *folder.glob("*.pth")]}
    if loaded["scheduler.pt"]["last_epoch"] != state.global_step or arguments.learning_rate != loaded["scheduler.pt"]["base_lrs"][0]:
        sys.exit(f"{folder}: scheduler.pt, trainer_state.json and training_args.json do not agree")
    read = {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "training_args.json", "trainer_state.json", *loaded}
    print(f"read by the peer: {', '.join(sorted(read))}; ours alone: {', '.join(sorted({f.name for f in folder.iterdir()} - read))}")


def check_shards(root: pathlib.Path) -> None:
    slipway(root / "sharded", {"max_steps": 2, "max_shard_size": "30KB"})
    loaded = transformers.LlamaForCausalLM.from_pretrained(root / "sharded", dtype=torch.float32)
    whole = transformers.LlamaForCausalLM(loaded.config)  # one that was loaded writes its tensors in another order
    whole.load_state_dict(loaded.state_dict())
    whole.save_pretrained(root / "theirs", max_shard_size="30KB")
    files = sorted(f.name for f in (root / "theirs").glob("model*"))
    if files != sorted(f.name for f in (root / "sharded").glob("model*")) or any((root / "theirs" / f).read_bytes() != (root / "sharded" / f).read_bytes() for f in files):
        sys.exit("shards differ from the peer's")
    print(f"{len(files) - 1} shards and their index: the peer's own, byte for byte")


def main() -> None:
    transformers.logging.set_verbosity_error()
    for name, (keys, optimizer) in CASES.items():
        with tempfile.TemporaryDirectory(prefix="slipway-resume-") as folder:
            check_case(pathlib.Path(folder), name, keys, optimizer)
            if not keys:
                check_files(pathlib.Path(folder) / "ours/checkpoint-20")
    with tempfile.TemporaryDirectory(prefix="slipway-shards-") as folder:
        check_shards(pathlib.Path(folder))


if __name__ == "__main__":
    main()
