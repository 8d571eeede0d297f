"""Where this machine's Python has LibTorch, and whether the kit can start here. From the kit's folder

    python3 parts/libtorch.py bin/slipway doctor

starts a program of the kit with these libraries, of which the kit carries none. torch is found, not imported.
"""

import importlib.util
import json
import os
import pathlib
import re
import sys

KIT = pathlib.Path(__file__).resolve().parents[1]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version.split("+")[0]))


def torch_folder() -> pathlib.Path | None:
    found = importlib.util.find_spec("torch")
    return pathlib.Path(found.origin).parent if found and found.origin else None


def torch_version(folder: pathlib.Path) -> str:
    version = re.search(r"__version__\s*=\s*['\"]([^'\"]+)", (folder / "version.py").read_text())
    return version.group(1) if version else "unknown"


def system_faults(kit: dict) -> list[str]:
    here = os.confstr("CS_GNU_LIBC_VERSION") or "no glibc"
    if here.startswith("glibc") and numbers(here) >= numbers(kit["glibc"]):
        return []
    return [
        f"the kit needs glibc {kit['glibc']} or later, this machine has {here}: take a newer system, or pack "
        "the kit on an older one"
    ]


def faults(kit: dict) -> list[str]:
    """Why programs of the kit cannot start on this machine, each with the fix; [] = they can."""
    out = system_faults(kit)
    torch = torch_folder()
    if torch is None:
        out.append(
            f"{sys.executable} has no torch: install torch=={kit['torch']}, or use the Python that has it"
        )
    elif numbers(torch_version(torch))[:2] != numbers(kit["torch"])[:2]:
        out.append(
            f"the kit was built against torch {kit['torch']}, {torch} is {torch_version(torch)}: install "
            f"torch=={kit['torch']}, or pack the kit against that one"
        )
    elif not (torch / "lib/libtorch_cpu.so").exists():
        out.append(f"{torch}/lib has no libtorch_cpu.so: install torch=={kit['torch']} anew")
    return out


def library_folders(torch: pathlib.Path) -> list[pathlib.Path]:
    """Of LibTorch, and of the CUDA libraries beside it."""
    return [f for f in (torch / "lib", *sorted(torch.parent.glob("nvidia/*/lib"))) if f.is_dir()]


def environment() -> dict[str, str]:
    """What programs of the kit need in their environment. Only where there are no faults()."""
    folders = library_folders(torch_folder())
    before = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": os.pathsep.join([*map(str, folders), *([before] if before else [])])}


def main() -> None:
    if found := faults(json.loads((KIT / "kit.json").read_text())):
        sys.exit("\n".join(found))
    if sys.argv[1:]:
        os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **environment()})
    print(environment()["LD_LIBRARY_PATH"])


if __name__ == "__main__":
    main()
