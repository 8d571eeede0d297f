"""The library as a program of somebody else's uses it: the example of docs/library.md, built in an empty folder by find_package.

usage: library_test.py BUILD_DIR CXX
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "host/api/example"
BUILD = pathlib.Path(sys.argv[1]).resolve()


def the_page_shows_the_example() -> None:
    shown = re.search(r"^```cpp\n(.*?)^```$", (ROOT / "docs/library.md").read_text(), re.M | re.S)
    assert shown, "docs/library.md has no block of cpp"
    program = (EXAMPLE / "train.cc").read_text()
    assert shown.group(1) == program, "the program in docs/library.md is not host/api/example/train.cc: copy the one that is right over the other"
    lines = len([line for line in program.splitlines() if line.strip()])
    assert lines <= 40, f"{lines} lines"
    print(f"docs/library.md shows the example: {lines} lines")


def build(folder: pathlib.Path) -> pathlib.Path:
    for name in ("train.cc", "CMakeLists.txt"):
        (folder / name).write_text((EXAMPLE / name).read_text())
    for command in (["cmake", "-S", ".", "-B", "build", f"-Dslipway_DIR={BUILD}", f"-DCMAKE_CXX_COMPILER={sys.argv[2]}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"],
                    ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    commands = (folder / "build/compile_commands.json").read_text()
    assert "torch" not in commands and "fmt" not in commands, f"the example is compiled with more than Slipway's headers: {commands}"
    return folder / "build/train"


def only_the_face_is_exported() -> None:
    lines = subprocess.run(["nm", "-DC", "--defined-only", BUILD / "libslipway.so"], capture_output=True, text=True, check=True).stdout.splitlines()
    names = [line.split(" ", 2)[2] for line in lines]
    foreign = [n for n in names if not n.startswith("slipway::")]
    assert not foreign, f"libslipway.so exports what is not the library's: {foreign[:5]}"
    assert any(n.startswith("slipway::Trainer::train(") for n in names) and len(names) < 80, names
    print(f"libslipway.so exports {len(names)} names")


def it_trains_and_writes(program: pathlib.Path, folder: pathlib.Path) -> None:
    def run(*more: str) -> subprocess.CompletedProcess:
        return subprocess.run([program, "tests/e2e/tiny_sft.toml", f"run.output_dir={folder}/run", "data.limit=128", "data.eval_rows=16", *more], cwd=ROOT, capture_output=True, text=True, timeout=300)

    done = run()
    assert done.returncode == 0, done.stderr
    assert re.search(r"^learning rate 0\.003, output in .*/run$", done.stdout, re.M), done.stdout
    stopped = re.search(r"^stopped: a callback asked for it after step (\d+)$", done.stdout, re.M)
    assert stopped, f"the callback did not stop the run: {done.stdout}"
    losses = [json.loads(line)["loss"] for line in (folder / "run/metrics.jsonl").read_text().splitlines() if '"loss"' in line]
    assert len(losses) == int(stopped.group(1)) and losses[-1] < 0.8 * losses[0] <= min(losses[:-1]), losses
    assert f"  loss = {losses[-1]:g}\n" in done.stdout, done.stdout
    assert done.stdout.count("The film is") == 2, done.stdout
    assert (folder / "run/copy/model.safetensors").exists() and (folder / "run/copy/tokenizer.json").exists()
    wrong = run("train.learnin_rate=1")
    assert wrong.returncode == 2 and "learning_rate" in wrong.stderr, (wrong.returncode, wrong.stderr)


def main() -> None:
    the_page_shows_the_example()
    only_the_face_is_exported()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        it_trains_and_writes(build(folder), folder)


if __name__ == "__main__":
    main()
