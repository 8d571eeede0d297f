"""How a part tells its rows: one JSON object a line, on standard output. Its facts: the JSON file that is
its last argument.
"""

import contextlib
import functools
import json
import math
import os
import pathlib
import sys
import threading
import time
import traceback
from typing import Iterator

LOCK = threading.Lock()


@functools.cache
def facts() -> dict:
    return json.loads(pathlib.Path(sys.argv[-1]).read_text())


def row(name: str, status: str, **more: object) -> None:
    text = json.dumps(
        {"row": name, "status": status, **{key: value for key, value in more.items() if value is not None}}
    )
    with LOCK:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def ok(name: str, **more: object) -> None:
    row(name, "ok", **more)


def failed(name: str, why: str, **more: object) -> None:
    row(name, "failed", why=why, **more)


def skipped(name: str, why: str) -> None:
    row(name, "skipped", why=why)


def at_most(name: str, measured: float, asked: float, why: str | None = None, **more: object) -> None:
    """A row that is right where `measured` is a number and not above `asked`."""
    row(
        name,
        "ok" if math.isfinite(measured) and measured <= asked else "failed",
        measured=float(measured),
        asked=f"<= {asked:.3g}",
        why=why,
        **more,
    )


def at_least(name: str, measured: float, asked: float | None, why: str | None = None, **more: object) -> None:
    """The other way round; without `asked` the row only tells."""
    right = math.isfinite(measured) and (asked is None or measured >= asked)
    row(
        name,
        "ok" if right else "failed",
        measured=float(measured),
        asked=None if asked is None else f">= {asked:.3g}",
        why=why,
        **more,
    )


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """What goes wrong inside costs this row alone, and is told in full in the log."""
    try:
        yield
    except Exception as fault:  # whatever it is, it is the finding
        traceback.print_exc()
        failed(name, f"{type(fault).__name__}: {str(fault).strip()[-400:]}")


def seconds_left() -> float:
    return facts()["until"] - time.time()


def need(*packages: str) -> str | None:
    """Why a row cannot be: the first of these packages that is not there."""
    missing = [name for name in packages if facts()["packages"].get(name) is None]
    return f"no {missing[0]}" if missing else None


def need_libtorch() -> str | None:
    """Of every row that starts a program of Slipway's."""
    return None if facts()["libtorch"] else "no torch, and no LibTorch named with --torch"


def need_gpu() -> str | None:
    return "no GPU" if facts()["device"] == "cuda" and facts()["gpu"] is None else None


def skip_all(names: list[str], why: str) -> None:
    for name in names:
        skipped(name, why)


def environment() -> dict[str, str]:
    """Of Slipway's programs."""
    return {**os.environ, **facts()["environment"]}


def scratch(name: str) -> pathlib.Path:
    folder = pathlib.Path(facts()["scratch"]) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
