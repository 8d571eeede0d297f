"""The GPU's memory in use while something runs, as its driver tells it: all of the card's."""

import contextlib
import ctypes
import functools
import subprocess
import sys
import threading
from typing import Callable, Iterator

from tell import facts

INTERVAL = 0.02  # seconds between two looks
LIBRARIES = ("libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1")


class Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def by_library() -> Callable[[], float] | None:
    """GB in use, asked of the driver's library; None where there is none."""
    for name in LIBRARIES:
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(name)
            break
    else:
        return None
    card = ctypes.c_void_p()
    if library.nvmlInit_v2() != 0 or library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(card)) != 0:
        return None

    def used() -> float:
        memory = Memory()
        if (status := library.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory))) != 0:
            raise OSError(f"nvmlDeviceGetMemoryInfo gave {status}")
        return memory.used / 1e9

    return used


def by_program() -> float:
    """The same by nvidia-smi, some tenths of a second later."""
    query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    command = [facts()["tools"]["nvidia-smi"], *query]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[0]) * (1 << 20) / 1e9


@functools.cache
def reader() -> Callable[[], float] | None:
    """None without a GPU."""
    return None if facts()["gpu"] is None else by_library() or by_program


def used_now() -> float | None:
    """GB; None without a GPU, and where its driver does not say."""
    if reader() is None:
        return None
    try:
        return reader()()
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as fault:
        print(f"memory in use: {fault}", file=sys.stderr)
        return None


class Peak:
    """`above`: GB over what was in use before."""

    def __init__(self, before: float | None) -> None:
        self.before, self.highest = before, before

    @property
    def above(self) -> float | None:
        return None if self.before is None else self.highest - self.before


@contextlib.contextmanager
def watched(before: float | None = None) -> Iterator[Peak]:
    """`before`: what counts as nothing; default: what is in use now."""
    now = used_now()
    if now is None:
        yield Peak(None)
        return
    peak, over = Peak(now if before is None else before), threading.Event()

    def look() -> None:
        while not over.wait(INTERVAL):
            peak.highest = max(peak.highest, used_now() or 0)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join(5)
