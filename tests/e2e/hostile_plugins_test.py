"""Plugins that end the process, change it, crash, forge lines, give up: the run names them, and never ends as if it had been done.

usage: hostile_plugins_test.py SLIPWAY FIXTURES
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from bad_input_test import GGUF, GOOD, prepare

failures, checked = [], 0


def check(what: str, good: bool, seen: object = "") -> None:
    global checked
    checked += 1
    if not good:
        failures.append(f"{what}: {seen}")


class Bench:
    def __init__(self, program: str, fixtures: pathlib.Path, folder: pathlib.Path):
        self.program, self.fixtures, self.folder = program, fixtures, folder
        prepare(folder)
        (folder / "code").mkdir()
        for name in ("hostile", "crashes_when_loaded", "exits_when_loaded", "bad_defaults", "length_a", "watcher"):
            shutil.copy(fixtures / f"{name}.so", folder / "code")

    def file(self, does: str, when: str = "score") -> str:
        use = f'use = "hostile"\noptions = {{ does = "{does}", when = "{when}" }}'
        (self.folder / "run.toml").write_text(GOOD.format(gguf=GGUF).replace('use = "length"\noptions = { target = 10 }', use) + '[plugins]\npath = ["code"]\n')
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        return "run.toml"

    def run(self, *arguments: str, **more) -> tuple[int, str]:
        done = subprocess.run([self.program, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=120, **more)
        return done.returncode, done.stderr + done.stdout

    def model(self) -> bytes | None:
        path = self.folder / "out/model.safetensors"
        return path.read_bytes() if path.exists() else None


def ends(b: Bench) -> None:
    for does in ("exit", "_exit", "quick_exit"):
        for when in ("create", "score"):
            code, text = b.run("train", b.file(does, when))
            check(f"{does} in {when}", code == 1 and f"ended by exit() inside plugin org.slipway.test.hostile, {when}()" in text and b.model() is None, (code, text))
    for does, named in (("crash", "inside plugin org.slipway.test.hostile, score()"), ("recurse", "inside plugin org.slipway.test.hostile, score()"),
                        ("crash apart", "in the code of plugin ")):
        code, text = b.run("train", b.file(does))
        check(does, code == -signal.SIGSEGV and named in text and "hostile" in text and b.model() is None, (code, text))


def changes(b: Bench) -> None:
    code, text = b.run("train", b.file("nothing"), "--quiet")
    expected = b.model()
    check("the plain run", code == 0 and expected is not None, (code, text))
    for when in ("create", "score", "destroy"):
        for does, said in (("chdir", "changed the working folder"), ("umask", "changed the umask"), ("round", "changed how floating-point numbers are rounded")):
            code, text = b.run("train", b.file(does, when), "--quiet")
            check(f"{does} in {when}", code == 0 and f"plugin org.slipway.test.hostile, {when}(): {said}" in text and b.model() == expected, (code, text, b.model() == expected))
    # A call of every step is not looked at one by one.
    step_end = 9
    b.file("nothing")
    with open(b.folder / "run.toml", "a") as file:
        file.write(f'[[callback]]\nuse = "watcher"\noptions = {{ events = {1 << step_end}, moves = true }}\n')
    code, text = b.run("train", "run.toml")
    said = [text.count(f"a plugin changed {what} in step 1; it is as before again") for what in ("the working folder", "the umask")]
    check("a callback that changes things at every step", code == 0 and said == [1, 1] and text.count("a plugin changed") == 2 and b.model() == expected, (code, text))
    mode = (b.folder / "out/metrics.jsonl").stat().st_mode & 0o777
    check("files keep their mode", mode == 0o644, oct(mode))
    mode = (b.folder / "out/model.safetensors").stat().st_mode & 0o777
    check("files of the end keep their mode", mode == 0o644, oct(mode))


def says(b: Bench) -> None:
    code, text = b.run("train", b.file("forge"))
    check("a forged line", code == 1 and "bad \\x1b[2K\\ninfo: completed after 6 steps" in text and "\ninfo: completed" not in text, (code, text))
    code, text = b.run("train", b.file("give up"))
    check("giving up unasked", code == 1 and "plugin org.slipway.test.hostile, score(): gave up (CANCELLED), and nothing had asked it to stop: no wish to" in text, (code, text))
    child = subprocess.Popen([b.program, "train", b.file("wait for the stop")], cwd=b.folder, stderr=subprocess.PIPE, text=True)
    read = ""
    while "waiting\n" not in read and (line := child.stderr.readline()):
        read += line
    child.send_signal(signal.SIGTERM)
    read += child.communicate(timeout=60)[1]
    check("giving up when it is asked to", child.returncode == 85 and "--resume" in read, (child.returncode, read))
    (b.folder / "run.toml").write_text((b.folder / "run.toml").read_text().replace("wait for the stop", "nothing"))
    code, text = b.run("train", "run.toml", "--resume")
    check("and resuming after it", code == 0 and b.model() is not None, (code, text))


def loading(b: Bench) -> None:
    code, text = b.run("plugin", "list", "--plugin-path", "code")
    wanted = ["crashes_when_loaded.so: crashed when it was loaded (SIGSEGV)", "exits_when_loaded.so: ended the process when it was loaded (exit code 0)",
              "bad_defaults.so: the default is not one that the option takes", '"most" is 5, at most 3 is allowed', "reward    hostile "]
    check("plugin list survives them all, with the reasons", code == 0 and all(each in text for each in wanted), (code, text))
    for arguments in (["config", "check", b.file("nothing")], ["plugin", "info", "hostile", "--plugin-path", "code"], ["train", "run.toml", "--quiet"]):
        code, text = b.run(*arguments)
        check(f"{arguments[0]} beside plugins that crash", code == 0, (code, text))
    shutil.copy(b.fixtures / "length_a.so", b.folder / "code/length_twin.so")
    b.file("nothing")
    (b.folder / "run.toml").write_text((b.folder / "run.toml").read_text().replace('use = "hostile"', 'use = "org.test.a.length"').replace('options = { does = "nothing", when = "score" }\n', ""))
    code, text = b.run("config", "check", "run.toml")
    check("two files of one id are told of", code == 0 and "length_twin.so: offers org.test.a.length, which" in text and "is used" in text, (code, text))
    (b.folder / "code/length_twin.so").unlink()
    (b.folder / "code/hostile.so").chmod(0o666)
    code, text = b.run("train", b.file("nothing"))
    check("a plugin that anyone may write to", code == 2 and "hostile.so: anyone on this machine may write to it" in text and "chmod o-w" in text, (code, text))
    (b.folder / "code/hostile.so").chmod(0o644)
    whole = (b.fixtures / "length_a.so").read_bytes()
    begin = time.monotonic()
    signalled = []
    for i in range(24):  # bytes of headers and code, one at a time
        place = (i * 2654435761) % min(len(whole), 12_000)
        (b.folder / "code/mutant.so").write_bytes(whole[:place] + bytes([whole[place] ^ (1 << i % 8)]) + whole[place + 1:])
        code, text = b.run("plugin", "list", "--plugin-path", "code")
        if code != 0:
            signalled.append((place, code, text[-300:]))
    check(f"mutants, {time.monotonic() - begin:.0f} s", not signalled, signalled[:3])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-hostile-") as root:
        b = Bench(os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(root) / "work")
        for part in (ends, changes, says, loading):
            part(b)
    for failure in failures:
        print(failure)
    print(f"{checked} checks of hostile plugins, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
