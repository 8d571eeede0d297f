"""Trains tests/e2e/tiny_sft.toml's model in PyTorch with transformers' Llama: same architecture, data, order and seed.

usage: python tests/parity/record_sft.py [ASSETS]   (needs tests/parity/requirements.txt; writes tests/parity/data/sft_scratch.json)
The record holds the loss, gradient norm and learning rate of every step and the held-out loss after every epoch.
"""
import json
import math
import pathlib
import sys
import tomllib

import torch
import transformers
from largest import largest_of
from seeded_llama import fresh_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/assets")
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
RUN = tomllib.loads((ROOT / "tests/e2e/tiny_sft.toml").read_text())
CONFIG = transformers.LlamaConfig(**json.loads((ROOT / "tests/e2e/tiny_llama.json").read_text()), attn_implementation="eager")


def rows() -> tuple[list, list]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(ASSETS, gguf_file=GGUF)
    lines = (ASSETS / "movieReviewSnippets_GroundTruth.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.rstrip(" \r").split("\t")[RUN["data"]["text_column"] - 1] for line in lines if line.strip()][: RUN["data"]["limit"]]
    ids = [tokenizer(text).input_ids + [CONFIG.eos_token_id] for text in texts]
    aside = RUN["data"]["eval_rows"]
    held_out = {k * len(ids) // aside for k in range(aside)}
    return [r for i, r in enumerate(ids) if i not in held_out], [r for i, r in enumerate(ids) if i in held_out]


def loss_sum(model: torch.nn.Module, batch: list) -> tuple[torch.Tensor, int]:
    width = max(map(len, batch))
    ids = torch.tensor([r + [CONFIG.eos_token_id] * (width - len(r)) for r in batch])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in batch])
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    labels = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="sum")
    return loss, int((labels != -100).sum())


def held_out_loss(model: torch.nn.Module, rows: list, size: int = 8) -> float:
    """As transformers' Trainer has it: each batch's mean counts as often as the batch has examples."""
    with torch.no_grad():
        batches = [(rows[i: i + size], *loss_sum(model, rows[i: i + size])) for i in range(0, len(rows), size)]
    return sum(total.item() / labels * len(batch) for batch, total, labels in batches) / len(rows)


def main() -> None:
    train = RUN["train"]
    examples, held_out = rows()
    model = fresh_model(CONFIG, train["seed"])
    decay = [p for n, p in model.named_parameters() if "norm" not in n]
    plain = [p for n, p in model.named_parameters() if "norm" in n]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": train["weight_decay"]}, {"params": plain, "weight_decay": 0.0}], lr=train["learning_rate"])
    size, accumulate = train["per_device_train_batch_size"], train["gradient_accumulation_steps"]
    micro = math.ceil(len(examples) / size)
    updates = math.ceil(micro / accumulate)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, train["warmup_steps"], updates * train["num_train_epochs"])
    steps, evaluations, drift = [], [], 0.0
    for epoch in range(train["num_train_epochs"]):
        order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(train["seed"] + epoch)).tolist()
        batches = [[examples[j] for j in order[i: i + size]] for i in range(0, len(order), size)]
        for first in range(0, micro, accumulate):
            group = batches[first: first + accumulate]
            labels = sum(len(r) - 1 for b in group for r in b)
            optimizer.zero_grad()
            loss = 0.0
            for batch in group:
                part = loss_sum(model, batch)[0] / labels
                part.backward()
                loss += part.item()
            # Clipped as clip_grad_norm_ does, but by a norm summed in float64: torch sums float32 squares in an order that changes with
            # its thread count, and a hundred steps make a difference of the last digits large.
            gradients = [p.grad for p in model.parameters()]
            norm = torch.nn.utils.get_total_norm([g.double() for g in gradients])
            drift = largest_of([drift, abs(torch.nn.utils.get_total_norm(gradients).item() / norm.item() - 1)])
            torch.nn.utils.clip_grads_with_norm_(model.parameters(), 1.0, norm)
            steps.append({"loss": loss, "grad_norm": norm.item(), "learning_rate": schedule.get_last_lr()[0]})
            optimizer.step()
            schedule.step()
        evaluations.append(held_out_loss(model, held_out))
        print(f"epoch {epoch + 1}: last loss {steps[-1]['loss']:.4f}, held out {evaluations[-1]:.4f}")
    print(f"torch's float32 norm of {sum(p.numel() for p in model.parameters())} gradients: up to {drift:.2g} off, relative")
    record = {"torch": torch.__version__, "transformers": transformers.__version__, "steps": steps, "eval_loss": evaluations}
    (pathlib.Path(__file__).parent / "data/sft_scratch.json").write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    main()
