"""How tests/gpu/run treats its parts, with parts made for it. usage: mechanics_test.py

A part that overruns is killed with what it started, and the others go on; rows are in the file when they
are told; what fails in a part is a row; without a GPU rows say so; the exit code. A GPU that the machine may
have is hidden from the runs here.
"""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

RUN = pathlib.Path(__file__).resolve().with_name("run")
BEGIN = """import json, os, pathlib, subprocess, sys, time
here = pathlib.Path(__file__).parent
def tell(row, status="ok", **more):
    print(json.dumps({"row": row, "status": status, **more}), flush=True)
"""
PARTS = {
    "unit": """
tell("one", measured=1.5, asked=">= 1")
print("a remark")
tell("two", "skipped", why="no GPU")
""",
    "sanitizer": """
tell("before the end")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(here / "pid").write_text(str(child.pid))
time.sleep(600)
""",
    "parity": """
tell("early")
while not (here / "go").exists():
    time.sleep(0.02)
tell("late")
""",
    "runs": """
tell("right until then")
print("this is what went wrong", file=sys.stderr)
sys.exit(3)
""",
    "train": 'print(json.dumps({"row": "what it measured", "status": "excellent"}))',
    "decode": "pass",
    "ranks": 'tell("two of them")',
    "kernels": 'tell("the last")',
}


started: list[subprocess.Popen] = []


def write_parts(folder: pathlib.Path) -> pathlib.Path:
    parts = folder / "parts"
    parts.mkdir()
    for name, body in PARTS.items():
        (parts / f"{name}.py").write_text(BEGIN + body + "\n")
    (folder / "build").mkdir()
    (folder / "build/slipway").write_text("")
    (folder / "empty").mkdir()
    return parts


def start(folder: pathlib.Path, out: str, *more: str) -> subprocess.Popen:
    command = [
        sys.executable,
        str(RUN),
        "--build",
        str(folder / "build"),
        "--out",
        str(folder / out),
        "--scratch",
        str(folder / "scratch"),
        *more,
    ]
    environment = {**os.environ, "PATH": str(folder / "empty"), "CUDA_VISIBLE_DEVICES": ""}
    started.append(
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    )
    return started[-1]


def rows(folder: pathlib.Path) -> list[dict]:
    file = folder / "results.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def of(part: str, found: list[dict]) -> list[tuple]:
    return [(row["row"], row["status"]) for row in found if row["part"] == part]


def wait_for(
    what: str, holds, process: subprocess.Popen | None = None, seconds: float = 20
) -> None:
    """While `process`, if given, runs; where it ends before, or does not get there, with what it said."""
    end = time.monotonic() + seconds
    while not holds():
        ended = process is not None and process.poll() is not None and not holds()
        if ended or time.monotonic() > end:
            if process is not None:
                process.kill()
            said = "" if process is None else process.communicate()[0]
            why = "the program ended" if ended else f"not within {seconds} s"
            raise AssertionError(f"{what}: {why}: {said}")
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Ended, or ended and not yet taken notice of."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def everything(folder: pathlib.Path, parts: pathlib.Path) -> None:
    process = start(folder, "all", "--parts", str(parts), "--limits", '{"sanitizer": 2}')
    # Parity waits: what was told before, its own first row too, is in the file by then.
    wait_for(
        "the row of a part that goes on",
        lambda: of("parity", rows(folder / "all")) == [("early", "ok")],
        process,
    )
    so_far = rows(folder / "all")
    assert not (folder / "all/results.json").exists()
    assert gone(int((parts / "pid").read_text())), "what the killed part had started runs on"
    (parts / "go").write_text("")
    said, _ = process.communicate(timeout=60)
    found = rows(folder / "all")
    assert process.returncode == 1, (process.returncode, said)
    assert found[: len(so_far)] == so_far
    assert of("unit", found) == [("one", "ok"), ("two", "skipped")], found
    assert of("sanitizer", found) == [("before the end", "ok"), ("the whole part", "failed")], found
    assert of("parity", found) == [("early", "ok"), ("late", "ok")], found
    assert of("runs", found) == [("right until then", "ok"), ("the whole part", "failed")], found
    assert of("train", found) == [("a row that is none", "failed")] and of("decode", found) == [
        ("the whole part", "failed")
    ], found
    assert of("ranks", found) == [("two of them", "ok")], found
    assert of("kernels", found) == [("the last", "ok")], found
    why = {row["part"]: row.get("why", "") for row in found if row["row"] == "the whole part"}
    assert "over its time limit of 2 s: killed" in why["sanitizer"], why
    assert "ended with 3: this is what went wrong" in why["runs"] and "gave no row" in why["decode"], why
    whole = json.loads((folder / "all/results.json").read_text())
    assert whole["rows"] == found and whole["counts"]["failed"] == 4, whole["counts"]
    table = (folder / "all/table.txt").read_text()
    assert table in said and "over its time limit" in table and "GPU: none" in table, said
    assert "a remark" in (folder / "all/log.txt").read_text()
    assert not list((folder / "scratch").iterdir()), "drawn models and runs are left behind"


def exit_codes(folder: pathlib.Path, parts: pathlib.Path) -> None:
    right = start(folder, "right", "--parts", str(parts), "--only", "unit,kernels")
    said, _ = right.communicate(timeout=60)
    assert right.returncode == 0 and of("parity", rows(folder / "right")) == [], said
    over = start(folder, "over", "--parts", str(parts), "--only", "unit", "--minutes", "0")
    said, _ = over.communicate(timeout=60)
    assert over.returncode == 1 and "not begun: the 0 minutes were over" in said, said
    needing = start(folder, "needing", "--parts", str(parts), "--need-gpu")
    said, _ = needing.communicate(timeout=60)
    assert needing.returncode == 77 and "skipped: no GPU" in said and not (folder / "needing").exists(), said
    unknown = start(folder, "unknown", "--only", "units")
    said, _ = unknown.communicate(timeout=60)
    assert unknown.returncode == 2 and "unknown part units" in said, said


def told_to_end(folder: pathlib.Path, parts: pathlib.Path) -> None:
    (parts / "pid").unlink()
    process = start(folder, "ended", "--parts", str(parts), "--only", "sanitizer")
    wait_for("the child of a part", (parts / "pid").exists, process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143 and of("sanitizer", rows(folder / "ended")) == [
        ("before the end", "ok")
    ], said
    assert (folder / "ended/results.json").exists()
    wait_for("the end of what a part started", lambda: gone(int((parts / "pid").read_text())))


def limits_fit_into_nine_minutes() -> None:
    loader = importlib.machinery.SourceFileLoader("gpu_run", str(RUN))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_run", loader))
    sys.modules["gpu_run"] = module  # its dataclass asks for it
    loader.exec_module(module)
    together = sum(part.seconds for part in module.PARTS)
    assert together <= 9 * 60, f"the parts' limits add up to {together} s: the last may not begin"


def without_a_gpu(folder: pathlib.Path) -> None:
    """The real parts that need one."""
    process = start(folder, "without", "--only", "sanitizer,train,decode,kernels")
    said, _ = process.communicate(timeout=60)
    found = [row for row in rows(folder / "without") if row["part"] != "machine"]
    assert process.returncode == 0 and {row["part"] for row in found} == {
        "sanitizer",
        "train",
        "decode",
        "kernels",
    }, said
    assert all(row["status"] == "skipped" and row["why"] == "no GPU" for row in found), found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-gpu-run-") as name:
        folder = pathlib.Path(name)
        try:
            parts = write_parts(folder)
            everything(folder, parts)
            exit_codes(folder, parts)
            told_to_end(folder, parts)
            without_a_gpu(folder)
            limits_fit_into_nine_minutes()
        finally:
            for process in started:
                process.terminate()
                process.wait()
    print("tests/gpu/run: parts, limits, rows and exit codes as told")


if __name__ == "__main__":
    main()
