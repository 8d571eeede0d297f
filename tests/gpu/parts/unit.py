"""The unit tests of the device, a row for each: on the GPU by the module, without one on the emulated
accelerator.
"""

import pathlib
import re
import subprocess
import sys

from tell import environment, facts, failed, need_libtorch, ok, row, skipped

# Whole models and runs go where SLIPWAY_TEST_DEVICE says; the module's own tests find a GPU by themselves.
ON_THE_GPU = (
    "CudaModule.*:CudaModel.*:CudaRoundedOperator.*:CudaTraining.*:CudaRank.*:CudaPages.*:CudaSharding.*:"
    "MeasureDevice.*"
)
ENDED = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] (\w+\.\w+)(?: \((\d+) ms\))$")
BEGAN = re.compile(r"\[ RUN +\] (\w+\.\w+)$")
SKIPPED_BECAUSE = re.compile(r"skipped: (.*)")
STATUS = {"OK": "ok", "FAILED": "failed", "SKIPPED": "skipped"}
# What a test says that found none: where there is one, that is a failure.
NO_DEVICE = ("no CUDA device", "the module was not built")


def tell_test(name: str, ended: str, milliseconds: str, said: list[str], on_gpu: bool) -> bool:
    """Whether it is right."""
    why = None
    if ended == "SKIPPED":
        why = next(
            (found[1] for text in said if (found := SKIPPED_BECAUSE.search(text))), "it did not say why"
        )
    elif ended == "FAILED":
        why = " | ".join(text.strip() for text in said if text.strip())[:400]
    differences = " | ".join(text.strip() for text in said if "difference" in text)
    missed = on_gpu and ended == "SKIPPED" and why.startswith(NO_DEVICE)
    status = "failed" if missed else STATUS[ended]
    row(name, status, why=why or differences or None, seconds=int(milliseconds) / 1000)
    return status != "failed"


def run_tests(program: str, test_filter: str, on_gpu: bool) -> None:
    more = {"SLIPWAY_TEST_DEVICE": "module"} if on_gpu else {}
    process = subprocess.Popen(
        [program, f"--gtest_filter={test_filter}", "--gtest_color=no"],
        env={**environment(), **more},
        cwd=facts()["root"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    running, said, right = None, [], []
    for line in process.stdout:
        sys.stderr.write(line)
        line = line.rstrip("\n")
        if began := BEGAN.match(line):
            running, said = began[1], []
        elif (ended := ENDED.match(line)) and ended[2] == running:
            right.append(tell_test(running, ended[1], ended[3], said, on_gpu))
            running = None
        else:
            said.append(line)
    tell_end(process.wait(), running, right, " ".join(said[-3:])[-300:])


def tell_end(status: int, running: str | None, right: list[bool], last: str) -> None:
    """How the program ended; `running`: in which test, `right`: what those before it were."""
    if running is not None:
        failed(running, f"the program ended in it, with {status}: {last}")
    elif not right:
        failed("unit_cuda", f"no test ran (exit code {status}): {last}")
    elif status != 0:
        failed(
            "unit_cuda",
            f"exit code {status} after {len(right)} tests, {right.count(False)} of them failed: {last}",
        )
    else:
        ok("unit_cuda", measured=len(right), why="tests, to the end")


def main() -> None:
    program = facts()["unit"]
    if (why := need_libtorch()) is not None:
        skipped("unit_cuda", why)
    elif not pathlib.Path(program).is_file():
        failed("unit_cuda", f"{program} is missing")
    elif facts()["gpu"] is not None:
        run_tests(program, ON_THE_GPU, on_gpu=True)
    else:
        skipped(f"{ON_THE_GPU} on the GPU", "no GPU")
        run_tests(program, "*", on_gpu=False)


if __name__ == "__main__":
    main()
