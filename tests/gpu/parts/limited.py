"""A program with a time limit: its lines of output as they come; at the limit it is killed with its whole
process group.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import threading
from typing import Callable


@dataclasses.dataclass
class Ended:
    status: int | None  # None: killed at the limit
    timed_out: bool


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def run(
    command: list[str],
    seconds: float,
    environment: dict[str, str],
    log: pathlib.Path,
    take: Callable[[str], None],
) -> Ended:
    """`take` is given each line of standard output; standard error goes to the end of `log`. Nothing of the
    group outlives the call.
    """
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def read() -> None:
        for line in process.stdout:
            take(line.rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    timed_out = False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        # Also what a part that ended left behind; and all of it where this program itself is told to end.
        kill_group(process.pid)
        process.wait()
    reader.join(10)
    return Ended(None if timed_out else process.returncode, timed_out)
