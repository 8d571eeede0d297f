"""Runs that are asked for by the words of DeepSpeed, FSDP and fairscale, beside the same by keys of [train]. usage: sharding_words_test.py SLIPWAY"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of
from read_run import read_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(sys.argv[1])
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="slipway-words-test-"))
FOREIGN = re.compile(r"(RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|SLURM_\w+|OMPI_\w+|TORCHELASTIC_\w+)$")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)} | {"OMP_NUM_THREADS": "1"}
EXAMPLE = ROOT / "configs/launch/deepspeed.json"
STAGES = (1, 2, 3)
SHORT = {"train.max_steps": 12, "train.eval_strategy": "no", "train.save_steps": 6}


def slipway(settings: dict, *before: str, after: tuple = (), code: int = 0) -> subprocess.CompletedProcess:
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    done = subprocess.run([PROGRAM, *before, "train", str(ROOT / "tests/e2e/tiny_sft.toml"), *sets, *after], env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == code, f"{settings}: ended with {done.returncode}, not {code}: {done.stderr[-3000:]}"
    return done


def two_ranks(name: str, settings: dict, *after: str, code: int = 0) -> pathlib.Path:
    out = SCRATCH / name
    slipway({"run.output_dir": out} | SHORT | settings, "launch", "--nproc", "2", after=after, code=code)
    return out


def json_file(name: str, configuration: dict) -> pathlib.Path:
    path = SCRATCH / name
    path.write_text(json.dumps(configuration, indent=1))
    return path


def same_bits(a: pathlib.Path, b: pathlib.Path) -> None:
    for name in ("model.safetensors", "checkpoint-12/optimizer.pt"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), (a.name, b.name, name)
    rows = [[(row["loss"], row["learning_rate"], row["grad_norm"]) for row in read_rows(out / "metrics.jsonl") if "loss" in row] for out in (a, b)]
    assert rows[0] == rows[1] and len(rows[0]) == 12, (a.name, b.name)


def the_documented_file_trains_as_the_keys_do() -> None:
    for stage in STAGES:
        configuration = json.loads(EXAMPLE.read_text())
        configuration["zero_optimization"]["stage"] = stage
        words = two_ranks(f"deepspeed-{stage}", {"train.deepspeed": json_file(f"ds-{stage}.json", configuration)})
        keys = two_ranks(f"keys-{stage}", {"train.zero_stage": stage, "train.lr_scheduler_type": "WarmupDecayLR"})
        same_bits(words, keys)
        rates = [row["learning_rate"] for row in read_rows(words / "metrics.jsonl") if "loss" in row]
        assert rates[0] == rates[1] == 0 and rates[2] > rates[1], rates  # one update late: DeepSpeed's
        arguments = json.loads((words / "checkpoint-12/training_args.json").read_text())
        assert arguments["deepspeed"] == configuration and arguments["lr_scheduler_type"] == "linear", arguments
        assert json.loads((keys / "checkpoint-12/training_args.json").read_text())["deepspeed"] is None
        # the record needs no file
        (SCRATCH / f"ds-{stage}.json").unlink()
        again = SCRATCH / f"again-{stage}"
        done = subprocess.run([PROGRAM, "launch", "--nproc", "2", "train", str(words / "config.resolved.toml"), "--set", f"run.output_dir={again}"],
                              env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done
        same_bits(words, again)


def numbers_of_the_file_are_the_runs() -> None:
    configuration = {"train_batch_size": 12, "train_micro_batch_size_per_gpu": 3, "gradient_accumulation_steps": 2, "gradient_clipping": 0.5,
                     "zero_optimization": {"stage": 1, "reduce_bucket_size": 1000}, "optimizer": {"type": "AdamW", "params": {"lr": 2e-3, "betas": [0.9, 0.95], "weight_decay": 0.01}}}
    # tiny_sft.toml says the rest otherwise: a run file of its own
    run = (ROOT / "tests/e2e/tiny_sft.toml").read_text()
    for key in ("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "weight_decay"):
        run = re.sub(rf"^{key} = .*\n", "", run, flags=re.M)
    for path in ("tiny_llama.json", "../../build/assets/"):
        run = run.replace(f'"{path}', f'"{ROOT}/tests/e2e/{path}')
    (SCRATCH / "words.toml").write_text(run + f'deepspeed = "{json_file("numbers.json", configuration).name}"\n')
    keys = {"learning_rate": 2e-3, "per_device_train_batch_size": 3, "gradient_accumulation_steps": 2, "weight_decay": 0.01, "max_grad_norm": 0.5, "adam_beta2": 0.95, "zero_stage": 1}
    (SCRATCH / "keys.toml").write_text(run + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    outs = []
    for name in ("words", "keys"):
        outs.append(SCRATCH / f"numbers-{name}")
        sets = [text for key, value in ({"run.output_dir": outs[-1]} | SHORT).items() for text in ("--set", f"{key}={value}")]
        done = subprocess.run([PROGRAM, "launch", "--nproc", "2", "train", str(SCRATCH / f"{name}.toml"), *sets], env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done
    same_bits(*outs)
    done = subprocess.run([PROGRAM, "launch", "--nproc", "3", "train", str(SCRATCH / "words.toml")], env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2 and "train_batch_size = 12, but a step has 3 ranks x" in done.stderr and "= 18 examples" in done.stderr, done


def other_words_train_as_the_keys_do() -> None:
    for stage, words in ((0, {"fsdp": "no_shard"}), (1, {"sharded_ddp": "simple", "ddp_backend": "gloo", "ddp_find_unused_parameters": "false"}),
                         (2, {"fsdp": "shard_grad_op auto_wrap"}), (3, {"fsdp": "true", "fsdp_config": "{ fsdp_version = 2, state_dict_type = \"FULL_STATE_DICT\" }"})):
        keys = two_ranks(f"stage-{stage}", {"train.zero_stage": stage})
        same_bits(two_ranks(f"words-{stage}", {f"train.{name}": value for name, value in words.items()}), keys)


def zero_offload_trains_where_the_processor_computes() -> None:
    """The file of a GPU: what is to lie in the processor's memory does."""
    cpu = {"device": "cpu", "pin_memory": True}
    words = json_file("offload.json", {"zero_optimization": {"stage": 3, "offload_optimizer": cpu, "offload_param": cpu}})
    same_bits(two_ranks("offload", {"train.deepspeed": words}), two_ranks("no-offload", {"train.zero_stage": 3}))


def a_cycle_has_deepspeeds_rates() -> None:
    params = {"cycle_min_lr": 1e-4, "cycle_max_lr": 9e-4, "cycle_first_step_size": 4, "cycle_second_step_size": 2, "decay_step_size": 1, "decay_lr_rate": 1, "cycle_momentum": False}
    # tiny_sft.toml says its rate, and warms up
    run = re.sub(r"^(learning_rate|warmup_steps) = .*\n", "", (ROOT / "tests/e2e/tiny_sft.toml").read_text(), flags=re.M)
    for path in ("tiny_llama.json", "../../build/assets/"):
        run = run.replace(f'"{path}', f'"{ROOT}/tests/e2e/{path}')
    (SCRATCH / "cycle.toml").write_text(run + f'deepspeed = "{json_file("cycle.json", {"scheduler": {"type": "OneCycle", "params": params}}).name}"\n')
    out = SCRATCH / "cycle"
    sets = [text for key, value in ({"run.output_dir": out} | SHORT).items() for text in ("--set", f"{key}={value}")]
    subprocess.run([PROGRAM, "train", str(SCRATCH / "cycle.toml"), *sets], env=ENVIRONMENT, check=True, capture_output=True, timeout=240)
    rates = [row["learning_rate"] for row in read_rows(out / "metrics.jsonl") if "loss" in row]
    expected = [1e-4, 3e-4, 5e-4, 7e-4, 9e-4, 5e-4, *(1e-4 / (1 + n) for n in range(6))]
    assert len(rates) == 12 and largest_of(abs(a - b) for a, b in zip(rates, expected)) < 1e-12, rates
    assert json.loads((out / "checkpoint-12/training_args.json").read_text())["lr_scheduler_type"] == "linear"


def contradictions_name_both_places() -> None:
    path = json_file("stage.json", {"zero_optimization": {"stage": 2}, "gradient_accumulation_steps": 3})
    done = slipway({"train.deepspeed": path, "train.zero_stage": 1, "run.output_dir": SCRATCH / "none"}, code=2)
    for text in ("stage.json:3: deepspeed.zero_optimization.stage = 2 is zero_stage = 2 here, but train.zero_stage = 1 stands in --set",
                 "stage.json:5: deepspeed.gradient_accumulation_steps = 3 is gradient_accumulation_steps = 3 here, but train.gradient_accumulation_steps = 2 stands in"):
        assert text in done.stderr, done.stderr
    for settings, word in (({"train.fsdp": "full_shard offload", "train.device": "cuda"}, "train.offload_optimizer = true takes"),
                           ({"train.deepspeed": '{"zero_optimization": {"offload_param": {"device": "nvme"}}}'}, "what a run holds stays in memory"),
                           ({"train.deepspeed": '{"scheduler": {"type": "OneCycle", "params": {"cycle_min_lr": 1e-5}}}'}, "write cycle_momentum = false")):
        assert word in slipway(settings, code=2).stderr, settings
    done = slipway({"train.deepspeed": path, "train.fsdp": "full_shard"}, code=2)
    assert "train.deepspeed stands beside train.fsdp in --set" in done.stderr, done.stderr
    assert not (SCRATCH / "none").exists()


def what_the_words_became_is_shown() -> None:
    path = json_file("shown.json", {"zero_optimization": {"stage": 2, "overlap_comm": True}})
    shown = slipway({"train.deepspeed": path}, after=("--print-config",)).stdout
    assert f"zero_stage = 2  # {path}:3\n" in shown and "deepspeed = {zero_optimization = {stage = 2, overlap_comm = true}}  # --set\n" in shown, shown
    shown = slipway({"train.fsdp": "full_shard", "train.fsdp_config": '{"fsdp_state_dict_type": "SHARDED_STATE_DICT"}'}, after=("--print-config",)).stdout
    assert "zero_stage = 3  # --set\n" in shown and "save_sharded = true  # --set\n" in shown, shown
    checked = subprocess.run([PROGRAM, "config", "check", str(ROOT / "tests/e2e/tiny_sft.toml"), "--set", f"train.deepspeed={path}"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and "train.deepspeed is here zero_stage = 2" in checked.stderr + checked.stdout, checked


for check in (the_documented_file_trains_as_the_keys_do, numbers_of_the_file_are_the_runs, other_words_train_as_the_keys_do, zero_offload_trains_where_the_processor_computes, a_cycle_has_deepspeeds_rates, contradictions_name_both_places, what_the_words_became_is_shown):
    if len(sys.argv) > 2 and check.__name__ not in sys.argv[2:]:
        continue
    check()
    print(check.__name__, flush=True)
shutil.rmtree(SCRATCH)
