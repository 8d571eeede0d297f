"""What a program or a shared library asks of the machine that it is carried to, read by binutils' readelf."""

import pathlib
import re
import subprocess


def is_elf(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def read(option: str, path: pathlib.Path) -> str:
    return subprocess.run(
        ["readelf", "--wide", option, path], check=True, capture_output=True, text=True
    ).stdout


def needed(path: pathlib.Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.+)\]", read("--dynamic", path))


def run_paths(path: pathlib.Path) -> tuple[str, list[str]]:
    """RPATH (which counts before LD_LIBRARY_PATH), RUNPATH (after it) or "", and the folders."""
    found = re.search(r"\((RPATH|RUNPATH)\).*\[(.*)\]", read("--dynamic", path))
    return (found.group(1), found.group(2).split(":")) if found else ("", [])


def glibc(path: pathlib.Path) -> tuple[int, ...]:
    """The newest glibc whose symbols it uses."""
    return max(
        (
            tuple(int(n) for n in v.split("."))
            for v in re.findall(r"GLIBC_([0-9.]+)", read("--version-info", path))
        ),
        default=(0,),
    )


def system_library(name: str) -> pathlib.Path | None:
    """The file that this machine's loader takes for it."""
    known = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    found = re.search(rf"^\s*{re.escape(name)} \(libc6,x86-64.*=> (.+)$", known, re.MULTILINE)
    return pathlib.Path(found.group(1)) if found else None
