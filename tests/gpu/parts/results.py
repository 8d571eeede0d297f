"""The rows of a run: appended to results.jsonl as they come, in the end a table and one JSON file."""

import contextlib
import json
import pathlib
import sys
import threading
import time

STATUSES = ("ok", "failed", "skipped")
LONGEST = 240  # of a remark in the table; results.json has it whole
COLUMNS = ("part", "row", "status", "asked", "measured", "")


class Results:
    """Files of one folder. A row: "row" (what), "status", and where there are any "asked", "measured",
    "why", further numbers.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.log = folder, folder / "log.txt"
        self.rows: list[dict] = []
        self.lock = threading.Lock()
        self.log.write_text("")

    def __enter__(self) -> "Results":
        self.file = open(self.folder / "results.jsonl", "w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @property
    def count(self) -> int:
        return len(self.rows)

    def add(self, part: str, row: dict) -> None:
        if row.get("status") not in STATUSES or not isinstance(row.get("row"), str):
            row = {"row": "a row that is none", "status": "failed", "why": json.dumps(row)[:300]}
        row = {"part": part, **row, "time": round(time.time(), 3)}
        with self.lock:
            self.rows.append(row)
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
            with contextlib.suppress(BrokenPipeError):  # whoever read along may have left; the files matter
                print(line(row), flush=True)

    def line(self, part: str, text: str) -> None:
        """A line that a part printed: a row as JSON, or something for the log."""
        try:
            row = json.loads(text)
        except ValueError:
            row = None
        if isinstance(row, dict):
            self.add(part, row)
        elif text.strip():
            with open(self.log, "a", encoding="utf-8") as log:
                log.write(text + "\n")

    def last_words(self) -> str:
        said = [text for text in self.log.read_text(errors="replace").splitlines() if text.strip()]
        return said[-1][:300] if said else "it said nothing"

    def finish(self, heading: dict) -> list[dict]:
        """Writes table.txt and results.json, prints the table, and gives the rows that failed."""
        counts = {status: sum(row["status"] == status for row in self.rows) for status in STATUSES}
        total = ", ".join(f"{count} {status}" for status, count in counts.items())
        text = (
            "\n".join(
                [*(f"{key}: {value}" for key, value in heading.items()), "", table(self.rows), "", total]
            )
            + "\n"
        )
        (self.folder / "table.txt").write_text(text, encoding="utf-8")
        whole = {"machine": heading, "counts": counts, "rows": self.rows}
        (self.folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        print("\n" + text + f"\n{self.folder / 'results.json'}", flush=True)
        return [row for row in self.rows if row["status"] == "failed"]


def number(value: object) -> str:
    if not isinstance(value, float):
        return "" if value is None else str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def cells(row: dict) -> list[str]:
    why = number(row.get("why"))
    return [
        row["part"],
        row["row"],
        row["status"],
        number(row.get("asked")),
        number(row.get("measured")),
        why if len(why) <= LONGEST else why[: LONGEST - 4] + " ...",
    ]


def line(row: dict) -> str:
    part, name, status, asked, measured, why = cells(row)
    parts = [
        f"{part:9} {status:7} {name}",
        measured and f"measured {measured}",
        asked and f"asked {asked}",
        why,
    ]
    return "; ".join(filter(None, parts))


def table(rows: list[dict]) -> str:
    lines = [list(COLUMNS), *map(cells, rows)]
    widths = [max(len(each[i]) for each in lines) for i in range(len(COLUMNS) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(each, widths)), each[-1]]).rstrip()
        for each in lines
    )


if __name__ == "__main__":
    sys.exit("this is no part: tests/gpu/run is the program")
