"""Runs the Hugging Face Trainer itself on the cases of trainer_grid.py and records what it logs at every step.

usage: python tests/parity/record_trainer.py   (needs tests/parity/requirements.txt; writes tests/parity/data/trainer.json)
"""
import json
import pathlib
import tempfile

import lion_pytorch
import torch
import transformers
import trainer_grid as grid
from seeded_llama import fresh_model

OUT = pathlib.Path(__file__).resolve().parent / "data/trainer.json"
CONFIG = transformers.LlamaConfig(**grid.CONFIG)


def collate(batch: list[dict]) -> dict:
    """Pads to the longest of the batch; padding carries no loss."""
    longest = max(len(row["ids"]) for row in batch)
    ids = torch.tensor([row["ids"] + [0] * (longest - len(row["ids"])) for row in batch])
    mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in batch])
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}


def focal(gamma: float):
    """What plugins/losses/focal says, as a compute_loss_func."""
    def compute(outputs, labels, num_items_in_batch=None):
        labels = labels[:, 1:]
        counted = labels != -100
        logprobs = outputs.logits[:, :-1].log_softmax(-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)[counted]
        return -((1 - logprobs.exp()) ** gamma * logprobs).sum() / num_items_in_batch

    return compute


def run(case: dict, folder: str) -> list[dict]:
    arguments = {"lr_scheduler_kwargs": {}} | case
    loss, more = arguments.pop("loss", None), {}
    if loss is not None:
        more["compute_loss_func"] = focal(loss["options"]["gamma"])
    if arguments.get("optim") == "lion_32bit":  # the Trainer would take bitsandbytes', which the record of optimizers was not made with
        del arguments["optim"]
        more["optimizer_cls_and_kwargs"] = (lion_pytorch.Lion, {"lr": arguments["learning_rate"], "betas": (0.9, arguments["adam_beta2"])})
    args = transformers.TrainingArguments(output_dir=folder, save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True,
                                          remove_unused_columns=False, **arguments)
    train, held_out = [[{"ids": grid.ids(text)} for text in texts] for texts in grid.texts()]
    trainer = transformers.Trainer(fresh_model(CONFIG, case["seed"]), args, train_dataset=train, eval_dataset=held_out, data_collator=collate, **more)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return trainer.state.log_history


def main() -> None:
    record = {"transformers": transformers.__version__, "torch": torch.__version__, "cases": {}}
    for name, case in grid.cases().items():
        with tempfile.TemporaryDirectory() as folder:
            rows = run(case, folder)
        columns = {key: [row[key] for row in rows if key in row] for key in ("loss", "grad_norm", "learning_rate", "eval_loss")}
        record["cases"][name] = {"arguments": case} | columns
        print(f"{name}: {len(columns['loss'])} steps, loss {columns['loss'][0]:.4f} -> {columns['loss'][-1]:.4f}")
    OUT.write_text(json.dumps(record, separators=(",", ":")).replace('],"', '],\n"').replace('{"arguments"', '\n{"arguments"') + "\n")


if __name__ == "__main__":
    main()
