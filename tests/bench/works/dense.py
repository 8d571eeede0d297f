"""Supervised fine-tuning of SmolLM2-135M without padding: 4 texts of 256 tokens a step, loss on every token, logged every step."""
from . import smollm2
from .setting import WEIGHTS, Setting
from .texts import long_texts
from .training import equal_steps, hugging_face_sides, run_file, slipway_sides
from .work import Work

BATCH, LENGTH = 4, 256


def work(setting: Setting) -> Work:
    steps = setting.size(8, 3)
    # 1,800 characters are more than 256 tokens of any review: all texts are cut.
    texts = long_texts(BATCH * steps, 1800)
    data = setting.write_rows("dense.jsonl", "text", texts)
    toml = run_file(f'weights = "{WEIGHTS}"', f'train = ["{data}"]\nmax_tokens = {LENGTH}', max_steps=steps,
                    per_device_train_batch_size=BATCH, logging_steps=1)
    facts = {"weights": str(WEIGHTS), "texts": texts, "max_tokens": LENGTH, "max_steps": steps, "epochs": 1, "batch": BATCH,
             "logging_steps": 1, "output_dir": str(setting.folder / "peer")}
    turn = equal_steps(BATCH * LENGTH)
    return Work("dense", f"SFT, {BATCH} x {LENGTH} tokens a step", "tokens/s",
                [*slipway_sides(setting, toml, turn), *hugging_face_sides(setting, facts, turn)],
                flop_rate=lambda side: smollm2.training_flop(LENGTH) * side["value"])
