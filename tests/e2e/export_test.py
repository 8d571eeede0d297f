"""`slipway export`: a model and its tokenizer as GGUF and back as a folder are the same; what GGUF says otherwise is told, what it cannot say
is refused by name.

usage: export_test.py SLIPWAY
"""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import tiny_files as tiny

MARK = "\u2581"


def export(root: pathlib.Path, *words: object, told: str = "", refused: str = "") -> None:
    done = subprocess.run([sys.argv[1], "export", *map(str, words)], cwd=root, capture_output=True, text=True, timeout=120)
    if (done.returncode != 0) != bool(refused) or not re.search(refused or told or r"\A(?!.*other tokens)", done.stderr, re.S):
        sys.exit(f"slipway export {' '.join(map(str, words))}: exit code {done.returncode}, {refused or told or 'nothing'!r} expected: {done.stderr}")


def tensors_of(folder: pathlib.Path) -> dict[str, bytes]:
    raw = (folder / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    return {name: raw[8 + size:][slice(*each["data_offsets"])] for name, each in header.items() if name != "__metadata__"}


def config_of(folder: pathlib.Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def pieces() -> dict:
    """SentencePiece's BPE with byte fallback, as Llama 2 has it; 259 tokens."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
             "ignore_merges": False, "vocab": {t: i for i, t in enumerate(tokens)}, "merges": []}
    steps = [{"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i, t in enumerate(tokens[:3])]
    decoders = [{"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "Sequence", "normalizers": steps}, "pre_tokenizer": None,
            "post_processor": None, "decoder": {"type": "Sequence", "decoders": decoders}, "model": model}


def there_and_back(root: pathlib.Path, name: str, config: dict, tokenizer: dict | None = None, told: str = "") -> pathlib.Path:
    """The folder that comes back from GGUF, with the same tensors."""
    folder = tiny.write_folder(root / name, config)
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    file, back = root / f"{name}.gguf", root / f"{name}_back"
    export(root, folder, file, "--gguf", "f32", told=told)
    export(root, file, back, "--hf")
    if tensors_of(back) != tensors_of(folder):
        sys.exit(f"{name}: other tensors after GGUF")
    export(root, file, root / f"{name}_q8.gguf", "--gguf", "q8_0")  # GGUF to GGUF
    return back


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        there_and_back(root, "llama", {})
        mistral = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
        back = config_of(there_and_back(root, "windows", mistral | {"sliding_window": 8}, pieces()))
        if back["model_type"] != "ministral" or back["sliding_window"] != 8 or back["layer_types"] != ["sliding_attention"] * tiny.LAYERS:
            sys.exit(f"windows of Mistral: {back}")
        plain = there_and_back(root, "plain", mistral | {"sliding_window": None}, pieces())
        if config_of(plain)["model_type"] != "llama":
            sys.exit(f"Mistral without windows: {config_of(plain)}")
        made = json.loads((plain / "tokenizer.json").read_text())
        if made["model"]["vocab"] != pieces()["model"]["vocab"] or made["normalizer"] != pieces()["normalizer"]:
            sys.exit(f"SentencePiece's BPE: {made['normalizer']}")
        composed = tiny.tokenizer() | {"normalizer": {"type": "NFC"}}
        whole = there_and_back(root, "composed", {}, composed, told=r"other tokens in llama\.cpp: texts that are not in Unicode's composed form")
        if json.loads((whole / "tokenizer.json").read_text())["normalizer"] != {"type": "NFC"}:
            sys.exit("the whole tokenizer did not come back")
        folder = tiny.write_folder(root / "unigram")
        document = tiny.tokenizer()
        document["model"] = {"type": "Unigram", "unk_id": 0, "vocab": [[t, 0.0] for t in tiny.alphabet()], "byte_fallback": False}
        (folder / "tokenizer.json").write_text(json.dumps(document))
        export(root, folder, root / "unigram.gguf", "--gguf", "f32", refused=r"cannot be written as GGUF: it is Unigram")
    print("a model and its tokenizer are the same after GGUF")


if __name__ == "__main__":
    main()
