"""The GPU's memory in use while something runs, as nvidia-smi tells it: of the whole card, so nothing else
may run on it.
"""

import contextlib
import subprocess
import threading
from typing import Iterator

from tell import facts

QUERY = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]


def used_now() -> float | None:
    """GB; None without a GPU."""
    if facts()["gpu"] is None:
        return None
    done = subprocess.run([facts()["tools"]["nvidia-smi"], *QUERY], capture_output=True, text=True)
    return float(done.stdout.splitlines()[0]) * (1 << 20) / 1e9 if done.returncode == 0 else None


class Peak:
    """`above`: GB over what was in use before."""

    def __init__(self, before: float | None) -> None:
        self.before, self.highest = before, before

    def take(self, gb: float) -> None:
        self.highest = max(self.highest, gb)

    @property
    def above(self) -> float | None:
        return None if self.before is None else self.highest - self.before


@contextlib.contextmanager
def watched(before: float | None = None) -> Iterator[Peak]:
    """Ten times a second. `before`: what counts as nothing; default: what is in use now."""
    now = used_now()
    peak = Peak(now if before is None else before)
    if now is None:
        yield Peak(None)
        return
    process = subprocess.Popen(
        [facts()["tools"]["nvidia-smi"], *QUERY, "-lms", "100"], stdout=subprocess.PIPE, text=True
    )

    def read() -> None:
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                peak.take(float(line) * (1 << 20) / 1e9)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield peak
    finally:
        process.kill()
        process.wait()
        reader.join(5)
