"""The Hugging Face Trainer itself, training a model of one weight that writes down which rows it is given.

Not run by itself: record_data_order.py and record_step_arithmetic.py use it.
"""
import tempfile

import torch
import transformers


class Watched(torch.nn.Module):
    """Draws nothing from torch's global generator, as a model without dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.micro_batches = []

    def forward(self, rows: torch.Tensor) -> dict:
        self.micro_batches.append(rows.tolist())
        return {"loss": self.weight.sum()}


class Watcher(transformers.TrainerCallback):
    """Where epochs and optimizer steps begin and end, counted in micro-batches."""

    def __init__(self, model: Watched) -> None:
        self.model, self.epochs, self.steps = model, [], []

    def on_epoch_begin(self, args, state, control, **_) -> None:
        self.epochs.append(len(self.model.micro_batches))

    def on_step_end(self, args, state, control, **_) -> None:
        self.steps.append((state.global_step, state.epoch, len(self.model.micro_batches)))


class Streamed(torch.utils.data.IterableDataset):
    def __init__(self, rows: list) -> None:
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def watch(lengths: list[int], stream: bool = False, **arguments) -> tuple[Watched, Watcher, transformers.TrainerState]:
    """Trains on rows of these lengths."""
    rows = [{"input_ids": [0] * length, "row": i} for i, length in enumerate(lengths)]
    model = Watched()
    watcher = Watcher(model)
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(output_dir=folder, use_cpu=True, save_strategy="no", logging_strategy="no", disable_tqdm=True,
                                                  remove_unused_columns=False, **arguments)
        trainer = transformers.Trainer(model=model, args=settings, train_dataset=Streamed(rows) if stream else rows, callbacks=[watcher],
                                       data_collator=lambda batch: {"rows": torch.tensor([each["row"] for each in batch])})
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return model, watcher, trainer.state


def epochs_of(model: Watched, watcher: Watcher) -> list:
    """The rows of every micro-batch of every epoch."""
    return [model.micro_batches[begin:end] for begin, end in zip(watcher.epochs, watcher.epochs[1:] + [len(model.micro_batches)])]
