"""Records which micro-batches accelerate gives to each of several processes.

usage: python tests/parity/record_shards.py   (needs tests/parity/requirements.txt; writes tests/parity/data/shards.json)
"""
import itertools
import json
import pathlib

import accelerate
import torch
from accelerate.data_loader import BatchSamplerShard

OUT = pathlib.Path(__file__).resolve().parent / "data/shards.json"


def record(rows: int, batch_size: int, ranks: int, drop_last: bool, even: bool) -> dict:
    shards = [list(BatchSamplerShard(torch.utils.data.BatchSampler(range(rows), batch_size, drop_last), ranks, rank, even_batches=even)) for rank in range(ranks)]
    return {"rows": rows, "batch_size": batch_size, "drop_last": drop_last, "even_batches": even, "ranks": shards}


cases = [record(*case) for case in itertools.product((0, 1, 2, 3, 5, 8, 11, 12, 13, 23, 24), (1, 3, 4), (1, 2, 3, 5), (False, True), (False, True))]
OUT.write_text(json.dumps({"accelerate": accelerate.__version__, "cases": cases}, separators=(",", ":")).replace('{"rows"', '\n{"rows"') + "\n")
print(f"{len(cases)} ways to share an epoch: {OUT.name}")
