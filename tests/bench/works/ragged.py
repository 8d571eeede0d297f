"""Supervised fine-tuning on review snippets as they are, 16 in a batch: the Hugging Face Trainer pads each batch to its longest.

Two epochs over the same texts, each side in its own shuffled order; the second epoch is timed as a whole, so that both have done
the same texts. Tokens are those of the texts and their end-of-text tokens, padding not counted.
"""
from measure import Finished

from .setting import WEIGHTS, Setting
from .texts import snippets
from .training import hugging_face_sides, run_file, slipway_sides
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

    tokens = setting.peer("count_tokens", facts)[0]["tokens"]

    def turn(times: list[float], finished: Finished) -> Turn:
        return Turn([tokens / (times[2 * steps - 1] - times[steps - 1])], finished.memory, times[0] - finished.begin)

    return Work("ragged", f"SFT, {BATCH} ragged snippets a step", "tokens/s",
                [*slipway_sides(setting, toml, turn), *hugging_face_sides(setting, facts, turn)])
