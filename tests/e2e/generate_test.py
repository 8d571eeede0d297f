"""Texts on a terminal: while they are written, and one prompt after the other; into a pipe whole ones.

usage: generate_test.py SLIPWAY
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from terminal import Terminal  # noqa: E402
from tiny_files import write_folder  # noqa: E402

LONG = 30_000  # tokens: seconds
WILD = ["--temperature", "5", "--seed", "3"]  # every byte, characters cut by tokens among them


class Model:
    def __init__(self, program: str, folder: pathlib.Path):
        self.program, self.folder = program, folder
        # no token ends its texts
        self.path = str(write_folder(folder / "model", {"max_position_embeddings": 2 * LONG, "eos_token_id": None}, settings={"eos_token": None}))

    def command(self, *arguments: str) -> list[str]:
        return [self.program, "generate", "--model", self.path, *arguments]

    def terminal(self, *arguments: str, given: str | None = None) -> Terminal:
        return Terminal(*self.command(*arguments), given=given)

    def shown(self, *arguments: str, given: str | None = None) -> str:
        """What is seen of it on a terminal."""
        terminal = self.terminal(*arguments, given=given)
        code = terminal.ended()
        assert code == 0, (code, terminal.seen)
        return terminal.text()

    def piped(self, *arguments: str, given: str = "") -> bytes:
        done = subprocess.run(self.command(*arguments), input=given.encode(), capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str, given: bytes = b"") -> str:
        done = subprocess.run(self.command(*arguments), input=given, capture_output=True, timeout=120)
        assert done.returncode == 2 and not done.stdout, done
        return done.stderr.decode()


def visible(text: str) -> str:
    """As control characters are shown on a terminal."""
    return "".join("\\r" if c == "\r" else f"\\x{ord(c):02x}" if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 else c for c in text)


def into_a_pipe(model: Model) -> None:
    arguments, given = ["--max-new-tokens", "30", "--samples", "3", *WILD], "ab\n\ncd\r\n"
    rows = [json.loads(row) for row in model.piped(*arguments, "--json", given=given).splitlines()]
    assert [row["prompt"] for row in rows] == ["ab"] * 3 + ["cd"] * 3
    whole = "".join(row["prompt"] + row["completion"] + "\n" for row in rows).encode()
    assert model.piped(*arguments, given=given) == whole
    assert model.piped(*arguments, "--no-stream", given=given) == whole
    assert model.piped(*arguments, "--stream", given=given) == whole, "the same bytes, sooner"
    with subprocess.Popen(model.command("--prompt", "a", "--stream", "--max-new-tokens", str(LONG), *WILD), stdout=subprocess.PIPE) as child:
        assert child.stdout.read(100)  # long before its end
        child.kill()
    print("into a pipe: whole texts, byte for byte; parts when they are asked for")


def on_a_terminal(model: Model) -> None:
    arguments = ["--prompt", "a\u00fc", "--max-new-tokens", "200", *WILD]
    whole = visible(model.piped(*arguments).decode())
    assert model.shown(*arguments) == whole and len(whole) > 100, (model.shown(*arguments), whole)
    assert model.shown(*arguments, "--no-stream") == whole
    (model.folder / "prompts").write_text("ab\ncd\n")
    arguments = ["--max-new-tokens", "20", "--samples", "2", *WILD]
    rows = [json.loads(row) for row in model.piped(*arguments, "--json", given="ab\ncd\n").splitlines()]
    numbered = "".join(f"[{i % 2 + 1}/2] " + visible(row["prompt"] + row["completion"]) + "\n" for i, row in enumerate(rows))
    for more in [], ["--no-stream"]:
        assert model.shown(*arguments, *more, given=str(model.folder / "prompts")) == numbered, more
    json_rows = model.shown(*arguments, "--json", given=str(model.folder / "prompts"))
    assert [json.loads(row) for row in json_rows.splitlines()] == rows
    # It comes while it is written: what is seen of a long text, before it is broken off, is a part of it.
    long = model.terminal("--prompt", "a", "--max-new-tokens", str(LONG), *WILD)
    long.more(100)
    os.kill(long.pid, signal.SIGKILL)
    assert long.ended() == -signal.SIGKILL and len(long.seen) < LONG, len(long.seen)
    print("on a terminal: the same texts, while they are written; samples have numbers")


def prompts_typed(model: Model) -> None:
    arguments = ["--max-new-tokens", "20", *WILD]
    rows = [json.loads(row) for row in model.piped(*arguments, "--json", given="abc\nabc\n").splitlines()]
    answers = [visible(row["completion"]).replace("\n", "\r\n").encode() for row in rows]
    assert answers[0] != answers[1], "asked again, it answers anew"
    at = model.terminal(*arguments)
    place = at.until(b"\n> ")
    for answer in answers:  # as of the same lines in a file
        at.type(b"abc\n")
        place = at.until(b"abc\r\n" + answer + b"\r\n> ", place)
    at.type(b"\n")  # nothing to continue: asked again
    place = at.until(b"\r\n> ", place)
    at.type(b"\xff\n")
    place = at.until(b"the prompt is not valid UTF-8\r\n> ", place)
    at.type(b"\x04")
    assert at.ended() == 0, at.seen
    # A terminal drops what is beyond its longest line.
    at = model.terminal(*arguments)
    at.until(b"\n> ")
    for _ in range(50):
        at.type(b"a" * 100)
    at.type(b"\n")
    place = at.until(b"the end of this prompt may be missing")
    at.until(b"\n> ", place)
    at.type(b"ab\x04\x04")  # the end of the input behind two letters
    place = at.until(b"\n> ", place + 10)
    at.type(b"\x04")
    assert at.ended() == 0
    print("prompts typed: an answer each, Ctrl-D ends")


def control_c(model: Model) -> None:
    for more in ["--stream"], ["--no-stream"]:
        at = model.terminal("--max-new-tokens", str(LONG), *WILD, *more)
        place = at.until(b"\n> ")
        waited = at.ticks()
        at.type(b"abc\n")
        place = at.until(b"abc\r\n", place)
        wait_until(lambda: at.ticks() > waited + 5)  # it computes
        begun = time.monotonic()
        at.type(b"\x03")
        place = at.until(b"\r\n> ", place)
        assert time.monotonic() - begun < 5 and len(at.seen) < LONG, "the text was not stopped"
        at.type(b"\x03")
        assert at.ended() == 0, at.seen
    # Without prompts to come nothing is left to do.
    at = model.terminal("--prompt", "abc", "--max-new-tokens", str(LONG), *WILD)
    at.more(50)
    at.type(b"\x03")
    assert at.ended() == -signal.SIGINT and b"slipway:" not in at.seen
    print("Ctrl-C: stops the text, then ends")


def a_second_control_c(model: Model) -> None:
    """While the program waits for a terminal that takes no more it cannot hear the first."""
    at = model.terminal("--max-new-tokens", str(LONG), *WILD)
    place = at.until(b"\n> ")
    at.type(b"abc\n")
    at.until(b"abc\r\n", place)
    status, call = pathlib.Path(f"/proc/{at.pid}/status"), pathlib.Path(f"/proc/{at.pid}/syscall")
    wait_until(lambda: call.read_text().startswith("1 0x1 "))  # write() to standard output
    os.kill(at.pid, signal.SIGINT)
    wait_until(lambda: "ShdPnd:\t0000000000000000" in status.read_text() and "SigPnd:\t0000000000000000" in status.read_text())
    os.kill(at.pid, signal.SIGINT)
    assert at.ended() == -signal.SIGINT
    print("a second Ctrl-C ends the program")


def wait_until(holds) -> None:
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up


def refusals(model: Model) -> None:
    assert "--stream and --json are both given" in model.refused("--prompt", "a", "--stream", "--json")
    assert "--stream and --no-stream are both given" in model.refused("--prompt", "a", "--stream", "--no-stream")
    assert "line 2 of standard input is not valid UTF-8" in model.refused(given=b"ab\n\xffcd\n")
    assert "--prompt is not valid UTF-8" in model.refused("--prompt", "\udcff")
    print("what cannot be done is refused")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-generate-") as name:
        model = Model(sys.argv[1], pathlib.Path(name))
        for test in (into_a_pipe, on_a_terminal, prompts_typed, control_c, a_second_control_c, refusals):
            test(model)


if __name__ == "__main__":
    main()
