"""Supervised fine-tuning on review snippets as they are, 16 in a batch: the Hugging Face Trainer pads each batch to its longest.

Two epochs over the same texts, each side in its own shuffled order; the second epoch is timed as a whole, so that both have done
the same texts. Tokens are those of the texts and their end-of-text tokens, padding not counted.
"""
from .setting import WEIGHTS, Setting
from .texts import snippets
from .training import run_file, step_times
from .work import Turn, Work

BATCH = 16


def work(setting: Setting) -> Work:
    steps = setting.size(8, 2)
    every = snippets()
    # Evenly from the whole file: neighbours are of one review.
    texts = every[::len(every) // (BATCH * steps)][:BATCH * steps]
    data = setting.write_rows("ragged.jsonl", "text", texts)
    toml = run_file(f'weights = "{WEIGHTS}"', f'train = ["{data}"]', num_train_epochs=2, per_device_train_batch_size=BATCH, logging_steps=1)
    facts = {"weights": str(WEIGHTS), "texts": texts, "max_tokens": 1024, "max_steps": -1, "epochs": 2, "batch": BATCH,
             "logging_steps": 1, "output_dir": str(setting.folder / "peer")}

    def turn(times: list[float], begin: float, memory: float, tokens: int) -> Turn:
        return Turn([tokens / (times[2 * steps - 1] - times[steps - 1])], memory, times[0] - begin)

    def tokens() -> int:
        result, _ = setting.peer("count_tokens", facts)
        return result["tokens"]

    def slipway() -> Turn:
        rows, finished = setting.train(toml)
        return turn(step_times(rows), finished.begin, finished.memory, real_tokens)

    def hugging_face() -> Turn:
        result, finished = setting.peer("hf_trainer", facts)
        return turn(result["step_times"], finished.begin, finished.memory, real_tokens)

    real_tokens = tokens()
    return Work("ragged", f"SFT, {BATCH} ragged snippets a step", "tokens/s", {"Slipway": slipway, "HF Trainer": hugging_face})
