"""Records which rows the Hugging Face Trainer puts into which micro-batch of which epoch.

usage: python tests/parity/record_data_order.py   (needs tests/parity/requirements.txt; writes tests/parity/data/data_order.json)
Every sampling strategy, with rows that do not divide by the batch, accumulation, drop_last, and seeds of the run and of the data.
"""
import itertools
import json
import pathlib

import accelerate
import torch
import transformers

from watched_trainer import epochs_of, watch

OUT = pathlib.Path(__file__).resolve().parent / "data/data_order.json"
EPOCHS = 3
LENGTHS = [1 + (i * i * 7 + i * 3) % 41 for i in range(450)]  # with many equal ones: sorts must be stable
STRATEGIES = ["random", "sequential", "group_by_length", "batch_rebalance"]


def record(strategy: str, rows: int, batch_size: int, accumulation: int, drop_last: bool, seed: int, data_seed: int | None) -> dict:
    model, watcher, _ = watch(LENGTHS[:rows], train_sampling_strategy=strategy, per_device_train_batch_size=batch_size, gradient_accumulation_steps=accumulation,
                              dataloader_drop_last=drop_last, seed=seed, data_seed=data_seed, num_train_epochs=EPOCHS)
    epochs = epochs_of(model, watcher)
    if len(epochs) != EPOCHS:
        raise SystemExit(f"{strategy}: {len(epochs)} epochs instead of {EPOCHS}")
    return {"strategy": strategy, "rows": rows, "batch_size": batch_size, "accumulation": accumulation, "drop_last": drop_last, "seed": seed,
            "data_seed": data_seed, "epochs": epochs}


sizes = [(13, 4), (37, 5), (23, 1)]
cases = [record(strategy, *size, accumulation, drop_last, 42, data_seed)
         for strategy, size, accumulation, drop_last, data_seed in itertools.product(STRATEGIES, sizes, (1, 4), (False, True), (None, 11))
         if size[0] >= size[1] * accumulation or not drop_last]
cases += [record(strategy, *size, accumulation, False, 7, data_seed)
          for strategy, size, accumulation, data_seed in itertools.product(STRATEGIES, [(37, 5), (3, 8)], (1, 4), (None, 2**40 + 5))]
cases += [record(strategy, 450, 2, accumulation, False, 42, None) for strategy, accumulation in itertools.product(STRATEGIES, (1, 4))]
OUT.write_text(json.dumps({"transformers": transformers.__version__, "accelerate": accelerate.__version__, "torch": torch.__version__, "lengths": LENGTHS,
                           "cases": cases}, separators=(",", ":")).replace('{"strategy"', '\n{"strategy"') + "\n")
print(f"{len(cases)} runs of {EPOCHS} epochs: {OUT.name}")
