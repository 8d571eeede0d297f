"""A Llama of 1,300 weights that writes letters, its tokenizer, and the folder that a run file names."""

import json
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from raft_reference import ALPHABET  # noqa: E402

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "vocab_size": len(ALPHABET),
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "eos_token_id": 0,
    "torch_dtype": "float32",
}


def fresh_weights() -> dict:
    """Rounded to float32, as both programs begin with them."""
    draw, hidden = random.Random(1), CONFIG["hidden_size"]
    shapes = {"model.embed_tokens.weight": (CONFIG["vocab_size"], hidden)}
    attended, cached, inner = (
        CONFIG["num_attention_heads"] * CONFIG["head_dim"],
        CONFIG["num_key_value_heads"] * CONFIG["head_dim"],
        CONFIG["intermediate_size"],
    )
    for i in range(CONFIG["num_hidden_layers"]):
        for layer, shape in {
            "input_layernorm": (1, hidden),
            "self_attn.q_proj": (attended, hidden),
            "self_attn.k_proj": (cached, hidden),
            "self_attn.v_proj": (cached, hidden),
            "self_attn.o_proj": (hidden, attended),
            "post_attention_layernorm": (1, hidden),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }.items():
            shapes[f"model.layers.{i}.{layer}.weight"] = shape
    shapes["model.norm.weight"] = (1, hidden)
    value = lambda name: draw.uniform(0.5, 1.5) if "norm" in name else draw.uniform(-0.7, 0.7)
    return {
        name: [
            list(struct.unpack(f"<{n}f", struct.pack(f"<{n}f", *(value(name) for _ in range(n)))))
            for _ in range(rows)
        ]
        for name, (rows, n) in shapes.items()
    }


def write_model(folder: pathlib.Path, weights: dict) -> None:
    folder.mkdir()
    header, data = {}, b""
    for name, rows in weights.items():
        flat = [v for row in rows for v in row]
        header[name] = {
            "dtype": "F32",
            "shape": [len(flat)] if "norm" in name else [len(rows), len(rows[0])],
            "data_offsets": [len(data), len(data) + 4 * len(flat)],
        }
        data += struct.pack(f"<{len(flat)}f", *flat)
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    letters = {("<end>" if c == "\0" else "\u0120" if c == " " else c): i for i, c in enumerate(ALPHABET)}
    end = {
        "id": 0,
        "content": "<end>",
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [end],
                "normalizer": None,
                "pre_tokenizer": bytes_,
                "post_processor": None,
                "decoder": bytes_,
                "model": {"type": "BPE", "vocab": letters, "merges": []},
            }
        )
    )
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
