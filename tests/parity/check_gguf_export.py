"""Every family as `slipway export` writes it: read by the gguf package, run by llama.cpp, and brought back to a Hugging Face folder; first
with every option of its config.json and texts longer than its windows, then with the kind of tokenizer that the family has: ids of the strings
of record_tokenizer.py by llama.cpp, and by what Slipway reads from the file.

usage: check_gguf_export.py [SLIPWAY]        needs llama_cpp (llama-cpp-python 0.3.36), which refresh does not install
       (the vocabularies are those of check_tokenizers.py, and SmolLM2's of build/assets)
"""
import contextlib
import json
import os
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
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import check_tokenizers
import record_families
from largest import largest_of
from record_tokenizers import MARK, bpe_of, spm_decoder, stored_strings
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


def byte_tokenizer() -> Tokenizer:
    """Byte-level BPE of the 256 bytes and one special token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    return made


def by_llama_cpp(path: pathlib.Path, ids: list[int], prompt: int) -> tuple[numpy.ndarray, list[int]]:
    """Logits of every position, float32 throughout, and the greedy text after the first `prompt` of them."""
    model = llama_cpp.Llama(str(path), n_ctx=96, n_batch=96, logits_all=True, n_threads=1, verbose=False, type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)
    model.eval(ids)
    logits, text = model.scores[:len(ids)].copy(), []
    model.reset()
    model.eval(ids[:prompt])
    while len(text) < record_families.NEW:
        text.append(int(model.scores[model.n_tokens - 1].argmax()))
        model.eval(text[-1:])
    model.close()
    return logits, text


def run(*arguments: object) -> str:
    """What was refused, "" = nothing."""
    done = subprocess.run([SLIPWAY, *map(str, arguments)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def make(model_type: str, options: dict, folder: pathlib.Path) -> torch.nn.Module:
    config = record_families.config_of(model_type, options)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    fill(model, 0.0 if model_type.startswith("gemma") else 1.0)
    model.save_pretrained(folder)
    return model


def check(name: str, model_type: str, options: dict, scratch: pathlib.Path) -> str:
    folder = scratch / name.replace(" ", "_")
    model = make(model_type, options | {"vocab_size": VOCAB}, folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}))
    ids = record_families.EXAMPLES[0]
    with torch.no_grad():
        theirs = model(torch.tensor([ids])).logits[0].numpy()
    for prompt in range(12, len(ids)):  # longer than the windows; whose text hangs on no rounding
        text, lead = record_families.greedy(model, ids[:prompt])
        if lead > 2e-2:
            break
    told = []
    for kind, limit in TYPES.items():
        file = scratch / f"{folder.name}.{kind}.gguf"
        if refused := run("export", folder, file, "--gguf", kind):
            return "refused: " + refused[-150:]
        assert len(gguf.GGUFReader(file).tensors) > 5
        ours, written = by_llama_cpp(file, ids, prompt)
        difference = float(numpy.abs(ours - theirs).max())
        same = (ours.argmax(-1) == theirs.argmax(-1)).mean()
        told.append(f"{kind} {difference:.1e}" + ("" if same == 1 else f" ({same:.0%} of tokens)"))
        rounded = kind == "f32" and model_type in ("gemma2", "gemma3_text", "gpt2")  # llama.cpp's GELU is a table of halves
        assert difference < (5e-3 if rounded else limit), (name, kind, difference)
        if kind == "f32":
            assert same == 1 and written == text, (name, written, text)
            back = scratch / (folder.name + ".back")
            assert run("export", file, back, "--hf") == "", name
            before, after = load_file(folder / "model.safetensors"), load_file(back / "model.safetensors")
            assert before.keys() == after.keys(), (name, before.keys() ^ after.keys())
            lost = largest_of(float(numpy.abs(before[key] - after[key]).max()) for key in before)
            assert lost < 1e-7, (name, lost)
            again = transformers.AutoModelForCausalLM.from_pretrained(back, attn_implementation="eager").eval()
            with torch.no_grad():
                changed = float(numpy.abs(again(torch.tensor([ids])).logits[0].numpy() - theirs).max())
            assert changed < 2e-5, (name, "config.json of the file", changed)
    return ", ".join(told) + f"; greedy text equal after {prompt}"


# ---- tokenizers ---------------------------------------------------------------------------------
def special(text: str, **flags: bool) -> AddedToken:
    return AddedToken(text, normalized=False, special=True, **flags)


def pieces(model: bytes, *more: AddedToken) -> Tokenizer:
    """A SentencePiece vocabulary as BPE, and added tokens."""
    made = Tokenizer(bpe_of(model, fuse_unk=True, byte_fallback=True, unk_token="<unk>"))
    made.add_special_tokens([special("<unk>"), special("<s>"), *([] if any(t.content == "</s>" for t in more) else [special("</s>")])])
    made.add_tokens(list(more))
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))])
    return made


def llama2(model: bytes, *more: AddedToken) -> Tokenizer:
    made = pieces(model, *more)
    made.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    made.decoder = spm_decoder(True)
    return made


def gemma(model: bytes) -> Tokenizer:
    made = pieces(model, *(AddedToken("\n" * n, normalized=False) for n in range(1, 32)), AddedToken("<h1>", normalized=False))
    made.add_special_tokens([special("<start_of_turn>"), special("<end_of_turn>")])
    made.normalizer = normalizers.Replace(" ", MARK)
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = spm_decoder(False)
    return made


def smollm2(individual_digits: bool) -> Tokenizer:
    fields = gguf.GGUFReader(ROOT / "build/assets/SmolLM2-135M-Instruct.Q4_1.gguf").fields
    key = lambda name: fields["tokenizer.ggml." + name].contents()
    made = Tokenizer(models.BPE({t: i for i, t in enumerate(key("tokens"))}, [tuple(m.split(" ")) for m in key("merges")]))
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words]) if individual_digits else words
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([special(t) for t, kind in zip(key("tokens"), key("token_type")) if kind == 3])
    return made


def of_ranks(ranks: dict, pattern: str, specials: list[str], bos: str = "", **options: bool) -> Tokenizer:
    whole = options.pop("ignore_merges", True)
    document = json.loads(check_tokenizers.byte_level(ranks, pattern, specials, **options).to_str())
    document["model"]["ignore_merges"] = whole
    made = Tokenizer.from_str(json.dumps(document))
    if bos:
        made.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos))])
    return made


def kinds() -> dict[str, tuple[str, dict, dict[str, bytes], set[str]]]:
    """By family: its model type and options, the tokenizer's files, and what llama.cpp is known to make otherwise."""
    files = check_tokenizers.fetch()
    mistral = files / "mistral_common/data"
    v1, v3 = ((mistral / name).read_bytes() for name in ("tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"))
    llama3_ranks = check_tokenizers.tiktoken_ranks(files / "llama_models/llama3/tokenizer.model")
    qwen_ranks = check_tokenizers.tiktoken_ranks(files / "dashscope/resources/qwen.tiktoken")
    tekken = of_ranks(check_tokenizers.tekken_ranks(mistral / "tekken_240911.json"), check_tokenizers.TEKKEN, ["<s>", "</s>", "[INST]", "[/INST]"], "<s>")
    llama3 = of_ranks(llama3_ranks, check_tokenizers.LLAMA3, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], "<|begin_of_text|>")
    smollm3 = of_ranks(llama3_ranks, check_tokenizers.LLAMA3, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    olmo = of_ranks(llama3_ranks, check_tokenizers.LLAMA3, ["<|endoftext|>"], ignore_merges=False)
    qwen = of_ranks(qwen_ranks, check_tokenizers.QWEN, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], form_c=True)
    phi3 = llama2(v1, AddedToken("</s>", rstrip=True, normalized=False), special("<|endoftext|>"),
                  *(special(f"<|{name}|>", rstrip=True) for name in ("assistant", "end", "user", "system")))
    config = lambda **keys: json.dumps(keys).encode()
    whole = lambda made, bos, eos: {"tokenizer.json": made.to_str().encode(), "tokenizer_config.json": config(eos_token=eos, **({"bos_token": bos} if bos else {}))}
    own = lambda model, **keys: {"tokenizer.model": model, "tokenizer_config.json": config(tokenizer_class="LlamaTokenizer", add_bos_token=True, **keys)}
    spaces = "a space before text behind special tokens"
    odd = {"unassigned and control characters"}
    exported = record_families.EXPORTED
    return {
        "Llama 2": (*exported["llama"], whole(llama2(v1), "<s>", "</s>"), set()),
        "Llama 3": (*exported["llama llama3"], whole(llama3, "<|begin_of_text|>", "<|eot_id|>"), set()),
        "Qwen2": (*exported["qwen2"], whole(qwen, "", "<|im_end|>"), {"NFC"}),
        "Qwen3": (*exported["qwen3"], whole(qwen, "", "<|im_end|>"), {"NFC"}),
        "Mistral, tokenizer.model": (*exported["mistral window"], own(v1), set()),
        "Mistral v3, tokenizer.model": (*exported["mistral"], own(v3), {spaces}),
        "Mistral v3, not legacy": (*exported["mistral"], own(v3, legacy=False), {spaces}),
        "Ministral, tekken": (*exported["ministral"], whole(tekken, "<s>", "</s>"), {"letters"}),
        "SmolLM3": (*exported["smollm3"], whole(smollm3, "", "<|eot_id|>"), set()),
        "Granite": (*exported["granite"], whole(smollm2(True), "<|im_start|>", "<|im_end|>"), odd),
        "OLMo 2": (*exported["olmo2"], whole(olmo, "", "<|endoftext|>"), set()),
        "OLMo 3": (*exported["olmo3, layers listed"], whole(olmo, "", "<|endoftext|>"), set()),
        "Phi-3": (*exported["phi3"], whole(phi3, "<s>", "<|endoftext|>"), {"U+3000"}),
        "Gemma 2": (*exported["gemma2"], whole(gemma(v1), "<s>", "</s>"), set()),
        "Gemma 3": (*exported["gemma3"], whole(gemma(v1), "<s>", "</s>"), set()),
        "GPT-2": (*exported["gpt2"], whole(smollm2(False), "<|endoftext|>", "<|endoftext|>"), odd),
    }


MORE = ["<s>a", "a<s> b", "[INST] hi [/INST] there", " two", "  three", "\n\nx\n\n\n y\n", "<|user|>\n hello <|end|>\n\t<|assistant|>", "a\n\n\n\nb      c", "<unk>x",
        "e\u0301 \u00e9", "<0x0A>", "<h1>a</h1>  b", "\u2581\u2581a \u2581 b", "<start_of_turn>user\nhi<end_of_turn>\n", *(" " * n + "x" for n in range(2, 40))]


@contextlib.contextmanager
def silence():
    """llama.cpp warns of every text that begins with a special token."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def check_tokenizer(name: str, model_type: str, options: dict, files: dict[str, bytes], known: set[str], texts: list[str], scratch: pathlib.Path) -> str:
    folder, file, back = scratch / name, scratch / f"{name}.gguf", scratch / f"{name}.back"
    folder.mkdir()
    for path, data in files.items():
        (folder / path).write_bytes(data)
    if "tokenizer.json" in files:
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        theirs = transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer
    vocab = (theirs.get_vocab_size() + 127) // 64 * 64
    model = make(model_type, options | {"vocab_size": vocab}, folder)
    done = subprocess.run([SLIPWAY, "export", folder, file, "--gguf", "f32"], capture_output=True, text=True)
    if done.returncode != 0:
        return "refused: " + done.stderr.strip().splitlines()[-1][-200:]
    ids = theirs.encode("The quick brown fox jumps over the lazy dog, again and again.\n 12.5").ids[:24]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    text, _ = record_families.greedy(model, ids)
    with silence():
        ours, written = by_llama_cpp(file, ids, len(ids))
        assert run("export", file, back, "--hf") == "", name
        again = Tokenizer.from_file(str(back / "tokenizer.json"))
        peer = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)
        other = [t for t, e in zip(texts, theirs.encode_batch(texts)) if peer.tokenize(t.encode(), add_bos=True, special=True) != e.ids]
    own = sum(a.ids != b.ids for a, b in zip(theirs.encode_batch(texts), again.encode_batch(texts)))
    assert own == 0, (name, "ids of what Slipway reads from the file")
    assert known or not other, (name, other[:5])
    differ = f"{len(other)} other ids in llama.cpp" + (f" ({', '.join(sorted(known))})" if known else "")
    return (f"{vocab} tokens; logits {numpy.abs(ours - logits).max():.1e}; greedy text {'equal' if written == text else 'OTHER'}; "
            f"{len(texts)} strings: {own} other ids in Slipway, {differ}; warnings: {sum('other tokens in llama.cpp' in line for line in done.stderr.splitlines())}")


def main() -> None:
    print("largest difference of logits between llama.cpp, from the exported file, and transformers")
    with tempfile.TemporaryDirectory() as scratch:
        for name, (model_type, options) in record_families.EXPORTED.items():
            print(f"{name:26} {check(name, model_type, options, pathlib.Path(scratch))}", flush=True)
    texts = [t for t in stored_strings() if "\0" not in t] + MORE
    for name, (model_type, options, files, known) in kinds().items():
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{name:28} {check_tokenizer(name, model_type, options, files, known, texts, pathlib.Path(scratch))}", flush=True)


if __name__ == "__main__":
    main()
