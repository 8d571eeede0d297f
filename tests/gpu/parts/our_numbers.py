"""The same of Slipway: logits from `slipway predict`, gradients from the checkpoint of one step.

The first step of SGD with momentum keeps the gradient as it is in its buffer, so optimizer.pt has it to the
bit.
"""

import json
import math
import pathlib

import safetensors.torch
import torch

from peer_numbers import IGNORED, Batch, Numbers, optimizer_order
from program import rows_of, run

RUN = """[run]
algorithm = "sft"
output_dir = "{out}"
[model]
weights = "{model}"
[data]
train = ["{data}"]
max_tokens = {longest}
[train]
device = "{device}"
bf16 = {bf16}
optim = "sgd"
optim_args = "momentum=0.9"
learning_rate = 1e-3
max_grad_norm = 0.0
max_steps = 1
logging_steps = 1
save_steps = 1
per_device_train_batch_size = 1000
per_device_eval_batch_size = 1000
"""


class Otherwise(Exception):
    """Slipway took other tokens for labels than the peer."""


def predicted(
    folder: pathlib.Path, file: pathlib.Path, data: pathlib.Path, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and log-probabilities of all labels."""
    out = folder / "predictions.safetensors"
    run("predict", file, "--data", data, "--logits", "--predictions", out, "--out", folder, "--quiet")
    arrays = safetensors.torch.load_file(out)
    out.unlink()
    labels = arrays["label_ids"]
    expected = torch.full_like(labels, IGNORED)
    width = min(labels.shape[1], batch.labels.shape[1])
    expected[:, 1:width] = batch.labels[:, 1:width]
    if labels.shape != batch.labels.shape or not torch.equal(labels, expected):
        raise Otherwise("slipway predict has other labels than transformers' tokenizer gives")
    chosen = labels[:, 1:] != IGNORED
    return arrays["logits"][:, :-1][chosen].double(), arrays["logprobs"][:, 1:][chosen].double()


def gradients(
    run_folder: pathlib.Path, model: pathlib.Path, shapes: dict[str, torch.Size]
) -> dict[str, torch.Tensor]:
    state = torch.load(run_folder / "checkpoint-1/optimizer.pt", weights_only=True)["state"]
    order = optimizer_order(model)
    if sorted(state) != list(range(len(order))) or any(
        state[i]["momentum_buffer"].shape != shapes[name] for i, name in enumerate(order)
    ):
        raise Otherwise("optimizer.pt has other parameters than transformers' model")
    return {name: state[i]["momentum_buffer"].double() for i, name in enumerate(order)}


def compute(
    folder: pathlib.Path,
    model: pathlib.Path,
    data: pathlib.Path,
    batch: Batch,
    bf16: bool,
    device: str,
    shapes: dict[str, torch.Size],
) -> Numbers:
    """`folder` is for what is written; `shapes` are those of the gradients that are to come."""
    folder.mkdir(parents=True)
    file = folder / "run.toml"
    file.write_text(
        RUN.format(
            out=folder / "run",
            model=model,
            data=data,
            longest=batch.ids.shape[1],
            device=device,
            bf16=str(bf16).lower(),
        )
    )
    logits, logprobs = predicted(folder, file, data, batch)
    run("train", file, "--quiet")
    logged = [row["loss"] for row in rows_of(folder / "run") if "loss" in row]
    loss = logged[0] if len(logged) == 1 else math.nan
    return Numbers(logits, logprobs, loss, gradients(folder / "run", model, shapes))


def greedy(model: pathlib.Path, prompts: list[str], new: int, device: str) -> list[str]:
    said = run(
        "generate",
        "--model",
        model,
        "--device",
        device,
        "--temperature",
        0,
        "--max-new-tokens",
        new,
        "--json",
        stdin="".join(p + "\n" for p in prompts),
    )
    answers = [json.loads(line) for line in said.splitlines()]
    if [answer["prompt"] for answer in answers] != prompts:
        raise Otherwise("slipway generate answered other prompts")
    return [answer["completion"] for answer in answers]
