"""What this machine can do at most: matrix products and copies, by torch, measured once a run."""

import json
import statistics
import time

import torch

from tell import at_least, facts, scratch

CUDA = {"side": 8192, "bytes": 4 << 30, "repeats": 10}
PROCESSOR = {"side": 1024, "bytes": 64 << 20, "repeats": 5}


def seconds_of(work, device: str, repeats: int) -> float:
    """The median of so many, after two that warm up."""
    taken = []
    for _ in range(repeats + 2):
        begin = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[2:])


def product_rate(dtype: torch.dtype, device: str, side: int, repeats: int) -> float:
    """Floating-point operations a second, on random numbers: zeros are quicker than work is."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: a @ b, device, repeats)


def copy_rate(device: str, size: int, repeats: int) -> float:
    """Bytes read and written a second, from one place of the device's memory to another."""
    a = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    b = torch.empty_like(a)
    return 2 * size / seconds_of(lambda: b.copy_(a), device, repeats)


def measured() -> dict[str, float]:
    """bf16 and float32 in operations a second, copy in bytes a second. The first part that asks also tells
    them.
    """
    file = scratch("rates") / "rates.json"
    if file.exists():
        return json.loads(file.read_text())
    device = facts()["device"]
    how = CUDA if device == "cuda" else PROCESSOR
    rates = {
        "bf16": product_rate(torch.bfloat16, device, how["side"], how["repeats"]),
        "float32": product_rate(torch.float32, device, how["side"], how["repeats"]),
        "copy": copy_rate(device, how["bytes"], how["repeats"]),
    }
    file.write_text(json.dumps(rates))
    for name in ("bf16", "float32"):
        at_least(
            f"matrix product in {name}, TFLOP/s", rates[name] / 1e12, None, f"{how['side']} cubed on {device}"
        )
    at_least(
        "copy, GB/s read and written", rates["copy"] / 1e9, None, f"{how['bytes'] >> 20} MiB on {device}"
    )
    if device == "cuda":
        torch.cuda.empty_cache()
    return rates
