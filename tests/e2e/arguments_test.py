"""Arguments whose effect only a whole run shows. usage: arguments_test.py SLIPWAY

skip_memory_metrics, auto_find_batch_size under a limit of the address space, restore_callback_states_from_checkpoint, and the model card
that a person has taken over. And that the run files of configs/ are good.
"""
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

SHORT = ["data.limit=64", "data.eval_rows=8", "train.num_train_epochs=1", "train.save_strategy=no", "train.eval_strategy=no"]


def train(folder: pathlib.Path, *settings: str, more: tuple = (), limit: int | None = None) -> subprocess.CompletedProcess:
    sets = [part for setting in [f"run.output_dir={folder}", *SHORT, *settings] for part in ("--set", setting)]
    bound = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    done = subprocess.run([sys.argv[1], "train", "tests/e2e/tiny_sft.toml", "--quiet", *sets, *more], stderr=subprocess.PIPE, text=True, preexec_fn=bound)
    return done


def succeed(done: subprocess.CompletedProcess) -> str:
    if done.returncode != 0:
        sys.exit(f"ended with {done.returncode}: {done.stderr}")
    return done.stderr


def state_of(folder: pathlib.Path) -> dict:
    return json.loads((folder / "trainer_state.json").read_text())


def memory_metrics(root: pathlib.Path) -> None:
    succeed(train(root / "memory", "train.skip_memory_metrics=false"))
    last = state_of(root / "memory")["log_history"][-1]
    told = {key: value for key, value in last.items() if "_mem_" in key}
    assert sorted(told) == ["before_init_mem_cpu", "init_mem_cpu_alloc_delta", "init_mem_cpu_peaked_delta", "train_mem_cpu_alloc_delta", "train_mem_cpu_peaked_delta"], last
    assert all(isinstance(value, int) for value in told.values()) and told["before_init_mem_cpu"] > 1 << 20
    assert told["init_mem_cpu_alloc_delta"] > 3 * 4 * 3_000_000, told  # weights, gradients, and one moment at the least
    succeed(train(root / "silent"))
    assert not [key for key in state_of(root / "silent")["log_history"][-1] if "_mem_" in key]
    print(f"memory: {told}")


def batch_size(root: pathlib.Path) -> None:
    # Whole batches of 512 examples of 1024 tokens would take 6 GiB.
    big = ["train.per_device_train_batch_size=512", "train.max_tokens_per_batch=0", "train.gradient_accumulation_steps=1"]
    limit = 5 << 30
    refused = train(root / "refused", *big, limit=limit)
    assert refused.returncode == 1 and "GiB are free" in refused.stderr, refused
    said = succeed(train(root / "found", *big, "train.auto_find_batch_size=true", limit=limit))
    chain = [512]
    while chain[-1] > 1:
        chain.append(chain[-1] * 9 // 10)
    found = state_of(root / "found")["train_batch_size"]
    assert found in chain[1:], found
    assert f"instead of {chain[chain.index(found) - 1]}" in said, said
    assert sorted(path.name for path in root.glob("found*")) == ["found"], "attempts leave nothing behind"
    nothing = train(root / "nothing", "train.auto_find_batch_size=true", "train.per_device_train_batch_size=2", "train.max_tokens_per_batch=0", "data.max_tokens=1000000000")
    assert nothing.returncode == 1 and "no batch size is left to try" in nothing.stderr, nothing
    print(f"batch size: {found} fits where 512 does not")


def callback_states(root: pathlib.Path) -> None:
    run = root / "stopper.toml"
    text = pathlib.Path("tests/e2e/tiny_sft.toml").read_text()
    for path in ('config = "', 'tokenizer = "', 'train = ["'):
        text = text.replace(path, path + str(pathlib.Path("tests/e2e").resolve()) + "/")
    run.write_text(text + '\n[[callback]]\nuse = "early_stopping"\noptions = { early_stopping_patience = 5, greater_is_better = "true" }\n')
    sets = [part for setting in [f"run.output_dir={root}/stopper", *SHORT[:2], "train.num_train_epochs=1", "train.logging_steps=2", "train.eval_strategy=steps", "train.save_steps=2", "train.save_total_limit=0"]
            for part in ("--set", setting)]
    counters = []
    for _ in range(2):  # a falling loss is no gain here: each evaluation uses up patience
        subprocess.run([sys.argv[1], "train", str(run), "--quiet", *sets], check=True)
        state = json.loads((root / "stopper/checkpoint-4/trainer_state.json").read_text())
        counters.append(state["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]["early_stopping_patience_counter"])
    for restore in ("true", "false"):
        resumed = [*sets, "--resume=" + str(root / "stopper/checkpoint-4"), "--set", f"train.restore_callback_states_from_checkpoint={restore}"]
        subprocess.run([sys.argv[1], "train", str(run), "--quiet", *resumed], check=True)
        counters.append(state_of(root / "stopper")["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]["early_stopping_patience_counter"])
    assert counters == [1, 1, 3, 1], counters
    print(f"patience used up: {counters}")


def model_card(root: pathlib.Path) -> None:
    folder = root / "card"
    succeed(train(folder, "train.eval_strategy=epoch", "train.save_strategy=epoch"))
    card = folder / "README.md"
    text = card.read_text()
    assert text.startswith("---\nlibrary_name: transformers\ntags:\n- generated_from_trainer\n") and "### Training results\n\n| Training Loss |" in text, text
    assert "\n# card\n" in text and "\n- Loss: " in text
    again = ("--resume",)
    card.write_text(text + "A line of mine.\n")
    succeed(train(folder, "train.eval_strategy=epoch", "train.save_strategy=epoch", more=again))
    assert card.read_text() == text, "what Slipway wrote is written anew"
    mine = "\n".join(line for line in text.splitlines() if not line.startswith("<!-- Written by Slipway")) + "\nA line of mine.\n"
    card.write_text(mine)
    succeed(train(folder, "train.eval_strategy=epoch", "train.save_strategy=epoch", more=again))
    assert card.read_text() == mine, "what a person took over stays"


def configs(_: pathlib.Path) -> None:
    files = sorted(pathlib.Path("configs").glob("*.toml"))
    assert len(files) >= 2, files
    for file in files:
        done = subprocess.run([sys.argv[1], "config", "check", str(file)], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "" and "good" in done.stdout, (file, done.stdout, done.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-arguments-") as name:
        for each in (memory_metrics, batch_size, callback_states, model_card, configs):
            each(pathlib.Path(name))


if __name__ == "__main__":
    main()
