"""SmolLM2-135M in numbers: what its products cost, for the shares of the machine's limits."""

LAYERS, HIDDEN, INTERMEDIATE, KEY_VALUE, VOCABULARY = 30, 576, 1536, 192, 49152
LAYER_WEIGHTS = LAYERS * (2 * HIDDEN * HIDDEN + 2 * HIDDEN * KEY_VALUE + 3 * HIDDEN * INTERMEDIATE)
HEAD_WEIGHTS = VOCABULARY * HIDDEN
WEIGHTS = LAYER_WEIGHTS + HEAD_WEIGHTS
CACHE_BYTES = LAYERS * 2 * KEY_VALUE * 4  # of a token's keys and values


def attention_flop(context: float) -> float:
    """Scores and weighted values of one token that looks at `context` others, all layers."""
    return LAYERS * 2 * 2 * HIDDEN * context


def decoding_flop(context: float) -> float:
    """Of one token that is written after `context` others."""
    return 2 * WEIGHTS + attention_flop(context)


def sampling_flop(prompts: int, prompt_tokens: int, rows: int, tokens: float) -> float:
    """Floating-point operations that sampling `tokens` tokens in all needs: each prompt once, its first tokens from the prompt's
    own logits, then one pass through the model for each further token."""
    prompt = prompts * (prompt_tokens * 2 * LAYER_WEIGHTS + 2 * HEAD_WEIGHTS)
    new = max(0.0, tokens - rows)
    context = prompt_tokens + tokens / rows / 2
    return prompt + new * decoding_flop(context)


def training_flop(length: int) -> float:
    """Of one token of a text of `length` tokens, forward and backward."""
    return 6 * WEIGHTS + 3 * attention_flop(length / 2)
