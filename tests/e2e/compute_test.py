"""Computing at its edges: weights that are damaged, draws that are greedy, little address space. usage: compute_test.py SLIPWAY"""
import array
import json
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GGUF = ROOT / "build/assets/SmolLM2-135M-Instruct.Q4_1.gguf"
VOCAB, HIDDEN, INNER = 49152, 8, 12
CONFIG = {"model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": VOCAB,
          "max_position_embeddings": 256, "tie_word_embeddings": True}


def slipway(*arguments: str, limit: int | None = None) -> subprocess.CompletedProcess:
    bound = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, errors="replace", preexec_fn=bound)


def model(folder: pathlib.Path, damaged: bool) -> pathlib.Path:
    """A model of random weights; damaged: one of them is not a number."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    shapes = {"model.embed_tokens.weight": (VOCAB, HIDDEN), "model.norm.weight": (HIDDEN,)}
    layer = {"input_layernorm": (HIDDEN,), "post_attention_layernorm": (HIDDEN,), "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER)}
    layer |= {f"self_attn.{name}_proj": (HIDDEN, HIDDEN) for name in "qkvo"}
    shapes |= {f"model.layers.0.{name}.weight": shape for name, shape in layer.items()}
    draw, header, data = random.Random(3), {}, bytearray()
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = array.array("f", [1.0] * count if len(shape) == 1 else [draw.uniform(-1, 1) for _ in range(count)])
        if damaged and "up_proj" in name:
            values[5] = float("nan")
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * count]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def generate(folder: pathlib.Path, *more: str, limit: int | None = None) -> subprocess.CompletedProcess:
    return slipway("generate", "--model", str(folder), "--tokenizer", str(GGUF), "--prompt", "The film", "--max-new-tokens", "8", "--json", *more, limit=limit)


def greedy(good: pathlib.Path) -> None:
    largest = generate(good, "--temperature=0")
    assert largest.returncode == 0 and json.loads(largest.stdout)["completion"], largest
    for same in ("--temperature=1e-40", "--top-p=0", "--top-k=1"):
        assert generate(good, same).stdout == largest.stdout, same
    assert generate(good).stdout != largest.stdout


def damaged_weights(broken: pathlib.Path, root: pathlib.Path) -> None:
    for more in ("--temperature=0", "--temperature=1", "--top-p=0.9"):
        done = generate(broken, more)
        assert done.returncode == 1 and "prompt 1 of 1, new token 1: the logits are not finite; are the weights damaged?" in done.stderr, (more, done)
    (root / "data.jsonl").write_text("".join(json.dumps({"prompt": f"The film {i}", "completion": " was good."}) + "\n" for i in range(4)))
    (root / "run.toml").write_text(f"""[run]
algorithm = "raft"
output_dir = "{root}/out"
[model]
weights = "{broken}"
tokenizer = "{GGUF}"
[data]
train = ["data.jsonl"]
[generation]
max_new_tokens = 4
[raft]
iterations = 1
prompts_per_iteration = 2
samples_per_prompt = 2
[[reward]]
use = "length"
options = {{ target = 10 }}
""")
    sampled = slipway("train", str(root / "run.toml"), "--quiet")
    assert sampled.returncode == 1 and "the logits are not finite; are the weights damaged?" in sampled.stderr, sampled
    raft = (root / "run.toml").read_text()
    (root / "sft.toml").write_text(raft[:raft.index("[generation]")].replace('"raft"', '"sft"').replace("/out", "/sft"))
    trained = slipway("train", str(root / "sft.toml"), "--quiet")
    assert trained.returncode == 1 and "step 1: the loss is nan" in trained.stderr, trained
    measured = slipway("evaluate", str(root / "sft.toml"), "--data", str(root / "data.jsonl"), "--out", str(root), "--quiet")
    assert "eval_loss: the loss is not a finite number in any batch; are the weights damaged" in measured.stderr, measured


def little_address_space(good: pathlib.Path) -> None:
    """Whatever does not fit ends with a message, wherever it ends."""
    told = 0
    for mib in (200, 400, 440, 480, 520, 560, 640, 800):
        done = generate(good, limit=mib << 20)
        assert done.returncode in (0, 1) and "please report" not in done.stderr, (mib, done)
        if done.returncode == 1:
            assert any(word in done.stderr for word in ("memory", "GiB", "address space")), (mib, done)
            told += 1
    assert told >= 2
    print(f"address space: {told} limits too small, each told")


def where_starting_begins(good: pathlib.Path) -> None:
    """At the edge it is chance whether the libraries find their place: no start there dies without a word."""
    below, above = 200 << 10, 800 << 10  # KiB
    while above - below > 256:
        middle = (below + above) // 2
        starts = "to start" not in generate(good, limit=middle << 10).stderr
        below, above = (below, middle) if starts else (middle, above)
    for kib in range(below - 2048, below + 2048, 64):
        done = generate(good, limit=kib << 10)
        assert done.returncode == 1 and any(word in done.stderr for word in ("memory", "address space")), (kib, done)
    print(f"address space: at {below >> 10} MiB, where a start begins to succeed, 64 limits, each told")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        good, broken = model(root / "good", damaged=False), model(root / "broken", damaged=True)
        greedy(good)
        damaged_weights(broken, root)
        little_address_space(good)
        where_starting_begins(good)
    print("compute: all as told")
