"""Decoding one row at the end of 8,192 tokens: what counts is how fast weights and cache are read. With all threads and, in float32, with one."""
import json

from measure import Failed, run

from . import precision, smollm2
from .setting import WEIGHTS, Setting
from .work import Side, Turn, Work

NEW = 33


def work(setting: Setting) -> Work:
    prompt = setting.size(8192 - NEW, 256)
    build = setting.slipway.parent

    def side(weights: str, size: float, threads: int | None) -> Side:
        def measure() -> Turn:
            finished = run([build / "slipway_bench_weights", WEIGHTS, 1, prompt, 1, weights], setting.log, threads=threads)
            if finished.status != 0:
                raise Failed(f"slipway_bench_weights failed; see {setting.log}")
            return Turn(json.loads(finished.out)["rows"]["1"][weights]["turns"], finished.memory)

        return Side("Slipway", weights, measure, precision.arithmetic(setting, weights), size, threads)

    def byte_rate(side: Side, figures: dict) -> float:
        return (side.bytes_per_weight * smollm2.WEIGHTS + prompt * smollm2.CACHE_BYTES) * figures["value"]

    return Work("long_decode", f"decoding 1 row after {prompt} tokens", "tokens/s",
                [*(side(weights, size, None) for weights, size in precision.STORAGES.items()), side("float32", 4, 1)], byte_rate=byte_rate)
