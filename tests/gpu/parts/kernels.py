"""The ten kernels that take the most time in two steps of fine-tuning: Slipway's by nsys or ncu, the peer's
by torch's profiler.

Neither tool is asked to change the GPU's clocks. ncu times each kernel alone, so its sum is no time of a
step; shares are what counts.
"""

import csv
import io
import pathlib
import random
import subprocess

from program import overrides, write_rows
from tell import environment, facts, failed, guarded, ok, scratch, seconds_left, skip_all, skipped
from train import PEER, RUN, WORKS
from words import text
from works import model, why_not

SHAPE, STEPS, TOP = "Llama-3.2-1B", 2, 10
LAUNCHES = 1500  # of these ncu times so many; it takes some milliseconds for each


def tell_kernels(row: str, seconds: dict[str, float], by: str) -> None:
    """`seconds` of each kernel by its name."""
    total = sum(seconds.values())
    if total <= 0:
        return failed(row, f"{by} told of no kernel")
    first = sorted(seconds.items(), key=lambda item: -item[1])[:TOP]
    shares = [{"kernel": name, "share": round(taken / total, 4), "seconds": taken} for name, taken in first]
    told = ", ".join(f"{short(name)} {100 * taken / total:.0f} %" for name, taken in first)
    return ok(row, measured=len(seconds), why=f"kernels, by {by}: {told}", kernels=shares)


def short(name: str) -> str:
    """Without namespaces, parameters and what a template was made for."""
    name = name.removeprefix("void ").split("(")[0].split("<")[0]
    return name.rsplit("::", 1)[-1][:48]


def command(folder: pathlib.Path, data: pathlib.Path, batch: int, length: int) -> list[str]:
    file = scratch("kernels") / "run.toml"
    file.write_text(
        RUN.format(
            model=folder, data=data, length=length, device="cuda", bf16="true", steps=STEPS, batch=batch
        )
    )
    return [
        facts()["program"],
        "train",
        str(file),
        "--quiet",
        *overrides({"run.output_dir": str(scratch("kernels") / "run")}),
    ]


def profiled(arguments: list[str], share: float) -> subprocess.CompletedProcess:
    return subprocess.run(
        arguments,
        env=environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=max(1, share * seconds_left()),
    )


def column_sums(table: str, name: str, value: str) -> dict[str, float]:
    """Of a CSV, which begins with the line of its columns."""
    lines = table.splitlines()
    begin = next((i for i, line in enumerate(lines) if name in line and value in line), len(lines))
    sums: dict[str, float] = {}
    for row in csv.DictReader(io.StringIO("\n".join(lines[begin:]))):
        try:
            taken = float(row[value].replace(",", ""))
        except (KeyError, AttributeError, ValueError):  # ncu's line of units
            continue
        sums[row[name]] = sums.get(row[name], 0) + taken / 1e9
    return sums


def by_nsys(program: list[str]) -> dict[str, float] | str:
    nsys, report = facts()["tools"]["nsys"], scratch("kernels") / "report"
    done = profiled(
        [
            nsys,
            "profile",
            "--trace",
            "cuda",
            "--sample",
            "none",
            "--force-overwrite",
            "true",
            "--output",
            str(report),
            *program,
        ],
        0.5,
    )
    if done.returncode == 0:
        done = profiled(
            [nsys, "stats", "--report", "cuda_gpu_kern_sum", "--format", "csv", f"{report}.nsys-rep"], 0.5
        )
    return column_sums(done.stdout, "Name", "Total Time (ns)") or last_line(done)


def by_ncu(program: list[str]) -> dict[str, float] | str:
    out = scratch("kernels") / "ncu.csv"
    out.unlink(missing_ok=True)
    done = profiled(
        [
            facts()["tools"]["ncu"],
            "--metrics",
            "gpu__time_duration.sum",
            "--clock-control",
            "none",
            "--cache-control",
            "none",
            "--target-processes",
            "all",
            "--launch-count",
            str(LAUNCHES),
            "--csv",
            "--page",
            "raw",
            "--print-units",
            "base",
            "--log-file",
            str(out),
            *program,
        ],
        0.6,
    )
    told = out.read_text(errors="replace") if out.exists() else ""
    return column_sums(told, "Kernel Name", "gpu__time_duration.sum") or last_line(done, told)


def last_line(done: subprocess.CompletedProcess, told: str = "") -> str:
    lines = [line for line in (done.stdout + done.stderr + told).splitlines() if line.strip()]
    return f"exit code {done.returncode}: {lines[-1][:200] if lines else 'no word'}"


def ours(row: str, program: list[str]) -> None:
    tools = {
        name: tool
        for name, tool in (("nsys", by_nsys), ("ncu", by_ncu))
        if facts()["tools"][name] is not None
    }
    if not tools:
        return skipped(row, "no nsys, no ncu")
    said = []
    for name, tool in tools.items():
        try:
            found = tool(program)
        except subprocess.TimeoutExpired:
            found = "over its time"
        if isinstance(found, dict):
            return tell_kernels(row, found, name)
        said.append(f"{name}: {found}")
    return skipped(row, "; ".join(said))


def theirs(row: str, folder: pathlib.Path, texts: list[str], batch: int, length: int) -> None:
    import torch

    import hf_trainer
    from hf_model import load_model, load_tokenizer

    tokenizer, peer = load_tokenizer(str(folder)), load_model(str(folder))
    rows = [{"ids": ids[:length]} for ids in tokenizer(texts).input_ids]
    wanted = {
        "output_dir": str(scratch("kernels") / "peer"),
        "max_steps": STEPS,
        "epochs": 1,
        "batch": batch,
        "logging_steps": 1,
    }
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        hf_trainer.train(peer, rows, tokenizer.eos_token_id, wanted, bf16=True)
    seconds: dict[str, float] = {}
    for event in profile.events():
        # Copies are none, nor is what marks a span of them.
        marks = getattr(event, "is_user_annotation", False) or event.name.startswith("Mem")
        if event.device_type == torch.autograd.DeviceType.CUDA and not marks:
            seconds[event.name] = seconds.get(event.name, 0) + event.time_range.elapsed_us() / 1e6
    tell_kernels(row, seconds, "torch.profiler")


def main() -> None:
    batch, length = WORKS[SHAPE][:2]
    names = [f"SFT of {SHAPE}, ten kernels: {side}" for side in (PEER, "Slipway")]
    if facts()["device"] != "cuda":
        return skip_all(names, "on a GPU only")
    if (why := why_not()) is not None:
        return skip_all(names, why)
    with guarded(f"SFT of {SHAPE}, ten kernels"):
        folder = model(SHAPE)
        draw = random.Random(7)
        texts = [text(draw, 4 * length + 64) for _ in range(batch * STEPS)]
        data = write_rows(scratch("kernels") / "rows.jsonl", [{"text": each} for each in texts])
        with guarded(names[0]):
            theirs(names[0], folder, texts, batch, length)
        with guarded(names[1]):
            ours(names[1], command(folder, data, batch, length))


if __name__ == "__main__":
    main()
