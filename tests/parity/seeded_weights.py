"""Weights that follow from a tensor's name alone, in numbers that C++ makes too (tests/unit/api/family_model.h): so none are in the tree."""
import numpy
import torch


def values(name: str, count: int) -> numpy.ndarray:
    """[-0.5, 0.5), by the FNV-1a hash of the name and MurmurHash3's finalizer of it and the index."""
    key = 2166136261
    for byte in name.encode():
        key = (key ^ byte) * 16777619 % 2**32
    x = (numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9 + key) % 2**32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = (x ^ (x >> numpy.uint64(shift))) * numpy.uint64(factor) % 2**32
    return x.astype(numpy.float64) / 2**32 - 0.5


def is_norm(name: str) -> bool:
    return name.endswith(".weight") and ("norm" in name or ".ln_" in name)


def fill(model: torch.nn.Module, norm: float = 1.0) -> None:
    """Norms lie around `norm`, the rest around 0. Tied parameters are one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            drawn = values(name, parameter.numel()) * 0.7 + (norm if is_norm(name) else 0.0)
            parameter.copy_(torch.from_numpy(drawn.astype(numpy.float32)).reshape(parameter.shape))
