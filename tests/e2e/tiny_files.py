"""Tiny models in files, by Python's standard library alone: a Llama of some thousand weights over the 256 bytes and three special tokens, as a
Hugging Face folder or as GGUF."""
import json
import pathlib
import random
import struct

HIDDEN, FFN, LAYERS, HEADS, KV_HEADS, WIDTH, VOCABULARY = 16, 32, 2, 4, 2, 4, 259
SPECIAL = {"<s>": 256, "</s>": 257, "<pad>": 258}
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN, "num_hidden_layers": LAYERS,
          "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCABULARY, "max_position_embeddings": 512, "rms_norm_eps": 1e-05,
          "rope_theta": 10000.0, "tie_word_embeddings": False, "hidden_act": "silu", "bos_token_id": 256, "eos_token_id": 257, "torch_dtype": "float32"}
SETTINGS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "tokenizer_class": "PreTrainedTokenizerFast"}

Tensors = dict[str, tuple[list[int], list[float]]]  # shape, values


def weights(seed: int = 1, tied: bool = False) -> Tensors:
    draw = random.Random(seed)
    out: Tensors = {}

    def matrix(name: str, *shape: int) -> None:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        out[name] = (list(shape), [draw.gauss(0, 0.3) if len(shape) > 1 else 1 + draw.gauss(0, 0.1) for _ in range(count)])

    matrix("model.embed_tokens.weight", VOCABULARY, HIDDEN)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        matrix(at + "input_layernorm.weight", HIDDEN)
        matrix(at + "post_attention_layernorm.weight", HIDDEN)
        for part, rows, columns in (("self_attn.q_proj", HEADS * WIDTH, HIDDEN), ("self_attn.k_proj", KV_HEADS * WIDTH, HIDDEN), ("self_attn.v_proj", KV_HEADS * WIDTH, HIDDEN),
                                    ("self_attn.o_proj", HIDDEN, HEADS * WIDTH), ("mlp.gate_proj", FFN, HIDDEN), ("mlp.up_proj", FFN, HIDDEN), ("mlp.down_proj", HIDDEN, FFN)):
            matrix(at + part + ".weight", rows, columns)
    matrix("model.norm.weight", HIDDEN)
    if not tied:
        matrix("lm_head.weight", VOCABULARY, HIDDEN)
    return out


def write_safetensors(path: pathlib.Path, tensors: Tensors) -> None:
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_names(path: pathlib.Path) -> set[str]:
    raw = path.read_bytes()
    return set(json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])) - {"__metadata__"}


def alphabet() -> list[str]:
    """The character that stands for each byte in byte-level BPE."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


def tokenizer(frame: list[str] | None = None) -> dict:
    """A tokenizer.json; `frame`: special tokens before every text."""
    words = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    template = {"type": "TemplateProcessing", "single": [*({"SpecialToken": {"id": t, "type_id": 0}} for t in frame or []), {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                "special_tokens": {t: {"id": t, "ids": [SPECIAL[t]], "tokens": [t]} for t in frame or []}}
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for t, i in SPECIAL.items()]
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": False, "vocab": {c: i for i, c in enumerate(alphabet())}, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": words,
            "post_processor": template if frame else words, "decoder": words, "model": model}


def write_folder(folder: pathlib.Path, config: dict | None = None, tensors: Tensors | None = None, settings: dict | None = None, frame: list[str] | None = None) -> pathlib.Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    write_safetensors(folder / "model.safetensors", tensors or weights())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(frame)))
    (folder / "tokenizer_config.json").write_text(json.dumps({**SETTINGS, **(settings or {})}))
    return folder


# ---- GGUF ----------------------------------------------------------------------------------------------------------

def string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(of: object) -> bytes:
    """A metadata value with its type."""
    if isinstance(of, bool):
        return struct.pack("<IB", 7, of)
    if isinstance(of, int):
        return struct.pack("<II", 4, of)
    if isinstance(of, float):
        return struct.pack("<If", 6, of)
    if isinstance(of, str):
        return struct.pack("<I", 8) + string(of)
    kind = 5 if of and isinstance(of[0], int) else 8
    return struct.pack("<IIQ", 9, kind, len(of)) + b"".join(string(x) if kind == 8 else struct.pack("<i", x) for x in of)


NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
         "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)
    if stem in NAMES:
        return f"{NAMES[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.{kind}"


def side_by_side(values: list[float], heads: int) -> list[float]:
    """Rows of queries or keys as GGUF keeps them: each rotary pair side by side."""
    rows = [values[i:i + HIDDEN] for i in range(0, len(values), HIDDEN)]
    out = []
    for h in range(heads):
        head, half = rows[h * WIDTH:(h + 1) * WIDTH], WIDTH // 2
        out += [head[side * half + i] for i in range(half) for side in (0, 1)]
    return [x for row in out for x in row]


def metadata() -> dict:
    tokens = alphabet() + list(SPECIAL)
    return {"general.architecture": "llama", "llama.context_length": 512, "llama.embedding_length": HIDDEN, "llama.block_count": LAYERS, "llama.feed_forward_length": FFN,
            "llama.attention.head_count": HEADS, "llama.attention.head_count_kv": KV_HEADS, "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 10000.0,
            "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [1] * 256 + [3] * len(SPECIAL),
            "tokenizer.ggml.merges": [], "tokenizer.ggml.bos_token_id": 256, "tokenizer.ggml.eos_token_id": 257}


def write_gguf(path: pathlib.Path, tensors: Tensors, more: dict | None = None, without: str = "", added: Tensors | None = None) -> pathlib.Path:
    """`more`: metadata to add or change; `added`: tensors under the names that GGUF has for them."""
    pairs = {k: v for k, v in {**metadata(), **(more or {})}.items() if k != without}
    stored = {gguf_name(name): (shape, side_by_side(values, HEADS if "q_proj" in name else KV_HEADS) if "q_proj" in name or "k_proj" in name else values)
              for name, (shape, values) in tensors.items()}
    stored.update(added or {})
    infos, data = b"", b""
    for name, (shape, values) in stored.items():
        infos += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape)) + struct.pack("<IQ", 0, len(data))
        data += struct.pack(f"<{len(values)}f", *values)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(stored), len(pairs)) + b"".join(string(k) + value(v) for k, v in pairs.items()) + infos
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path
