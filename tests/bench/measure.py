"""Running one program at a time: what it printed, when it began, how long it took, how much memory it had at its peak."""
import dataclasses
import os
import pathlib
import platform
import statistics
import subprocess
import time


@dataclasses.dataclass
class Finished:
    """A program that ended: standard output, time stamp of the start, seconds, peak memory in GB, exit status."""

    out: str
    begin: float
    seconds: float
    memory: float
    status: int


class Failed(Exception):
    """A program that was run for its numbers did not give any."""


def run(command: list, log: pathlib.Path, stdin: str = "", threads: int | None = None) -> Finished:
    """Runs a program to its end; standard error goes to the end of `log`. `threads`: with so many, not with what it takes by itself.
    Raises Failed where it cannot be started."""
    environment = os.environ | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
    begin = time.time()
    with open(log, "ab") as errors:
        errors.write(f"== {' '.join(map(str, command))}\n".encode())
        errors.flush()
        try:
            process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                       env=environment)
        except OSError as failure:
            raise Failed(f"{command[0]} cannot be started: {failure.strerror}") from failure
        process.stdin.write(stdin.encode())
        process.stdin.close()
        out = process.stdout.read().decode()
        # Not Popen.wait(): wait4 alone tells the peak memory of this one process.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Finished(out, begin, time.time() - begin, usage.ru_maxrss / 1e6, process.returncode)


def warm(values: list[float]) -> list[float]:
    """Without the first, which warms caches and allocators; a lone value stays."""
    return values[1:] if len(values) > 1 else values


def median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def cpu_flags() -> list[str]:
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "amx_tile")
    flags = next((line.split(":")[1].split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    return [flag for flag in wanted if flag in flags]


def gpu() -> str | None:
    for file in pathlib.Path("/proc/driver/nvidia/gpus").glob("*/information"):
        return next((line.split(":", 1)[1].strip() for line in file.read_text().splitlines() if line.startswith("Model:")), "NVIDIA GPU")
    return None


def machine(busy: float) -> dict:
    """`busy`: the share of the cores that others take."""
    cpu = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 1e6
    return {"cpu": cpu, "cores": os.cpu_count(), "flags": cpu_flags(), "gpu": gpu(), "memory_gb": round(memory, 1), "kernel": platform.release(),
            "busy_at_start": round(busy, 3)}
