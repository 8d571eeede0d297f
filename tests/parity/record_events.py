"""Runs transformers' Trainer on the model of tests/e2e/tiny_llama.json and records every event and the state.

usage: python tests/parity/record_events.py [ASSETS]   (needs tests/parity/requirements.txt; writes tests/parity/data/events.json)
Each run of the record has its arguments ("train"), what its callback asks for ("asks": event, step, flags), the events as
[name, global_step, epoch, flags before the callback, total_flos, num_input_tokens_seen, best_global_step, logs or metrics],
trainer_state.json of the run and of its last checkpoint, and the model card's facts. Rows have equal lengths: there is no padding,
which Slipway never has.
"""
import contextlib
import io
import json
import pathlib
import sys
import tempfile

import torch
import transformers
from record_sft import ASSETS, CONFIG, GGUF
from seeded_llama import fresh_model
from transformers.modelcard import TrainingSummary

TOKENS, TRAIN_ROWS, EVAL_ROWS = 16, 26, 10
FLAGS = {"should_training_stop": 1, "should_epoch_stop": 2, "should_save": 4, "should_evaluate": 8, "should_log": 16}
COMMON = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 3e-3, "seed": 7, "optim": "adamw_torch"}
# Seven micro-batches an epoch in groups of two: the last group is short, and so is the last batch.
RUNS = {
    "steps": {"train": {"num_train_epochs": 2, "weight_decay": 0.1, "warmup_steps": 3, "logging_steps": 3, "logging_first_step": True, "eval_strategy": "steps", "eval_steps": 2,
                        "eval_on_start": True, "save_steps": 4, "load_best_model_at_end": True}},
    "epochs": {"train": {"num_train_epochs": 2, "lr_scheduler_type": "cosine", "logging_strategy": "epoch", "logging_steps": 50, "eval_strategy": "epoch", "save_strategy": "epoch",
                         "include_num_input_tokens_seen": "all"}},
    "max_steps": {"train": {"max_steps": 6, "logging_steps": 0.25, "eval_strategy": "steps", "eval_delay": 4, "save_strategy": "best", "metric_for_best_model": "loss",
                            "max_grad_norm": 0.0, "include_num_input_tokens_seen": "non_padding"}},
    # A falling loss is no gain when more is better: patience runs out at the second evaluation.
    "early_stop": {"train": {"num_train_epochs": 3, "logging_steps": 5, "eval_strategy": "steps", "eval_steps": 3, "save_steps": 3, "save_total_limit": 1,
                             "metric_for_best_model": "loss", "greater_is_better": True, "load_best_model_at_end": True},
                   "early_stopping": {"early_stopping_patience": 1, "early_stopping_threshold": 0.01}},
    "asked": {"train": {"num_train_epochs": 3, "logging_strategy": "no", "save_strategy": "no", "lr_scheduler_type": "linear"},
              "asks": [["epoch_begin", 0, 16], ["substep_end", 1, 16], ["optimizer_step", 2, 8], ["evaluate", 3, 20], ["step_end", 4, 4], ["step_end", 5, 2],
                       ["epoch_end", 5, 24], ["step_begin", 5, 28], ["pre_optimizer_step", 6, 16], ["evaluate", 7, 1], ["optimizer_step", 6, 8]]},
    # Broken off within groups of micro-batches: transformers counts the loss of what it throws away, Slipway does not.
    "broken_off": {"train": {"num_train_epochs": 3, "logging_steps": 2, "save_strategy": "no"}, "asks": [["substep_end", 1, 2], ["step_begin", 4, 1]]},
}


def rows() -> tuple[list, list]:
    """The first texts of the review snippets that have 20 words, so TOKENS tokens at the least, cut there."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(ASSETS, gguf_file=GGUF)
    lines = (ASSETS / "movieReviewSnippets_GroundTruth.txt").read_text(encoding="utf-8").splitlines()
    texts = [t for t in (line.rstrip(" \r").split("\t")[2] for line in lines if line.strip()) if len(t.split()) >= 20][: TRAIN_ROWS + EVAL_ROWS]
    ids = [tokenizer(text).input_ids[:TOKENS] for text in texts]
    assert all(len(each) == TOKENS for each in ids)
    examples = [{"input_ids": each, "labels": each, "attention_mask": [1] * TOKENS} for each in ids]
    return examples[:TRAIN_ROWS], examples[TRAIN_ROWS:]


class Recorder(transformers.TrainerCallback):
    def __init__(self, asks: list):
        self.asks, self.events = asks, []


def told(name: str):
    def hook(self, args, state, control, logs=None, metrics=None, **others):
        flags = sum(bit for flag, bit in FLAGS.items() if getattr(control, flag))
        details = logs if name == "log" else metrics if name == "evaluate" else None
        self.events.append([name, state.global_step, state.epoch, flags, state.total_flos, state.num_input_tokens_seen, state.best_global_step, dict(details) if details else None])
        for event, step, asked in self.asks:
            if event == name and step == state.global_step:
                for flag, bit in FLAGS.items():
                    if asked & bit:
                        setattr(control, flag, True)
    return hook


for each in [name[3:] for name in dir(transformers.TrainerCallback) if name.startswith("on_")]:
    setattr(Recorder, "on_" + each, told(each))


def record(run: dict, train: list, held_out: list) -> dict:
    with tempfile.TemporaryDirectory(prefix="slipway-record-") as folder:
        output = pathlib.Path(folder) / "run"
        args = transformers.TrainingArguments(output_dir=str(output), **(COMMON | run["train"]), use_cpu=True, report_to="none", disable_tqdm=True)
        recorder = Recorder(run.get("asks", []))
        callbacks = [transformers.EarlyStoppingCallback(**run["early_stopping"])] if "early_stopping" in run else []
        with contextlib.redirect_stdout(io.StringIO()):
            trainer = transformers.Trainer(model=fresh_model(CONFIG, COMMON["seed"]), args=args, train_dataset=train, eval_dataset=held_out, callbacks=[*callbacks, recorder])
            trainer.train()
            trainer.save_state()
        relative = lambda path: json.loads(path.read_text().replace(str(output) + "/", ""))
        checkpoints = sorted(output.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        summary = TrainingSummary.from_trainer(trainer)
        card = {"hyperparameters": summary.hyperparameters, "eval_results": summary.eval_results, "eval_lines": summary.eval_lines, "metadata": summary.create_metadata(),
                "headings": [line for line in summary.to_model_card().splitlines() if line.startswith("#")], "table": summary.to_model_card().split("### Training results\n\n")[-1].split("\n\n")[0]}
        return {"train": COMMON | run["train"], "asks": run.get("asks", []), "early_stopping": run.get("early_stopping"), "events": recorder.events,
                "state": relative(output / "trainer_state.json"), "checkpoints": [path.name for path in checkpoints],
                "checkpoint_state": relative(checkpoints[-1] / "trainer_state.json") if checkpoints else None, "card": card}


def main() -> None:
    train, held_out = rows()
    out = {"torch": torch.__version__, "transformers": transformers.__version__, "tokens": TOKENS, "train_rows": TRAIN_ROWS, "eval_rows": EVAL_ROWS, "runs": {}}
    for name, run in RUNS.items():
        out["runs"][name] = record(run, train, held_out)
        print(f"{name}: {len(out['runs'][name]['events'])} events, {len(out['runs'][name]['state']['log_history'])} rows of history")
    lines = json.dumps(out, default=str)
    (pathlib.Path(__file__).parent / "data/events.json").write_text(lines.replace('["', '\n["').replace('{"train"', '\n{"train"') + "\n")


if __name__ == "__main__":
    main()
