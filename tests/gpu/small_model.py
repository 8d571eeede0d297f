"""A Llama of 1.6 million weights that writes review snippets, for machines to which little can be carried.

Its tokenizer is learnt here, its weights by Slipway, from the demonstration's text.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/e2e"))
import tiny_files  # noqa: E402

SNIPPETS = TREE / "build/assets/movieReviewSnippets_GroundTruth.txt"
VOCABULARY = 2048
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "bos_token_id": tiny_files.SPECIAL["<s>"],
    "eos_token_id": tiny_files.SPECIAL["</s>"],
    "torch_dtype": "float32",
}
TRAINING = """
[run]
algorithm = "sft"
output_dir = "run"
[model]
config = "model/config.json"
tokenizer = "model"
[data]
train = ["rows.jsonl"]
eval_rows = 200
[train]
learning_rate = 4e-3
lr_scheduler_type = "cosine"
num_train_epochs = 4
per_device_train_batch_size = 32
warmup_steps = 0.05
weight_decay = 0.1
save_strategy = "no"
logging_steps = 50
eval_strategy = "epoch"
seed = 7
[[metric]]
use = "perplexity"
"""


def snippets() -> list[str]:
    lines = SNIPPETS.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split("\t")[2].strip() for line in lines if line.count("\t") >= 2]


def learn_merges(texts: list[str], count: int) -> list[tuple[str, str]]:
    """Byte-pair encoding: the most frequent pair within words, again and again; of equals the last."""
    letters = tiny_files.alphabet()
    counted = collections.Counter(
        word for text in texts for word in re.findall(r" ?[A-Za-z]+| ?\d+| ?[^\sA-Za-z\d]+", text)
    )
    words = [[letters[b] for b in word.encode()] for word in counted]
    times = list(counted.values())
    pairs: collections.Counter = collections.Counter()
    places = collections.defaultdict(set)

    def count_word(i: int, sign: int) -> None:
        for pair in zip(words[i], words[i][1:]):
            pairs[pair] += sign * times[i]
            places[pair].add(i)

    for i in range(len(words)):
        count_word(i, 1)
    merges = []
    while len(merges) < count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for i in sorted(places.pop(best)):
            count_word(i, -1)
            word, at = words[i], 0
            while at + 1 < len(word):
                if (word[at], word[at + 1]) == best:
                    word[at : at + 2] = [word[at] + word[at + 1]]
                at += 1
            count_word(i, 1)
    return merges


def write_tokenizer(folder: pathlib.Path, texts: list[str]) -> None:
    data = tiny_files.tokenizer()
    first = len(data["model"]["vocab"]) + len(tiny_files.SPECIAL)
    merges = learn_merges(texts, VOCABULARY - first)
    data["model"]["vocab"].update({a + b: first + i for i, (a, b) in enumerate(merges)})
    data["model"]["merges"] = [f"{a} {b}" for a, b in merges]
    (folder / "tokenizer.json").write_text(json.dumps(data))
    (folder / "tokenizer_config.json").write_text(json.dumps(tiny_files.SETTINGS))


def write_rows(path: pathlib.Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make(program: pathlib.Path, environment: dict, folder: pathlib.Path) -> None:
    """In `folder`, which is made: model/ (a Hugging Face folder), rows.jsonl (all snippets), training.log."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model = partial / "model"
    model.mkdir(parents=True)
    texts = snippets()
    (model / "config.json").write_text(json.dumps(CONFIG))
    write_tokenizer(model, texts)
    write_rows(partial / "rows.jsonl", [{"text": text} for text in texts])
    (partial / "training.toml").write_text(TRAINING)
    with (partial / "training.log").open("w") as log:
        command = [program, "train", partial / "training.toml", "--set", f"run.output_dir={partial / 'run'}"]
        code = subprocess.run(command, env={**os.environ, **environment}, stdout=log, stderr=log).returncode
    if code != 0:
        sys.exit(f"small_model.py: training failed with {code}; see {partial / 'training.log'}")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(partial / "run" / name, model / name)
    shutil.rmtree(partial / "run")
    partial.rename(folder)
