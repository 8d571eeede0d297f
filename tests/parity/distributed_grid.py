"""Training runs of two processes that the Hugging Face Trainer and Slipway both do, on the model and the lines of trainer_grid.py.

record_distributed.py records what the Trainer does in each, distributed_parity_test.py what Slipway does. Names and values in a
case are TrainingArguments' and [train]'s alike, but "rows" and "held_out" (how many lines), "streaming" and "loss".
"""
import trainer_grid as grid

RANKS = 2
# 41 lines in batches of 3: six whole rounds of two batches, and one of 3 and 2 lines, which the epoch's first fills. In groups of two
# the last step of an epoch has one batch a rank.
BASE = {"rows": 41, "held_out": 0, "streaming": False, "learning_rate": 3e-3, "num_train_epochs": 3, "per_device_train_batch_size": 3, "per_device_eval_batch_size": 2,
        "gradient_accumulation_steps": 2, "weight_decay": 0.1, "logging_steps": 1, "seed": 7, "include_num_input_tokens_seen": "non_padding"}
EVALUATED = {"eval_strategy": "epoch"}


def cases() -> dict[str, dict]:
    out = {
           # six evaluation batches, the last of one line: its round is filled by one
           "evaluated": EVALUATED | {"held_out": 11},
           # the last round has one batch: the second process's is made of lines that were there already
           "evaluated, smoothed and clipped": EVALUATED | {"held_out": 9, "label_smoothing_factor": 0.1, "max_grad_norm": 0.2},
           "evaluated, plateau": EVALUATED | {"held_out": 8, "num_train_epochs": 6, "lr_scheduler_type": "reduce_lr_on_plateau",
                                              "lr_scheduler_kwargs": {"patience": 0, "threshold": 0.3, "factor": 0.5}},
           "warm-up and cosine over epochs, logged by threes": {"warmup_steps": 0.25, "lr_scheduler_type": "cosine", "num_train_epochs": 2.5, "logging_steps": 3},
           "focal loss": {"loss": {"use": "focal", "options": {"gamma": 1.5}}},
           "random, not accumulated": {"data_seed": 5, "gradient_accumulation_steps": 1},
           "random, a round of one line": {"rows": 37},
           "random, fewer lines than a round": {"rows": 2, "num_train_epochs": 4},
           "random, incomplete rounds left out": {"dataloader_drop_last": True},
           "group_by_length": {"train_sampling_strategy": "group_by_length"},
           "batch_rebalance": {"train_sampling_strategy": "batch_rebalance"},
           # four lines in the last round
           "streamed": {"rows": 40, "streaming": True, "gradient_accumulation_steps": 1, "max_steps": 14}}
    return {name: BASE | arguments for name, arguments in out.items()}


def texts(case: dict) -> tuple[list[str], list[str]]:
    train, held_out = grid.texts()
    return train[: case["rows"]], held_out[: case["held_out"]]
