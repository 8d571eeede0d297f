"""Where things lie: in the kit that tests/gpu/pack makes, or in the source tree with one of its builds."""

import importlib.util
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent


def torch_folders(given: pathlib.Path | None) -> list[pathlib.Path]:
    """Folders of LibTorch and of the CUDA libraries beside it: `given`, or this Python's own, which is not
    imported for it.
    """
    if given is not None:
        torch = given.resolve()
        site = torch.parent
    else:
        found = importlib.util.find_spec("torch")
        if found is None or not found.submodule_search_locations:
            return []
        torch = pathlib.Path(found.submodule_search_locations[0])
        site = torch.parent
    folders = [torch / "lib", *sorted(site.glob("nvidia/*/lib"))]
    return [folder for folder in folders if folder.is_dir()]


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
    "built_for": the version that this Python's torch must have, in its first two numbers."""
    kit = (HERE / "kit.json").is_file()
    about = json.loads((HERE / "kit.json").read_text()) if kit else {}
    program = HERE / "bin" if kit else tree_build(build)
    tests = program / "tests"
    # A build finds the LibTorch that it was made with; the kit's takes this machine's, of the same version.
    folders = torch_folders(torch) if kit or torch is not None else []
    environment = {"GOMP_SPINCOUNT": "5000"}
    if folders:
        environment["LD_LIBRARY_PATH"] = ":".join(map(str, folders))
    emulated = tests / "emulated/libslipway_cuda.so"
    return {
        "kit": kit,
        "built_for": about.get("torch") if torch is None else None,
        # Whether the program can start at all: a kit carries none of LibTorch.
        "libtorch": bool(folders) or not kit,
        "root": str(HERE if kit else HERE.parents[1]),
        "program": str(program / "slipway"),
        "module": str(program / "libslipway_cuda.so"),
        "unit": str(tests / "unit_cuda"),
        "emulated": str(emulated) if emulated.is_file() else None,
        "inputs": str(HERE / "inputs"),
        "environment": environment,
    }
