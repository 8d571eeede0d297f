"""Training and evaluating TorchScript: a traced Llama meets the Hugging Face Trainer's losses, a run resumed equals one that nobody disturbed,
what it leaves is read again, and what such a model cannot do is refused before anything runs.

usage: torchscript_test.py SLIPWAY      (archives: tests/parity/record_torchscript.py; losses: tests/parity/record_resume.py)
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data"
LOSS_TOLERANCE = 1e-4


def run(command: str, what: object, *more: str, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.argv[1], command, str(what), *more], capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        sys.exit(f"slipway {command} {what} {' '.join(more)}: exit code {done.returncode}: {done.stderr}")
    return done


def train(folder: pathlib.Path, archive: pathlib.Path, *more: str, code: int = 0) -> subprocess.CompletedProcess:
    keys = ["model.use=torchscript", f"model.weights={archive}", f"model.tokenizer={DATA / 'resume/model'}", f"run.output_dir={folder}"]
    return run("train", ROOT / "tests/e2e/tiny_resume.toml", *(w for key in keys for w in ("--set", key)), *more, code=code)


def rows(folder: pathlib.Path) -> list[dict]:
    return [r for r in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in r]


def refuse(done: subprocess.CompletedProcess, *texts: str) -> None:
    if not all(text in done.stderr for text in texts) or "frame #" in done.stderr or len(done.stderr) > 2000:
        sys.exit(f"{texts} expected: {done.stderr}")


def same(a: pathlib.Path, b: pathlib.Path, *names: str) -> None:
    for name in names:
        if (a / name).read_bytes() != (b / name).read_bytes():
            sys.exit(f"{name} of {a.name} and {b.name} differ")


def evaluation(what: pathlib.Path, *more: str) -> float:
    return json.loads(run("evaluate", what, "--json", "--quiet", "--data", str(DATA / "resume/texts.jsonl"), *more).stdout)["eval_loss"]


def main() -> None:
    theirs = json.loads((DATA / "resume/record.json").read_text())["steps"]
    traced, drops = DATA / "torchscript/model.pt", DATA / "torchscript/drops.pt"
    with tempfile.TemporaryDirectory(prefix="slipway-torchscript-") as name:
        root = pathlib.Path(name)
        train(root / "whole", traced)
        ours = rows(root / "whole")
        apart = largest_of(abs(a["loss"] - b["loss"]) for a, b in zip(ours, theirs, strict=True))
        print(f"traced Llama: {len(ours)} steps, loss {ours[0]['loss']:.4f} -> {ours[-1]['loss']:.4f}; largest difference to the Hugging Face Trainer: {apart:.3g}")
        if not apart <= LOSS_TOLERANCE:
            sys.exit("too far from the Hugging Face Trainer")

        shutil.copytree(root / "whole/checkpoint-20", root / "on/checkpoint-20")
        shutil.copy(root / "whole/config.resolved.toml", root / "on")
        train(root / "on", traced, "--resume")
        same(root / "whole", root / "on", "model.safetensors", "model.pt")

        # The same weights as a run folder, as an archive alone, and in the llama plugin.
        (root / "alone").mkdir()
        shutil.copy(root / "whole/model.pt", root / "alone")
        (root / "llama").mkdir()
        shutil.copy(root / "whole/model.safetensors", root / "llama")
        for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(DATA / "resume/model" / file, root / "llama")
        use = ("--set", f"model.tokenizer={DATA / 'resume/model'}", "--out", str(root / "results"))
        losses = {"run folder": evaluation(root / "whole"), "archive": evaluation(root / "alone", *use), "file": evaluation(root / "alone/model.pt", *use),
                  "llama plugin": evaluation(root / "llama", "--out", str(root / "results"))}
        print("evaluated: " + ", ".join(f"{k} {v:.7f}" for k, v in losses.items()))
        if losses["archive"] != losses["run folder"] or losses["file"] != losses["run folder"] or not abs(losses["llama plugin"] - losses["run folder"]) <= 1e-6:
            sys.exit("the same weights give different losses")
        run("predict", root / "whole", "--quiet", "--data", str(DATA / "resume/texts.jsonl"))

        # Dropout and buffers go on after a stop too; the mean of a step in parts is the same step.
        short = ("--set", "train.max_steps=12", "--set", "train.save_steps=5", "--set", "train.learning_rate=0.05")
        train(root / "drops", drops, *short)
        shutil.copytree(root / "drops/checkpoint-5", root / "drops-on/checkpoint-5")
        shutil.copy(root / "drops/config.resolved.toml", root / "drops-on")
        train(root / "drops-on", drops, *short, "--resume")
        same(root / "drops", root / "drops-on", "model.safetensors", "model.pt")
        print(f"scripted module with dropout: loss {rows(root / 'drops')[0]['loss']:.3f} -> {rows(root / 'drops')[-1]['loss']:.3f}; resumed at step 5, equal bits")

        refuse(train(root / "x", traced, "--set", "train.neftune_noise_alpha=5", "--set", "train.gradient_checkpointing=true", "--set", "train.bf16=true", code=2),
               "train.neftune_noise_alpha: ", "train.activation_checkpointing: ", "train.bf16: ", "there are no embeddings to put noise on")
        refuse(train(root / "x", traced, "--set", "run.algorithm=raft", "--set", "train.max_steps=-1", "--set", 'reward=[{ use = "length" }]', code=2), 'model.use: "torchscript" keeps no cache to write answers with')
        refuse(run("train", ROOT / "tests/e2e/tiny_resume.toml", "--set", f"model.weights={traced}", "--set", f"model.tokenizer={DATA / 'resume/model'}", "--set", f"run.output_dir={root / 'x'}",
                   code=1), "model.pt is a program with its weights, which org.slipway.model.llama does not take; write use = \"torchscript\"")
        refuse(run("generate", "--model", str(traced), "--tokenizer", str(DATA / "resume/model"), "--prompt", "the", "--use", "torchscript", code=1), "has no cache to generate with")
        if (root / "x").exists():
            sys.exit("a refused run left a folder behind")


if __name__ == "__main__":
    main()
