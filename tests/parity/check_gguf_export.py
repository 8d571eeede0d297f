"""Every family as `slipway export` writes it: read by the gguf package, run by llama.cpp, and brought back to a Hugging Face folder.

usage: check_gguf_export.py [SLIPWAY]        needs llama_cpp (llama-cpp-python 0.3.36), which refresh does not install
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file

import record_families
from seeded_weights import fill

try:
    import llama_cpp
except ImportError:
    print("llama_cpp is not installed: nothing is checked")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")
NEW, VOCAB = 10, 288
TYPES = {"f32": 2e-5, "f16": 0.05, "bf16": 0.4, "q8_0": 0.4}  # logits are some units apart; the types round weights


def tokenizer() -> tokenizers.Tokenizer:
    """Byte-level BPE of the 256 bytes and one special token."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.post_processor = tokenizers.processors.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    return made


def by_llama_cpp(path: pathlib.Path, ids: list[int]) -> numpy.ndarray:
    """Logits of every position, float32 throughout."""
    model = llama_cpp.Llama(str(path), n_ctx=96, n_batch=96, logits_all=True, n_threads=1, verbose=False, type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)
    model.eval(ids)
    out = model.scores[:len(ids)].copy()
    model.close()
    return out


def run(*arguments: object) -> str:
    """What was refused, "" = nothing."""
    done = subprocess.run([SLIPWAY, *map(str, arguments)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def check(name: str, model_type: str, options: dict, scratch: pathlib.Path) -> str:
    config = record_families.config_of(model_type, options | {"vocab_size": VOCAB})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    fill(model, 0.0 if model_type.startswith("gemma") else 1.0)
    folder = scratch / name.replace(" ", "_")
    model.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    ids = record_families.EXAMPLES[0]
    with torch.no_grad():
        theirs = model(torch.tensor([ids])).logits[0].numpy()
    told = []
    for kind, limit in TYPES.items():
        file = scratch / f"{folder.name}.{kind}.gguf"
        if refused := run("export", folder, file, "--gguf", kind):
            return "refused: " + refused[-150:]
        assert len(gguf.GGUFReader(file).tensors) > 5
        ours = by_llama_cpp(file, ids)
        difference = float(numpy.abs(ours - theirs).max())
        same = (ours.argmax(-1) == theirs.argmax(-1)).mean()
        told.append(f"{kind} {difference:.1e}" + ("" if same == 1 else f" ({same:.0%} of tokens)"))
        rounded = kind == "f32" and model_type in ("gemma2", "gemma3_text", "gpt2")  # llama.cpp's GELU is a table of halves
        assert difference < (5e-3 if rounded else limit), (name, kind, difference)
        if kind == "f32":
            assert same == 1, name
            back = scratch / (folder.name + ".back")
            assert run("export", file, back, "--hf") == "", name
            before, after = load_file(folder / "model.safetensors"), load_file(back / "model.safetensors")
            assert before.keys() == after.keys(), (name, before.keys() ^ after.keys())
            lost = max(float(numpy.abs(before[key] - after[key]).max()) for key in before)
            assert lost < 1e-7, (name, lost)
            again = transformers.AutoModelForCausalLM.from_pretrained(back, attn_implementation="eager").eval()
            with torch.no_grad():
                changed = float(numpy.abs(again(torch.tensor([ids])).logits[0].numpy() - theirs).max())
            assert changed < 2e-5, (name, "config.json of the file", changed)
    return ", ".join(told)


def main() -> None:
    print("largest difference of logits between llama.cpp, from the exported file, and transformers")
    with tempfile.TemporaryDirectory() as scratch:
        for name, (model_type, options) in record_families.EXPORTED.items():
            print(f"{name:26} {check(name, model_type, options, pathlib.Path(scratch))}", flush=True)


if __name__ == "__main__":
    main()
