"""Records the Hugging Face Trainer's counting: steps, their micro-batches, and the epoch it tells after each.

usage: python tests/parity/record_step_arithmetic.py   (needs tests/parity/requirements.txt; writes tests/parity/data/step_arithmetic.json)
Fractions of epochs, max_steps over the end of an epoch, short last groups, and data without a length.
"""
import json
import pathlib

import transformers

from watched_trainer import watch

OUT = pathlib.Path(__file__).resolve().parent / "data/step_arithmetic.json"
# Rows, batch, accumulation, num_train_epochs, max_steps, strategy.
RUNS = [(rows, batch, accumulation, epochs, steps, "random")
        for rows, batch, accumulation in [(10, 2, 1), (11, 2, 1), (11, 2, 2), (23, 2, 4), (5, 4, 4), (3, 8, 2)]
        for epochs, steps in [(2.5, -1), (0.3, -1), (1, -1), (3, -1), (0.01, -1), (3, 1), (3, 5), (3, 7), (1, 12)]]
RUNS += [(rows, 2, accumulation, epochs, steps, "batch_rebalance") for rows, accumulation in [(23, 4), (17, 3)] for epochs, steps in [(2.5, -1), (0.3, -1), (3, 7)]]
# Without a length: passes that end with a whole group.
STREAMS = [(12, 2, 1, 15), (12, 2, 3, 5), (13, 2, 1, 9), (8, 2, 4, 3), (30, 2, 1, 4)]
LENGTHS = [2 + i * 5 % 7 for i in range(40)]


def steps_of(model, watcher) -> list:
    ends = [0] + [end for _, _, end in watcher.steps]
    if [step for step, _, _ in watcher.steps] != list(range(1, len(ends))):
        raise SystemExit("steps do not count from 1")
    return [{"epoch": epoch, "rows": model.micro_batches[begin:end]} for (_, epoch, end), begin in zip(watcher.steps, ends)]


def run(rows: int, batch: int, accumulation: int, epochs: float, steps: int, strategy: str) -> dict:
    model, watcher, state = watch(LENGTHS[:rows], per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, num_train_epochs=epochs,
                                  max_steps=steps, train_sampling_strategy=strategy)
    return {"rows": rows, "batch_size": batch, "accumulation": accumulation, "num_train_epochs": epochs, "max_steps": steps, "strategy": strategy,
            "state": {"max_steps": state.max_steps, "num_train_epochs": state.num_train_epochs, "global_step": state.global_step, "epoch": state.epoch},
            "epochs_begun": len(watcher.epochs), "steps": steps_of(model, watcher)}


def stream(rows: int, batch: int, accumulation: int, steps: int) -> dict:
    model, watcher, state = watch(LENGTHS[:rows], stream=True, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation, max_steps=steps)
    return {"rows": rows, "batch_size": batch, "accumulation": accumulation, "max_steps": steps,
            "state": {"max_steps": state.max_steps, "num_train_epochs": state.num_train_epochs, "global_step": state.global_step, "epoch": state.epoch},
            "epochs_begun": len(watcher.epochs), "steps": steps_of(model, watcher)}


runs, streams = [run(*each) for each in RUNS], [stream(*each) for each in STREAMS]
OUT.write_text(json.dumps({"transformers": transformers.__version__, "lengths": LENGTHS, "runs": runs, "streams": streams}, separators=(",", ":"))
               .replace('{"rows":', '\n{"rows":').replace('\n{"rows":[[', '{"rows":[[') + "\n")
print(f"{len(runs)} runs and {len(streams)} streams: {OUT.name}")
