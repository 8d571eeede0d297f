"""What a plugin file shows to the loader: one exported symbol, the note in place, and no name of LibTorch's C++ side wanted unless the note
says which LibTorch that is.

usage: exports.py FILE.so... | exports.py --folder DIR
"""
import pathlib
import re
import subprocess
import sys

NOTE_FLAGS = re.compile(r"\.note\.slipway\s+NOTE\b")
TORCH_BUILD = re.compile(r"\blibtorch \d+\.\d+")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def note_of(path: pathlib.Path) -> str:
    return output("readelf", "-p", ".note.slipway", str(path))


def faults_of(path: pathlib.Path) -> list:
    out = []
    exported = [line.split()[-1] for line in output("nm", "-D", "--defined-only", str(path)).splitlines()]
    if exported != ["slipway_plugin_v1"]:
        out.append(f"exports {', '.join(exported) or 'nothing'}; slipway_plugin_v1 alone is right")
    wanted = output("nm", "-D", "-C", "--undefined-only", str(path))
    # Sanitizers and the C++ runtime may be wanted; what carries LibTorch's C++ ABI only by those who say so.
    if not TORCH_BUILD.search(note_of(path)):
        out += [f"wants {line.split(maxsplit=1)[1]}" for line in wanted.splitlines() if re.search(r"\b(at|c10|torch)::", line)]
    if not NOTE_FLAGS.search(output("readelf", "-SW", str(path))):
        out.append("has no .note.slipway")
    return [f"{path.name}: {fault}" for fault in out]


def main() -> None:
    files = sorted(pathlib.Path(sys.argv[2]).glob("*.so")) if sys.argv[1] == "--folder" else [pathlib.Path(a) for a in sys.argv[1:]]
    if not files:
        sys.exit(f"no plugin in {sys.argv[2]}")
    faults = [fault for path in files for fault in faults_of(path)]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(files)} plugins export slipway_plugin_v1 alone: {', '.join(path.stem for path in files)}")


if __name__ == "__main__":
    main()
