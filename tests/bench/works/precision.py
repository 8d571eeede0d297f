"""What the sides compute in, and what the processor has for it."""
from .setting import Setting

BFLOAT16 = "bf16"
# Slipway's storages of weights for sampling: bytes of a weight, and the arithmetic that the products are held against.
STORAGES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1 + 4 / 64}
# llama.cpp's: the same. Its Q8_0 multiplies whole numbers, 32 to a scale of 16 bits; its BF16 pairs of bfloat16.
GGUF_TYPES = {"F32": (4.0, "float32"), "BF16": (2.0, "bfloat16"), "Q8_0": (34 / 32, "int8")}


def has(setting: Setting, arithmetic: str) -> bool:
    """Whether the processor multiplies and adds such numbers by itself; a GPU computes in float32 here."""
    return arithmetic == "float32" or setting.device == "cpu" and setting.limits["peak"][arithmetic] is not None


def training(setting: Setting) -> list[str]:
    """Precisions of training: bfloat16 where the processor has it."""
    return ["float32", *([BFLOAT16] if has(setting, "bfloat16") else [])]


def arithmetic(setting: Setting, precision: str) -> str:
    """Weights in fewer bits are widened to what the processor multiplies best: to bfloat16, else to float32."""
    return "float32" if precision == "float32" or not has(setting, "bfloat16") else "bfloat16"
