"""Runs the Hugging Face Trainer itself under torchrun, two processes with Gloo, on the cases of distributed_grid.py, and records what it
logs, which lines each process is given in each micro-batch, and after each evaluation the loss of each line that was put aside.

usage: python tests/parity/record_distributed.py   (needs tests/parity/requirements.txt; writes tests/parity/data/distributed.json)
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

import torch
import transformers

import distributed_grid
import record_trainer
import trainer_grid as grid
from seeded_llama import fresh_model
from watched_trainer import Streamed

OUT = pathlib.Path(__file__).resolve().parent / "data/distributed.json"
CONFIG = transformers.LlamaConfig(**grid.CONFIG)
COLUMNS = ("step", "epoch", "loss", "grad_norm", "learning_rate", "num_input_tokens_seen", "eval_loss")


class WatchedTrainer(transformers.Trainer):
    """Writes down the lines of its micro-batches, and what each line that was put aside costs."""

    def __init__(self, *arguments, **more) -> None:
        super().__init__(*arguments, **more)
        self.micro_batches, self.lines = [], []

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.micro_batches.append(inputs.pop("row").tolist())
        return super().training_step(model, inputs, num_items_in_batch)

    def prediction_step(self, model, inputs, *arguments, **more):
        inputs.pop("row")
        return super().prediction_step(model, inputs, *arguments, **more)

    def evaluate(self, *arguments, **more):
        out = super().evaluate(*arguments, **more)
        with torch.no_grad():
            self.lines.append([self.line_loss(row) for row in self.eval_dataset])
        return out

    def line_loss(self, row: dict) -> tuple[float, int]:
        """The sum over its label tokens, and how many they are."""
        inputs = collate([row])
        logits, labels = self.model(input_ids=inputs["input_ids"]).logits[0, :-1], inputs["labels"][0, 1:]
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=self.args.label_smoothing_factor)
        return loss.item(), len(labels)


def collate(batch: list[dict]) -> dict:
    return record_trainer.collate(batch) | {"row": torch.tensor([row["row"] for row in batch])}


def collate_to_one_width(batch: list[dict]) -> dict:
    """Of a stream the first process gathers the batches of all in one tensor."""
    out, wanted = collate(batch), grid.CONFIG["max_position_embeddings"]
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {key: torch.nn.functional.pad(value, (0, wanted - value.shape[1]), value=fill[key]) if key in fill else value for key, value in out.items()}


def run(case: dict, folder: str) -> WatchedTrainer:
    arguments, more = {"lr_scheduler_kwargs": {}} | case, {}
    for name in ("rows", "held_out", "streaming", "loss"):
        arguments.pop(name, None)
    if "loss" in case:
        more["compute_loss_func"] = record_trainer.focal(case["loss"]["options"]["gamma"])
    args = transformers.TrainingArguments(output_dir=folder, save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True, remove_unused_columns=False,
                                          ddp_find_unused_parameters=False, **arguments)
    assert args.average_tokens_across_devices and args.world_size == distributed_grid.RANKS
    train, held_out = [[{"ids": grid.ids(text), "input_ids": grid.ids(text), "row": i} for i, text in enumerate(texts)] for texts in distributed_grid.texts(case)]
    trainer = WatchedTrainer(fresh_model(CONFIG, case["seed"]), args, train_dataset=Streamed(train) if case["streaming"] else train, eval_dataset=held_out or None,
                             data_collator=collate_to_one_width if case["streaming"] else collate, **more)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return trainer


def as_one_of_two() -> None:
    """A process that torchrun started."""
    torch.set_num_threads(1)
    record = {"transformers": transformers.__version__, "torch": torch.__version__, "cases": {}}
    for name, case in distributed_grid.cases().items():
        with tempfile.TemporaryDirectory() as folder:
            trainer = run(case, folder)
        orders = [None] * distributed_grid.RANKS
        torch.distributed.all_gather_object(orders, trainer.micro_batches)
        rows = [{key: row[key] for key in COLUMNS if key in row} for row in trainer.state.log_history if "loss" in row or "eval_loss" in row]
        record["cases"][name] = {"arguments": case, "rows": rows, "micro_batches": orders, "held_out": trainer.lines}
        losses = [row["loss"] for row in rows if "loss" in row]
        if os.environ["RANK"] == "0":
            print(f"{name}: {trainer.state.global_step} steps, loss {losses[0]:.4f} -> {losses[-1]:.4f}", flush=True)
    if os.environ["RANK"] == "0":
        OUT.write_text(json.dumps(record, separators=(",", ":")).replace('{"arguments"', '\n{"arguments"') + "\n")
    torch.distributed.destroy_process_group()


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={distributed_grid.RANKS}", "--master-addr=127.0.0.1", f"--master-port={port}", __file__],
                   env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)


if __name__ == "__main__":
    as_one_of_two() if "RANK" in os.environ else main()
