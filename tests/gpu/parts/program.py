"""Running Slipway: its commands with a time limit, and what they leave in files."""

import json
import pathlib
import subprocess

from tell import environment, facts, seconds_left


class Refused(Exception):
    """The program ended with another exit code than 0; the text is what it said last."""


def run(*arguments: object, stdin: str = "", seconds: float | None = None, program: str | None = None) -> str:
    """Standard output of a command of Slipway's; standard error goes into the log where it fails."""
    command = [program or facts()["program"], *map(str, arguments)]
    limit = max(1.0, min(seconds or 1e9, seconds_left()))
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(),
        timeout=limit,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise Refused(
            f"slipway {arguments[0]}: exit code {done.returncode}: {said[-1] if said else 'no word'}"
        )
    return done.stdout


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
