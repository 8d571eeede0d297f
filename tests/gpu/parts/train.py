"""Supervised fine-tuning in bf16, on texts of equal length, beside Hugging Face's Trainer (bf16, sdpa) with
the same model, texts and step.
"""

import random
import re
import shutil

import device_memory
from program import finished, overrides, rows_of, write_rows
from shapes import REAL, training_flop
from tell import at_least, guarded, scratch, skip_all
from words import text
from works import Turn, in_turn, model, on_gpu, tell_sides, where, why_not

# Rows and tokens of a step, steps of a turn; asked of the ratio to the peer, of the share of the matmul rate,
# and of the share of the peer's memory.
WORKS = {"Llama-3.2-1B": (8, 1024, 8, 1.3, 0.45, 0.7), "SmolLM2-135M": (16, 1024, 12, None, None, None)}
SMALL = {"SmolLM2-135M": (2, 64, 4, None, None, None)}
PEER = "HF Trainer"
RUN = """[run]
algorithm = "sft"
output_dir = "unused"
[model]
weights = "{model}"
[data]
train = ["{data}"]
max_tokens = {length}
[train]
device = "{device}"
bf16 = {bf16}
learning_rate = 1e-5
max_steps = {steps}
logging_steps = 1
save_strategy = "no"
per_device_train_batch_size = {batch}
max_tokens_per_batch = 0
"""


def step_rates(times: list[float], tokens: int) -> float:
    """The median over all steps but the first two, which warm caches and allocators."""
    rates = sorted(tokens / (b - a) for a, b in zip(times[1:], times[2:]))
    return rates[len(rates) // 2]


def ours(folder, data, batch: int, length: int, steps: int) -> Turn:
    file, out = scratch("train") / "run.toml", scratch("train") / "run"
    file.write_text(
        RUN.format(
            model=folder,
            data=data,
            length=length,
            device="cuda" if on_gpu() else "cpu",
            bf16=str(on_gpu()).lower(),
            steps=steps,
            batch=batch,
        )
    )
    with device_memory.watched() as peak:
        done = finished("train", file, *overrides({"run.output_dir": str(out)}))
    rows = [row for row in rows_of(out) if "loss" in row]
    shutil.rmtree(out)  # the trained weights take as much memory as the run's
    estimate = re.search(r"memory: about ([0-9.]+) GiB", done.stdout + done.stderr)
    more = {
        "losses": [row["loss"] for row in rows],
        "estimated_gib": float(estimate[1]) if estimate else None,
    }
    return Turn(step_rates([row["time"] for row in rows], batch * length), peak.above, more)


def theirs(folder, texts: list[str], batch: int, length: int, steps: int, idle: float | None) -> Turn:
    import torch

    import hf_trainer
    from hf_model import load_model, load_tokenizer

    tokenizer = load_tokenizer(str(folder))
    rows = [{"ids": ids[:length]} for ids in tokenizer(texts).input_ids]
    wanted = {
        "output_dir": str(scratch("train") / "peer"),
        "max_steps": steps,
        "epochs": 1,
        "batch": batch,
        "logging_steps": 1,
    }
    with device_memory.watched(idle) as peak:
        times = hf_trainer.train(load_model(str(folder)), rows, tokenizer.eos_token_id, wanted, bf16=on_gpu())
    held = (
        {
            "allocated_gb": torch.cuda.max_memory_allocated() / 1e9,
            "reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
        }
        if on_gpu()
        else {}
    )
    return Turn(step_rates(times, batch * length), peak.above, held)


def measure(shape: str, work: tuple, idle: float | None) -> None:
    import rates

    batch, length, steps, times, share, memory = work
    title = f"SFT of {shape}, {batch} x {length} tokens a step"
    with guarded(title):
        limits = rates.measured()
        folder = model(shape)
        draw = random.Random(5)
        # Four characters are more than a token, so that every text is cut to the same length.
        texts = [text(draw, 4 * length + 64) for _ in range(batch * steps)]
        data = write_rows(scratch("train") / f"{shape}.jsonl", [{"text": each} for each in texts])
        turns = in_turn(
            {
                "Slipway": lambda: ours(folder, data, batch, length, steps),
                PEER: lambda: theirs(folder, texts, batch, length, steps, idle),
            },
            2 if on_gpu() else 1,
        )
        rate, peers = tell_sides(title, PEER, turns, times, memory)
        kind, flop = "bf16" if on_gpu() else "float32", training_flop(REAL[shape], length)
        at_least(
            f"{title}: share of the {kind} matmul rate{where()}",
            rate * flop / limits[kind],
            share if on_gpu() else None,
            f"{PEER} {peers * flop / limits[kind]:.3g}",
        )


def main() -> None:
    works = WORKS if on_gpu() else SMALL
    if (why := why_not()) is not None:
        skip_all(
            [
                f"SFT of {shape}: {what}"
                for shape in works
                for what in (
                    "tokens/s",
                    f"times {PEER}",
                    f"share of {PEER}'s peak memory",
                    "share of the bf16 matmul rate",
                )
            ],
            why,
        )
        return
    idle = device_memory.used_now()
    for shape, work in works.items():
        measure(shape, work, idle)


if __name__ == "__main__":
    main()
