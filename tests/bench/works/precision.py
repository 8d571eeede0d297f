"""What the sides compute in, and what the processor has for it."""
from .setting import Setting

BFLOAT16 = "bf16"
# Slipway's storages of weights for sampling: bytes of a weight. int8 meets inputs of 16 bits (host/kernels/cpu/gemm_int8.h), which are two
# products of bytes: half of the peak is the most.
STORAGES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1 + 4 / 64}
# llama.cpp's: the same, and the arithmetic. Its Q8_0 multiplies whole numbers, 32 to a scale of 16 bits; its BF16 pairs of bfloat16.
GGUF_TYPES = {"F32": (4.0, "float32"), "BF16": (2.0, "bfloat16"), "Q8_0": (34 / 32, "int8")}


def has(setting: Setting, arithmetic: str) -> bool:
    """Whether the processor multiplies and adds such numbers by itself; a GPU computes in float32 here."""
    return arithmetic == "float32" or setting.device == "cpu" and setting.limits["peak"][arithmetic] is not None


def training(setting: Setting) -> list[str]:
    """Precisions of training: bfloat16 where the processor has it."""
    return ["float32", *([BFLOAT16] if has(setting, "bfloat16") else [])]


def arithmetic(setting: Setting, precision: str) -> str:
    """What products of such numbers are multiplied in: in bfloat16 or int8 where the processor has it; held against float32 elsewhere."""
    wanted = "bfloat16" if precision in (BFLOAT16, "bfloat16") else precision
    return wanted if has(setting, wanted) else "float32"
