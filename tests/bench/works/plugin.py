"""The cost of the plugin boundary, in nanoseconds; there is no peer. The C++ program takes the median of many batches itself."""
import json

from measure import Failed, run

from .setting import Setting
from .work import Side, Turn, Work


def work(setting: Setting) -> Work:
    build = setting.slipway.parent

    def slipway() -> Turn:
        finished = run([build / "slipway_bench_overhead", build / "fixtures/bench_idle.so"], setting.log)
        if finished.status != 0:
            raise Failed(f"slipway_bench_overhead failed; see {setting.log}")
        result = json.loads(finished.out)
        return Turn([result["call_ns"]], finished.memory, more={key: [value] for key, value in result.items()})

    return Work("plugin", "a call into a plugin and back", "ns", [Side("Slipway", "float32", slipway)], lower_is_better=True)
