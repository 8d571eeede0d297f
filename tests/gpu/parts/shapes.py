"""Shapes of models as config.json says them, and what their products cost."""

import itertools

BASE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "rms_norm_eps": 1e-5,
}


def shape(
    hidden: int,
    inner: int,
    layers: int,
    heads: int,
    kv_heads: int,
    width: int,
    vocabulary: int,
    tied: bool,
    positions: int,
    theta: float,
    spread: float = 0.02,
) -> dict:
    return {
        **BASE,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": width,
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "max_position_embeddings": positions,
        "rope_theta": theta,
        "initializer_range": spread,
        "bos_token_id": vocabulary - 3,
        "eos_token_id": vocabulary - 2,
        "pad_token_id": vocabulary - 1,
        "dtype": "float32",
    }


REAL = {
    "SmolLM2-135M": shape(576, 1536, 30, 9, 3, 64, 49152, True, 8192, 100000.0),
    "Llama-3.2-1B": shape(2048, 8192, 16, 32, 8, 64, 128256, True, 131072, 500000.0),
    "Llama-3.1-8B": shape(4096, 14336, 32, 32, 8, 128, 128256, False, 131072, 500000.0),
}
WIDTHS, GROUPS = (64, 80, 96, 128, 256), (1, 4, 8)


def small_shapes() -> dict[str, dict]:
    """Two layers of every head width and group size; heads of the vocabulary tied and own in turn, so that
    each of either has both. And one with biases of queries, keys and values.
    """
    out = {}
    for at, (width, group) in enumerate(itertools.product(WIDTHS, GROUPS)):
        tied = at % 2 == 0
        name = f"width {width}, group {group}, {'tied' if tied else 'own'} head"
        out[name] = shape(160, 224, 2, 2 * group, 2, width, 1003, tied, 512, 10000.0, spread=0.08)
    biased = shape(160, 224, 2, 14, 2, 64, 1003, True, 512, 10000.0, spread=0.08)
    out["Qwen2, width 64, group 7, tied head"] = {
        **{key: value for key, value in biased.items() if not key.endswith("_bias")},
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "use_sliding_window": False,
    }
    return out


def block_weights(config: dict) -> int:
    """Of all layers' matrices."""
    hidden, width = config["hidden_size"], config["head_dim"]
    attended, cached = config["num_attention_heads"] * width, config["num_key_value_heads"] * width
    return config["num_hidden_layers"] * (
        2 * hidden * attended + 2 * hidden * cached + 3 * hidden * config["intermediate_size"]
    )


def product_weights(config: dict) -> int:
    """Of all matrices that a token is multiplied with: the layers' and the head's."""
    return block_weights(config) + config["vocab_size"] * config["hidden_size"]


def training_flop(config: dict, length: int) -> float:
    """Of one token of a text of `length` tokens, forward and backward; nothing counts twice that is
    computed twice.
    """
    attention = (
        config["num_hidden_layers"] * 2 * 2 * config["num_attention_heads"] * config["head_dim"] * length / 2
    )
    return 6 * product_weights(config) + 3 * attention


def decoded_bytes(config: dict, rows: int, context: float, weight_bytes: int, cache_bytes: int) -> float:
    """What one step of decoding must read: every weight once, and each row's keys and values."""
    cache = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"] * context
    return weight_bytes * product_weights(config) + cache_bytes * rows * cache
