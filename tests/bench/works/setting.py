"""What every work is given: where things lie, how to run Slipway and a peer."""
import dataclasses
import json
import pathlib
import tempfile

from measure import Failed, Finished, run

BENCH = pathlib.Path(__file__).resolve().parents[1]
ROOT = BENCH.parents[1]
ASSETS = ROOT / "build/assets"
WEIGHTS = ASSETS / "SmolLM2-135M-Instruct.Q4_1.gguf"
SNIPPETS = ASSETS / "movieReviewSnippets_GroundTruth.txt"


@dataclasses.dataclass
class Setting:
    slipway: pathlib.Path
    python: pathlib.Path  # with the peers
    folder: pathlib.Path  # for everything that is written
    quick: bool
    device: str = "cpu"  # where Slipway and the peers compute
    limits: dict | None = None  # of the processor: slipway_bench_limits

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "bench.log"

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole

    def write(self, name: str, text: str) -> pathlib.Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def write_rows(self, name: str, key: str, texts: list[str]) -> pathlib.Path:
        return self.write(name, "".join(json.dumps({key: text}) + "\n" for text in texts))

    def train(self, toml: str, threads: int | None = None) -> tuple[list[dict], Finished]:
        """slipway train: the rows of metrics.jsonl. OUTPUT in the run file stands for its folder."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            file = pathlib.Path(scratch) / "run.toml"
            file.write_text(toml.replace("OUTPUT", f"{scratch}/run"))
            finished = run([self.slipway, "train", file, "--quiet", "--set", f"train.device={self.device}"], self.log, threads=threads)
            if finished.status != 0:
                raise Failed(f"slipway train failed; see {self.log}")
            metrics = (pathlib.Path(scratch) / "run/metrics.jsonl").read_text()
        return [json.loads(line) for line in metrics.splitlines()], finished

    def peer(self, script: str, facts: dict, *arguments: str) -> tuple[dict, Finished]:
        """A script of peers/ in a process of its own: the JSON object in its last line of output."""
        file = self.write("facts.json", json.dumps({**facts, "device": self.device}))
        finished = run([self.python, BENCH / "peers" / f"{script}.py", *arguments, file], self.log)
        if finished.status != 0:
            raise Failed(f"peers/{script}.py failed ({self.last_error()}); see {self.log}")
        return json.loads(finished.out.splitlines()[-1]), finished

    def last_error(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else "no word"
