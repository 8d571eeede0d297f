"""Lets torch.load(weights_only=True) read what Slipway's unit test of torch files wrote, and compares it with torch's own files.

usage: python tests/parity/check_torch_files.py [FOLDER]   (FOLDER: where unit_weights left its copies)
"""
import pathlib
import sys

import numpy
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMPY = [numpy._core.multiarray._reconstruct, numpy.ndarray, numpy.dtype, type(numpy.dtype(numpy.uint32))]


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, numpy.ndarray):
        return a.dtype == b.dtype and numpy.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def main() -> None:
    given = [pathlib.Path(p) for p in sys.argv[1:]] or sorted((ROOT / "build").glob("*/scratch/*/CopiesReadBack"))
    if not given:
        sys.exit("no copies: run unit_weights first")
    with torch.serialization.safe_globals(NUMPY):
        for name in ("optimizer", "scheduler", "rng_state", "plain"):
            theirs = torch.load(ROOT / f"tests/parity/data/torch_{name}.pt", weights_only=True)
            ours = torch.load(given[0] / f"torch_{name}.pt", weights_only=True)
            if not same(theirs, ours):
                sys.exit(f"torch_{name}.pt: Slipway's copy differs: {ours}")
            print(f"torch_{name}.pt: torch reads Slipway's copy, equal")


if __name__ == "__main__":
    main()
