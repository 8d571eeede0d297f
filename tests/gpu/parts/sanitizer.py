"""The small unit tests on the GPU under compute-sanitizer: out of bounds (memcheck), races in shared
memory, memory that nothing wrote.
"""

import re
import subprocess

from tell import environment, facts, failed, need_libtorch, ok, seconds_left, skip_all, skipped

# The share that each may take of the time that is left; the first also pays for reading the libraries.
TOOLS = {"memcheck": 0.5, "racecheck": 0.6, "initcheck": 1.0}
# Each kernel at least once: rows and products, a model's training step, its updates, recorded decoding.
SMALL = (
    "CudaModule.RowsAndProductsEqualTheEmulators",
    "CudaRoundedOperator.AttentionInBfloat16IsTheProcessorsUpToRounding",
    "CudaModel.TrainsAsTheProcessorDoes",
    "CudaModel.UpdatesAsTheProcessorDoes",
    "CudaModel.GeneratesAsTheProcessorDoesByReplayedSteps",
)
FOUND = 9  # the exit code that says: it found something
SUMMARY = re.compile(r"========= (ERROR SUMMARY|RACECHECK SUMMARY): (.*)")


def first_finding(said: str) -> str:
    marked = (
        line
        for line in said.splitlines()
        if line.startswith("========= ") and "COMPUTE-SANITIZER" not in line
    )
    return next(marked, said.strip()[-200:])


def check(tool: str, seconds: float) -> None:
    command = [
        facts()["tools"]["compute-sanitizer"],
        "--tool",
        tool,
        "--error-exitcode",
        str(FOUND),
        facts()["unit"],
        f"--gtest_filter={':'.join(SMALL)}",
    ]
    try:
        done = subprocess.run(
            command,
            env={**environment(), "SLIPWAY_TEST_DEVICE": "module"},
            cwd=facts()["root"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return failed(tool, f"over {seconds:.0f} s: killed")
    said = done.stdout + done.stderr
    summary = SUMMARY.search(said)
    passed = re.search(r"\[  PASSED  \] (\d+) test", said)
    told = summary[2] if summary else "no summary"
    if done.returncode == 0 and summary is not None and passed is not None and int(passed[1]) == len(SMALL):
        return ok(tool, measured=len(SMALL), why=f"tests; {told}")
    # By the tool, where the GPU is reached through a layer that it does not know.
    if "Device not supported" in said:
        return skipped(tool, "compute-sanitizer says: Device not supported")
    count = passed[1] if passed else 0
    why = f"exit code {done.returncode}, {count} of {len(SMALL)} passed: {told}; {first_finding(said)}"
    return failed(tool, why[:400])


def main() -> None:
    if facts()["gpu"] is None:
        skip_all(list(TOOLS), "no GPU")
    elif (why := need_libtorch()) is not None:
        skip_all(list(TOOLS), why)
    elif facts()["tools"]["compute-sanitizer"] is None:
        skip_all(list(TOOLS), "no compute-sanitizer")
    else:
        for tool, share in TOOLS.items():
            check(tool, share * max(1, seconds_left() - 2))


if __name__ == "__main__":
    main()
