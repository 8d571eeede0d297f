"""One RAFT iteration: 8 prompts x 8 samples x 48 new tokens, VADER's score, the best of each 8, one epoch in one batch of 8.

What counts is the wall time of a whole iteration: sample, score, select, train. No side evaluates or saves. Slipway's loss lies
on the completions, which is its default; LMFlow's on prompts too; TRL's on all 64 completions, the work of its own algorithm.
"""
from measure import warm

from .setting import ASSETS, WEIGHTS, Setting
from .texts import prompts
from .work import Turn, Work

SAMPLES = 8


def run_file(data: str, prompt_count: int, new: int, iterations: int, learning_rate: float = 1e-5) -> str:
    """A RAFT run that samples from all prompts of `data` in every iteration."""
    return f"""
[run]
algorithm = "raft"
output_dir = "OUTPUT"
[model]
use = "llama"
weights = "{WEIGHTS}"
[data]
train = ["{data}"]
[generation]
max_new_tokens = {new}
temperature = 1.0
[raft]
iterations = {iterations}
prompts_per_iteration = {prompt_count}
samples_per_prompt = {SAMPLES}
[[reward]]
use = "sentiment"
options.lexicon = "{ASSETS}/vader_lexicon.txt"
options.emoji_lexicon = "{ASSETS}/emoji_utf8_lexicon.txt"
[train]
learning_rate = {learning_rate}
num_train_epochs = 1
per_device_train_batch_size = {prompt_count}
save_strategy = "no"
"""


def work(setting: Setting) -> Work:
    count, new = setting.size(8, 2), setting.size(48, 8)
    chosen = prompts(setting, count)
    data = setting.write_rows("raft.jsonl", "prompt", chosen)
    facts = {"weights": str(WEIGHTS), "prompts": chosen, "samples": SAMPLES, "max_new_tokens": new, "batch": count,
             "iterations": setting.size(2, 1), "learning_rate": 1e-5, "output_dir": str(setting.folder / "peer")}

    def slipway() -> Turn:
        rows, finished = setting.train(run_file(str(data), count, new, setting.size(4, 2)))
        iterations = [row for row in rows if row.get("event") == "iteration"]
        # A row is written when its iteration is over: from one to the next is a whole iteration.
        times = [row["time"] for row in iterations]
        more = {key: [row[key] for row in iterations[1:]] for key in ("generate_seconds", "train_seconds")}
        return Turn([b - a for a, b in zip(times, times[1:])], finished.memory, times[0] - finished.begin, more)

    def peer(script: str) -> Turn:
        result, finished = setting.peer(script, facts)
        more = {key: warm(result[key]) for key in ("generate_seconds", "train_seconds") if key in result}
        return Turn(warm(result["seconds"]), finished.memory, result["first_done"] - finished.begin, more)

    sides = {"Slipway": slipway, "LMFlow's loop": lambda: peer("lmflow_loop"), "TRL GRPO": lambda: peer("trl_grpo")}
    return Work("raft", f"RAFT iteration, {count} prompts x {SAMPLES} samples x {new} tokens", "s", sides, lower_is_better=True)
