"""A program on a terminal of its own: what it shows, and what is typed."""
import os
import pathlib
import pty
import select
import time


class Terminal:
    """A program whose three streams are a terminal; `given`: what its standard input is instead; `folder`: where it runs."""

    def __init__(self, *arguments: str, given: str | None = None, folder: pathlib.Path | None = None):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            if folder is not None:
                os.chdir(folder)
            if given is not None:
                os.dup2(os.open(given, os.O_RDONLY), 0)
            os.execv(arguments[0], arguments)
        self.seen = b""

    def read(self) -> bytes:
        try:
            return os.read(self.end, 1 << 16)
        except OSError:  # the program has ended
            return b""

    def until(self, text: bytes, after: int = 0, seconds: float = 60) -> int:
        """Reads until the text was seen; where it ends."""
        give_up = time.monotonic() + seconds
        while text not in self.seen[after:]:
            assert time.monotonic() < give_up, f"no {text!r} in {self.seen[-500:]!r}"
            if select.select([self.end], [], [], 0.1)[0]:
                read = self.read()
                assert read, f"ended before {text!r}: {self.seen[-500:]!r}"
                self.seen += read
        return self.seen.index(text, after) + len(text)

    def more(self, size: int) -> None:
        """Reads until there are so many bytes."""
        while len(self.seen) < size:
            read = self.read()
            assert read, self.seen
            self.seen += read

    def type(self, keys: bytes) -> None:
        os.write(self.end, keys)

    def ended(self) -> int:
        while read := self.read():
            self.seen += read
        os.close(self.end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def ticks(self) -> int:
        """What it has computed, in 1/100 s."""
        return int(pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[11])

    def text(self) -> str:
        return self.seen.decode().replace("\r\n", "\n")  # strict: no character is cut
