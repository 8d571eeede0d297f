"""What this machine has: a GPU, Python packages, tools; what is missing, by name."""

import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from measure import machine
from quiet import busy_share

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "tokenizers", "numpy")
TOOLS = ("nvidia-smi", "compute-sanitizer", "nsys", "ncu")
FOLDERS = ("usr/local/cuda*/bin", "usr/local/nvidia/bin", "opt/nvidia/nsight-compute/*")
ROOM = 40 << 30  # for models in the shapes of real ones


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def tool(name: str) -> str | None:
    """In PATH, or where NVIDIA's packages put it."""
    elsewhere = (path for pattern in FOLDERS for path in sorted(pathlib.Path("/").glob(f"{pattern}/{name}")))
    return shutil.which(name) or next((str(path) for path in elsewhere if os.access(path, os.X_OK)), None)


def gpu() -> dict | None:
    """The first GPU, as its driver tells; None without one, and where all are hidden."""
    if tool("nvidia-smi") is None or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    asked = "name,memory.total,driver_version,compute_cap"
    done = subprocess.run(
        [tool("nvidia-smi"), f"--query-gpu={asked}", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines or lines[0].count(",") != 3:
        return None
    name, memory, driver, capability = (cell.strip() for cell in lines[0].split(","))
    return {"name": name, "memory_mib": int(memory), "driver": driver, "capability": capability}


def gpus() -> int:
    """How many programs see."""
    if (shown := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return len([each for each in shown.split(",") if each])
    if tool("nvidia-smi") is None:
        return 0
    done = subprocess.run([tool("nvidia-smi"), "--list-gpus"], capture_output=True, text=True)
    return len(done.stdout.strip().splitlines()) if done.returncode == 0 else 0


def facts() -> dict:
    packages = {name: version(name) for name in PACKAGES}
    return {
        "gpu": gpu(),
        "gpus": gpus(),
        "packages": packages,
        "tools": {name: tool(name) for name in TOOLS},
        "python": sys.version.split()[0],
    }


def describe(card: dict) -> str:
    capability, driver = card["capability"], card["driver"]
    return f"{card['name']}, {card['memory_mib']} MiB, compute capability {capability}, driver {driver}"


def heading(seen: dict) -> dict:
    """For the top of the table."""
    here, card = machine(busy_share()), seen["gpu"]
    busy = round(100 * here["busy_at_start"])
    return {
        "GPU": describe(card) if card else "none",
        "processor": f"{here['cpu']}, {here['cores']} cores, {here['memory_gb']} GB, {busy} % busy",
        "Python": ", ".join(
            [seen["python"], *(f"{name} {found}" for name, found in seen["packages"].items() if found)]
        ),
    }


def rows(facts: dict) -> list[dict]:
    """Of what is there, and what is not."""
    out = []
    card = facts["gpu"]
    out.append(
        {"row": "GPU", "status": "ok", "why": card["name"]}
        if card
        else {"row": "GPU", "status": "skipped", "why": "no GPU"}
    )
    for kind, found in (("Python packages", facts["packages"]), ("tools", facts["tools"])):
        missing = [name for name, what in found.items() if what is None]
        out.append(
            {
                "row": kind,
                "status": "skipped" if missing else "ok",
                "why": f"missing: {', '.join(missing)}" if missing else None,
            }
        )
    out += [{"row": "the kit here", "status": "failed", "why": fault} for fault in facts["faults"]]
    return out


def unpack_wheels(wheels: pathlib.Path, to: pathlib.Path) -> str | None:
    """Carried packages that this Python lacks, in a folder for its path; None where it lacks none."""
    for wheel in sorted(wheels.glob("*.whl")):
        if version(wheel.name.split("-")[0]) is None:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(to)
    if not to.exists():
        return None
    sys.path.insert(0, str(to))  # so that they are found here too
    return str(to)


def available_memory() -> int:
    return next(
        int(line.split()[1]) << 10 for line in open("/proc/meminfo") if line.startswith("MemAvailable")
    )


def roomy_folder() -> pathlib.Path:
    """In memory where there is plenty of it, else the temporary folder."""
    memory = pathlib.Path("/dev/shm")
    roomy = (
        memory.is_dir()
        and os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free > ROOM
        and available_memory() > 2 * ROOM
    )
    return memory if roomy else pathlib.Path(tempfile.gettempdir())
