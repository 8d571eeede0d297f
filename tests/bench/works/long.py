"""One sequence of 8,192 tokens, the longest that SmolLM2 takes: fine-tuning, with all threads and, in float32, with one."""
from . import smollm2
from .setting import WEIGHTS, Setting
from .texts import long_texts
from .training import equal_steps, run_file, slipway_sides
from .work import Work


def work(setting: Setting) -> Work:
    length, steps = setting.size(8192, 512), 2
    # Six characters a token are more than any review has: all texts are cut.
    texts = long_texts(steps, 6 * length)
    data = setting.write_rows("long.jsonl", "text", texts)
    toml = run_file(f'weights = "{WEIGHTS}"', f'train = ["{data}"]\nmax_tokens = {length}', max_steps=steps, per_device_train_batch_size=1,
                    max_tokens_per_batch=length, logging_steps=1)
    turn = equal_steps(length)
    return Work("long", f"SFT, 1 x {length} tokens a step", "tokens/s",
                [*slipway_sides(setting, toml, turn), slipway_sides(setting, toml, turn, threads=1)[0]],
                flop_rate=lambda side: smollm2.training_flop(length) * side["value"])
