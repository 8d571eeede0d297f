"""Run files of the whole runs, and what they train: the kit's small trained model where there is one, else
one drawn here.
"""

import pathlib
import random

import tiny_files
from program import write_rows
from tell import facts, scratch
from words import text

HEAD = """[run]
algorithm = "{algorithm}"
output_dir = "unused"
[model]
weights = "{model}"
[data]
train = ["{data}"]
max_tokens = 64
"""
SFT = """limit = {rows}
[train]
max_steps = {steps}
save_steps = {every}
logging_steps = 1
per_device_train_batch_size = 4
"""
ADAMW = "learning_rate = 3e-3\nweight_decay = 0.1\n"
# Whose updates are proportional to gradients, so that a difference of rounding stays one.
PLAIN = 'optim = "sgd"\noptim_args = "momentum=0.9"\nlearning_rate = 0.02\nlr_scheduler_type = "constant"\n'
RAFT = """[generation]
max_new_tokens = {new}
[raft]
iterations = {iterations}
prompts_per_iteration = 6
samples_per_prompt = 4
eval_every = 0
[[reward]]
use = "length"
options = {{ mode = "longer", target = 30 }}
[train]
learning_rate = 1e-3
per_device_train_batch_size = 2
num_train_epochs = 2
logging_steps = 1
save_steps = 4
"""


def materials(small: bool) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """Model, rows, prompts. `small`: what an emulator can do in seconds."""
    inputs = pathlib.Path(facts()["inputs"])
    carried = (inputs / "model", inputs / "rows.jsonl", inputs / "prompts.jsonl")
    if not small and all(path.exists() for path in carried):
        return carried
    folder = scratch("drawn")
    if not (folder / "model").exists():
        draw = random.Random(3)
        tiny_files.write_folder(folder / "model")
        write_rows(folder / "rows.jsonl", [{"text": text(draw, draw.randint(3, 9))} for _ in range(64)])
        write_rows(folder / "prompts.jsonl", [{"prompt": text(draw, draw.randint(2, 6))} for _ in range(24)])
    return folder / "model", folder / "rows.jsonl", folder / "prompts.jsonl"


def write(name: str, small: bool, optimizer: str = ADAMW) -> tuple[pathlib.Path, pathlib.Path]:
    """The run file, and the folder of the model that it begins with. `name`: sft or raft."""
    model, rows, prompts = materials(small)
    head = HEAD.format(algorithm=name, model=model, data=prompts if name == "raft" else rows)
    body = SFT.format(rows=8 if small else 32, steps=6 if small else 40, every=2 if small else 10) + optimizer
    if name == "raft":
        body = RAFT.format(new=4 if small else 12, iterations=2 if small else 4)
    file = scratch("run-files") / f"{name}-{'small' if small else 'whole'}-{len(optimizer)}.toml"
    file.write_text(head + body)
    return file, model
