"""What a model's files say is computed, or refused by its name; and what is saved holds what was loaded.

usage: model_files_test.py SLIPWAY
"""
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import tiny_files as tiny

TEXT = {"text": "The quick brown fox jumps over the lazy dog, again and again."}
RUN = """[run]
algorithm = "sft"
output_dir = "out"
[model]
weights = "{model}"
[data]
train = ["data.jsonl"]
max_tokens = 128
[train]
per_device_train_batch_size = 2
max_steps = 1
"""


def slipway(root: pathlib.Path, *words: object, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.argv[1], *map(str, words)], cwd=root, capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        sys.exit(f"slipway {' '.join(map(str, words))}: exit code {done.returncode}, {code} expected: {done.stdout}{done.stderr}")
    return done


def loss(root: pathlib.Path, model: pathlib.Path) -> float:
    told = slipway(root, "evaluate", model, "--data", "data.jsonl", "--out", root / "results", "--json", "--quiet")
    return json.loads(told.stdout)["eval_loss"]


def refused(root: pathlib.Path, pattern: str, *words: object, code: int = 1) -> None:
    told = slipway(root, *words, code=code).stderr
    if not re.search(pattern, told) or re.search("defect|frame #|Traceback", told) or len(told) > 2000:
        sys.exit(f"slipway {' '.join(map(str, words))}: {pattern!r} expected: {told}")


def evaluation(model: pathlib.Path) -> tuple:
    return ("evaluate", model, "--data", "data.jsonl", "--out", "results", "--quiet")


def training(root: pathlib.Path, model: pathlib.Path, *more: str) -> tuple:
    (root / "run.toml").write_text(RUN.format(model=model.name))
    return ("train", "run.toml", "--quiet", *more)


def other_architectures(root: pathlib.Path) -> None:
    biases = {f"model.layers.{i}.self_attn.q_proj.bias": ([16], [0.5] * 16) for i in range(tiny.LAYERS)}
    all_biases = biases | {f"model.layers.{i}.self_attn.{part}_proj.bias": ([8], [0.5] * 8) for i in range(tiny.LAYERS) for part in "kv"}
    qwen = tiny.write_folder(root / "qwen2", {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}, {**tiny.weights(), **all_biases})
    if not 1e-3 <= abs(loss(root, qwen) - loss(root, tiny.write_folder(root / "llama", {}))) < math.inf:
        sys.exit("the biases of a Qwen2 must change the loss")
    neox = tiny.write_folder(root / "neox", {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]})
    refused(root, r'neox: .*config\.json: model_type "gpt_neox" is not supported \(.*llama, .*are\)', *evaluation(neox))
    refused(root, r'model_type "gpt_neox" is not supported', *training(root, neox))
    if (root / "out").exists():
        sys.exit("a refused run left a folder behind")
    named = tiny.write_folder(root / "named", {}, {**tiny.weights(), **biases})
    refused(root, r"the model has no place for 2 tensors: model\.layers\.0\.self_attn\.q_proj\.bias", *evaluation(named))
    refused(root, r"num_hidden_layers", *evaluation(tiny.write_folder(root / "deep", {"num_hidden_layers": 1_000_000_000})))
    refused(root, r"tensor model\.layers\.0\.mlp\.gate_proj\.weight has the shape \[32, 16\], the model needs \[900000000, 16\]",
            *evaluation(tiny.write_folder(root / "wide", {"intermediate_size": 900_000_000})))


def heads(root: pathlib.Path) -> None:
    tied = tiny.weights(tied=True)
    plain = tiny.write_folder(root / "tied", {"tie_word_embeddings": True}, tied)
    frequencies = {"model.layers.0.self_attn.rotary_emb.inv_freq": ([2], [1.0, 0.01])}
    stored = tiny.write_folder(root / "stored", {"tie_word_embeddings": True}, {**tied, "lm_head.weight": tied["model.embed_tokens.weight"], **frequencies})
    if loss(root, plain) != loss(root, stored):
        sys.exit("a tied head that is stored as well, and an old file's rotary frequencies, must change nothing")
    other = tiny.write_folder(root / "other", {"tie_word_embeddings": True}, tiny.weights())
    refused(root, r"ties lm_head\.weight to model\.embed_tokens\.weight, but the file holds other values", *evaluation(other))


def gguf(root: pathlib.Path) -> None:
    tensors = tiny.weights()
    folder, framed = tiny.write_folder(root / "folder", {}, tensors), tiny.write_folder(root / "framed", {}, tensors, frame=["<s>"])
    ones = {"rope_freqs.weight": ([2], [1.0, 1.0])}
    file = tiny.write_gguf(root / "model.gguf", tensors, {"llama.rope.dimension_count": tiny.WIDTH}, added=ones)
    begins = tiny.write_gguf(root / "begins.gguf", tensors, {"tokenizer.ggml.add_bos_token": True})
    for a, b in ((folder, file), (framed, begins)):
        if not abs(loss(root, a) - loss(root, b)) <= 1e-6:
            sys.exit(f"{a.name} and {b.name} hold one model: {loss(root, a)}, {loss(root, b)}")
    if not 1e-4 <= abs(loss(root, file) - loss(root, begins)) < math.inf:
        sys.exit("a begin token must change the loss")
    scaled = {"freqs": tiny.write_gguf(root / "freqs.gguf", tensors, added={"rope_freqs.weight": ([2], [1.0, 8.0])}),
              "linear": tiny.write_gguf(root / "linear.gguf", tensors, {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0})}
    for name, changed in scaled.items():
        if not 1e-4 <= abs(loss(root, file) - loss(root, changed)) < math.inf:
            sys.exit(f"scaled rotary positions must change the loss: {name}")
    folder_too = tiny.write_folder(root / "linear", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, tensors)
    if not abs(loss(root, folder_too) - loss(root, scaled["linear"])) <= 1e-6:
        sys.exit("linear scaling in a folder and in a GGUF file are one thing")
    refused(root, r"no tensor .model\.layers\.0\.self_attn\.k_proj\.bias", *evaluation(tiny.write_gguf(root / "bias.gguf", tensors, added={"blk.0.attn_q.bias": ([16], [0.5] * 16)})))
    told = slipway(root, *evaluation(tiny.write_gguf(root / "no_pre.gguf", tensors, without="tokenizer.ggml.pre"))).stderr
    if "warn" not in told or "tokenizer.ggml.pre" not in told:
        sys.exit(f"without tokenizer.ggml.pre a warning is due: {told}")


def what_is_saved_holds_what_was_loaded(root: pathlib.Path) -> None:
    settings = {"padding_side": "left", "model_max_length": 512, "additional_special_tokens": ["<pad>"], "clean_up_tokenization_spaces": True,
                "chat_template": [{"name": "default", "template": "D"}, {"name": "tools", "template": "T"}]}
    model = tiny.write_folder(root / "settings", {"pretraining_tp": 1, "made_up": {"by": "hand"}}, settings=settings)
    kept = {"special_tokens_map.json": '{"bos_token": "<s>"}', "added_tokens.json": '{"<s>": 256}', "merges.txt": "#version: 0.2\n", "generation_config.json": '{"eos_token_id": [257, 258]}'}
    for name, text in kept.items():
        (model / name).write_text(text)
    told = slipway(root, *training(root, model)).stderr
    if '"made_up"' not in told:
        sys.exit(f"a key that nobody knows is told: {told}")
    out = root / "out"
    for name in (*kept, "tokenizer_config.json"):
        if name != "generation_config.json" and (out / name).read_bytes() != (model / name).read_bytes():
            sys.exit(f"{name} was changed: {(out / name).read_text()}")
    for name in ("tokenizer.json", "config.json", "generation_config.json"):
        if json.loads((out / name).read_text()) != json.loads((model / name).read_text()):
            sys.exit(f"{name} says something else: {(out / name).read_text()}")
    if (out / "chat_template.jinja").exists():
        sys.exit("chat_template.jinja hides the named templates")
    if tiny.read_names(out / "model.safetensors") != tiny.read_names(model / "model.safetensors"):
        sys.exit("tensors were lost")


def files_that_are_something_else(root: pathlib.Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "ab" * 32 + "\nsize 269060552\n"
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        folder = tiny.write_folder(root / f"pointer-{name}")
        (folder / name).write_text(pointer)
        refused(root, name.replace(".", r"\.") + ": this is a Git LFS pointer.*git lfs pull", *evaluation(folder))
    (root / "pointer.gguf").write_text(pointer)
    refused(root, r"pointer\.gguf: this is a Git LFS pointer", *evaluation(root / "pointer.gguf"))
    (root / "loop").symlink_to("loop")
    refused(root, r"loop: .*symbolic links", *evaluation(root / "loop"), code=2)
    refused(root, r"loop: .*symbolic links", "generate", "--model", "loop", "--prompt", "x", code=2)
    ended = tiny.write_folder(root / "ended")
    (ended / "config.json").write_bytes((ended / "config.json").read_bytes() + b"\0rubbish")
    refused(root, r"config\.json:1: not valid JSON: holds a NUL byte", *evaluation(ended))
    model = tiny.write_folder(root / "plain")
    for name, text, words in (("adapter_config.json", '{"peft_type": "LORA"}', "adapters .LoRA."), ("pytorch_model.bin", "x", "pytorch_model.bin, a pickle")):
        checkpoint = root / f"of-{name}" / "checkpoint-5"
        checkpoint.mkdir(parents=True)
        (checkpoint / name).write_text(text)
        (checkpoint / "trainer_state.json").write_text('{"global_step": 5}')
        refused(root, words, *training(root, model, "--set", f"run.output_dir={checkpoint.parent}", f"--resume={checkpoint}"))
        refused(root, words, *evaluation(checkpoint))


def dropout(root: pathlib.Path) -> None:
    drops = tiny.write_folder(root / "drops", {"attention_dropout": 0.5})
    refused(root, r'"attention_dropout" = 0\.5', *training(root, drops, "--set", "run.output_dir=dropped"))
    if loss(root, drops) != loss(root, tiny.write_folder(root / "stays")):
        sys.exit("an evaluation drops nothing")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-model-files-") as name:
        root = pathlib.Path(name)
        (root / "data.jsonl").write_text((json.dumps(TEXT) + "\n") * 3)
        for part in (other_architectures, heads, gguf, what_is_saved_holds_what_was_loaded, files_that_are_something_else, dropout):
            part(root)
    print("model files say what is computed, or why it is not")


if __name__ == "__main__":
    main()
