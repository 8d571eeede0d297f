"""Running Slipway: its commands with a time limit, and what they leave in files."""

import json
import pathlib
import subprocess
import sys

from tell import environment, facts, seconds_left


class Refused(Exception):
    """The program ended with another exit code than 0; the text is what it said last."""


def finished(*arguments: object, stdin: str = "", program: str | None = None) -> subprocess.CompletedProcess:
    """A command of Slipway's that ended well; what one said that did not goes into the log."""
    done = subprocess.run(
        [program or facts()["program"], *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(),
        timeout=max(1.0, seconds_left()),
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        said = [line for line in done.stderr.splitlines() if line.strip()]
        last = said[-1] if said else "no word"
        raise Refused(f"slipway {arguments[0]}: exit code {done.returncode}: {last}")
    return done


def run(*arguments: object, stdin: str = "", program: str | None = None) -> str:
    """Its standard output."""
    return finished(*arguments, stdin=stdin, program=program).stdout


def overrides(keys: dict) -> list[str]:
    return [
        part
        for key, value in keys.items()
        for part in ("--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}")
    ]


def rows_of(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses(folder: pathlib.Path) -> list[float]:
    return [row["loss"] for row in rows_of(folder) if "loss" in row]


def write_rows(path: pathlib.Path, rows: list[dict]) -> pathlib.Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
