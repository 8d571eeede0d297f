"""Where a whole run may compute: a name for its rows, the program, the device as run files have it, and why
it cannot be had.
"""

import dataclasses
import os
import pathlib
import shutil

from tell import facts, need_libtorch, scratch


@dataclasses.dataclass
class Side:
    name: str
    program: str
    device: str
    small: bool  # has time for small runs alone
    why_not: str | None = None


def emulated_program() -> str:
    """The program in a folder where the CUDA module is the emulated accelerator: it looks for the module
    beside itself.
    """
    program = pathlib.Path(facts()["program"])
    folder = scratch("emulated") / "bin"
    folder.mkdir(exist_ok=True)
    for name in (program.name, program.name + "-run"):
        if not (folder / name).exists():
            shutil.copy2(program.with_name(name), folder / name)
    for link, to in (
        (folder / "plugins", program.parent / "plugins"),
        (folder.parent / "lib", program.parent.parent / "lib"),
    ):
        if to.is_dir() and not link.exists():
            os.symlink(to, link)
    shutil.copy2(facts()["emulated"], folder / "libslipway_cuda.so")
    return str(folder / program.name)


def gpu() -> Side:
    why_not = "no GPU" if facts()["gpu"] is None else need_libtorch()
    return Side("GPU", facts()["program"], "cuda", small=False, why_not=why_not)


def processor(small: bool = False) -> Side:
    """Where there is a GPU it is only what the GPU is compared with."""
    return Side("processor", facts()["program"], "cpu", small, need_libtorch())


def emulator() -> Side:
    """Where there is a GPU nobody needs it."""
    if facts()["gpu"] is not None:
        return Side("emulator", "", "cuda", small=True, why_not="there is a GPU")
    if facts()["emulated"] is None:
        return Side("emulator", "", "cuda", small=True, why_not="no emulated module in this build")
    if (why_not := need_libtorch()) is not None:
        return Side("emulator", "", "cuda", small=True, why_not=why_not)
    return Side("emulator", emulated_program(), "cuda", small=True)
