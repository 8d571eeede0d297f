"""A folder that came from somewhere else never runs code by itself: plugins and compiled models that it names need --trust.

usage: trust_test.py SLIPWAY FIXTURES
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from bad_input_test import GGUF, GOOD, prepare

failures, checked = [], 0


def check(what: str, good: bool, seen: object = "") -> None:
    global checked
    checked += 1
    if not good:
        failures.append(f"{what}: {seen}")


def main() -> None:
    program, fixtures = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="slipway-trust-") as root:
        folder = pathlib.Path(root) / "work"
        prepare(folder)
        mark = folder / "mark"

        def run(*arguments: str) -> tuple[int, str, bool]:
            """Exit code, what was said, and whether the foreign library was loaded."""
            mark.unlink(missing_ok=True)
            done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "SLIPWAY_TEST_MARK": str(mark)})
            return done.returncode, done.stderr + done.stdout, mark.exists()

        (folder / "code").mkdir()
        shutil.copy(fixtures / "marker.so", folder / "code/marker.so")
        base = GOOD.format(gguf=GGUF).replace("[data]\n", "[data]\neval_rows = 1\n")
        (folder / "foreign.toml").write_text(base.replace('use = "length"\noptions = { target = 10 }', 'use = "marker"') + '[plugins]\npath = ["code"]\n')
        code, text, loaded = run("train", "foreign.toml", "--set", "run.output_dir=foreign")
        check("a run file is the user's own choice", code == 0 and loaded, (code, text))
        # What arrives by download: the run's folder, its plugins beside it.
        for what in ("foreign", f"foreign/{sorted(p.name for p in (folder / 'foreign').glob('checkpoint-*'))[0]}"):
            for command in ("evaluate", "predict"):
                code, text, loaded = run(command, what, "--out", "results")
                check(f"{command} {what}", code == 2 and not loaded and "code/marker.so" in text and '"marker"' in text and "--trust" in text, (code, loaded, text))
        code, text, loaded = run("evaluate", "foreign", "--trust", "--out", "results")
        check("evaluate with --trust", code == 0 and loaded, (code, loaded, text))
        for arguments in (["report", "foreign"], ["generate", "--model", "foreign", "--prompt", "a", "--max-new-tokens", "1"]):
            code, text, loaded = run(*arguments)
            check(f"{arguments[0]} needs no plugin of the folder", code == 0 and not loaded, (code, loaded, text))
        # A folder that names a plugin folder and uses nothing from it.
        (folder / "plain.toml").write_text(base + '[plugins]\npath = ["code"]\n')
        code, text, _ = run("train", "plain.toml", "--set", "run.output_dir=plain")
        check("a run that has the folder on its path", code == 0, (code, text))
        code, text, loaded = run("evaluate", "plain", "--out", "results")
        check("plugins that are bundled need no trust, and the others are not loaded", code == 0 and not loaded, (code, loaded, text))

        package = folder / "package"
        package.mkdir()
        (package / "model.pt2").write_bytes(b"PK\x05\x06" + bytes(18))
        for what in ("package", "package/model.pt2"):
            code, text, _ = run("evaluate", what, "--data", "data.jsonl", "--out", "results")
            check(f"compiled code in {what}", code == 2 and "model.pt2: is compiled code" in text and "--trust" in text, (code, text))
            code, text, _ = run("generate", "--model", what, "--use", "torchscript", "--prompt", "a")
            check(f"generate from compiled code in {what}", code == 2 and "model.pt2: is compiled code" in text, (code, text))
            code, text, _ = run("evaluate", what, "--data", "data.jsonl", "--out", "results", "--trust")
            check(f"{what} with --trust is tried", "--trust" not in text and code == 1, (code, text))
    for failure in failures:
        print(failure)
    print(f"{checked} checks of what a folder may run, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
