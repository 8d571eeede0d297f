"""Where things lie: in the kit that tests/gpu/pack makes, or in the source tree with one of its builds."""

import json
import pathlib
import re
import sys

import libtorch

HERE = pathlib.Path(__file__).resolve().parent.parent


def torch_folders(given: pathlib.Path | None) -> list[pathlib.Path]:
    """Folders of libraries: of the LibTorch that is `given`, or of this Python's, which is not imported."""
    torch = given.resolve() if given is not None else libtorch.torch_folder()
    return [] if torch is None else libtorch.library_folders(torch)


def built_with(build: pathlib.Path) -> list[pathlib.Path]:
    """Folders of the LibTorch that a build of the tree was configured for; [] = it finds it by itself."""
    cache = build / "CMakeCache.txt"
    told = re.search(r"^SLIPWAY_TORCH:[A-Z]+=(.+)$", cache.read_text(), re.M) if cache.is_file() else None
    return libtorch.library_folders(pathlib.Path(told.group(1))) if told else []


def kit_faults(about: dict, torch: pathlib.Path | None) -> list[str]:
    """Why programs of the kit cannot start; a Python without torch is no fault: its rows are skipped."""
    if torch is not None or libtorch.torch_folder() is None:
        return libtorch.system_faults(about)
    return libtorch.faults(about)


def results() -> pathlib.Path:
    """Where they go if nothing else is said."""
    return HERE / "gpu-results" if (HERE / "kit.json").is_file() else HERE.parents[1] / "build/gpu-results"


def tree_build(given: pathlib.Path | None) -> pathlib.Path:
    root = HERE.parents[1]
    candidates = [given] if given is not None else [root / "build/gpu", root / "build/release"]
    for build in candidates:
        if (build / "slipway").is_file():
            return build.resolve()
    sys.exit(
        f"run: there is no program in {' or '.join(map(str, candidates))}: ./slipway test builds one, "
        "another build is named with --build"
    )


def find(build: pathlib.Path | None, torch: pathlib.Path | None) -> dict:
    """Paths, as texts; "environment": what Slipway's programs need beside the environment that there is;
    "faults": why the kit's programs cannot start here, each with the fix."""
    kit = (HERE / "kit.json").is_file()
    about = json.loads((HERE / "kit.json").read_text()) if kit else {}
    program = HERE / "bin" if kit else tree_build(build)
    tests = program / "tests"
    # The kit's programs take this machine's LibTorch, a build's the one that it was made with.
    folders = torch_folders(torch) if kit or torch is not None else built_with(program)
    environment = {"GOMP_SPINCOUNT": "5000"}
    if folders:
        environment["LD_LIBRARY_PATH"] = ":".join(map(str, folders))
    emulated, stand_in = tests / "emulated/libslipway_cuda.so", tests / "nccl/libstand_in_nccl.so"
    return {
        "kit": kit,
        "faults": kit_faults(about, torch) if kit else [],
        # Whether the program can start at all: a kit carries none of LibTorch.
        "libtorch": bool(folders) or not kit,
        "root": str(HERE if kit else HERE.parents[1]),
        "program": str(program / "slipway"),
        "module": str(program / "libslipway_cuda.so"),
        "unit": str(tests / "unit_cuda"),
        "emulated": str(emulated) if emulated.is_file() else None,
        "nccl": str(program / "libslipway_nccl.so"),
        # For NCCL itself, where GPUs are emulated.
        "stand_in": str(stand_in) if stand_in.is_file() else None,
        "inputs": str(HERE / "inputs"),
        "environment": environment,
    }
