"""Training runs that the Hugging Face Trainer and Slipway both do: one small Llama, one data set of ragged lines, many arguments.

record_trainer.py records what the Trainer logs in each, trainer_parity_test.py what Slipway does. Names and values in a case are
TrainingArguments' and [train]'s alike.
"""
import json
import pathlib
import random

# Token numbers are those of the printable ASCII characters, a space being written as the byte-level alphabet writes it.
VOCABULARY = {chr(33 + i): i for i in range(94)} | {"\u0120": 94}
EOS = 95
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 80, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 96, "max_position_embeddings": 128,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True, "hidden_act": "silu", "initializer_range": 0.08,
          "bos_token_id": None, "eos_token_id": EOS}

# 18 micro-batches an epoch, the last of two examples; in groups of four the last group is of two micro-batches.
BASE = {"learning_rate": 3e-3, "max_steps": 50, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 16, "warmup_steps": 8,
        "weight_decay": 0.1, "logging_steps": 1, "seed": 7}
GROUPS = {"gradient_accumulation_steps": 4}
SMOOTH = {"label_smoothing_factor": 0.1}
EVALUATED = {"eval_strategy": "steps", "eval_steps": 2}

SCHEDULES = {
    "linear": {}, "cosine": {}, "cosine_with_restarts": {"num_cycles": 3}, "polynomial": {"power": 2.0, "lr_end": 1e-5}, "constant": {},
    "constant_with_warmup": {}, "inverse_sqrt": {}, "cosine_with_min_lr": {"min_lr": 1e-4}, "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 20}, "reduce_lr_on_plateau": {"patience": 0, "threshold": 0.02, "factor": 0.5},
    "greedy": {"patience": 1, "min_lr": 1e-4, "max_lr": 1e-2, "factor": 0.8}}
OPTIMIZERS = {
    "adamw_torch": {"adam_beta2": 0.98}, "sgd": {"learning_rate": 0.2, "optim_args": "momentum=0.9"}, "adagrad": {"learning_rate": 0.02},
    "rmsprop": {"learning_rate": 1e-3}, "adafactor": {}, "lion_32bit": {"learning_rate": 3e-4, "adam_beta2": 0.99}}


def cases() -> dict[str, dict]:
    out = {"plain": {}, "accumulated": GROUPS, "smoothed": SMOOTH, "accumulated, smoothed": GROUPS | SMOOTH,
           "clipped": GROUPS | {"max_grad_norm": 0.2}, "not clipped": {"max_grad_norm": 0.0},
           "epochs": GROUPS | {"max_steps": -1, "num_train_epochs": 2.5},
           "evaluated, smoothed": SMOOTH | EVALUATED | {"eval_steps": 10},
           "activation checkpointing": GROUPS | {"activation_checkpointing": True, "activation_checkpointing_kwargs": {"every_n_layers": 2}}}
    for i, (name, options) in enumerate(SCHEDULES.items()):
        by_evaluations = EVALUATED if name in ("reduce_lr_on_plateau", "greedy") else {}
        out[f"schedule {name}"] = {"lr_scheduler_type": name, "lr_scheduler_kwargs": options} | by_evaluations | (GROUPS if i % 2 else {})
    for name, arguments in OPTIMIZERS.items():
        out[f"optimizer {name}"] = {"optim": name} | arguments
        out[f"optimizer {name}, accumulated, smoothed"] = {"optim": name} | arguments | GROUPS | SMOOTH
    # "loss" is no argument: the Trainer takes it as compute_loss_func, Slipway as [loss].
    out["focal loss"] = GROUPS | EVALUATED | {"eval_steps": 10, "loss": {"use": "focal", "options": {"gamma": 1.5}}}
    return {name: BASE | arguments for name, arguments in out.items()}


def texts() -> tuple[list[str], list[str]]:
    """Lines to train on and to evaluate: ragged, and with something to learn."""
    draw = random.Random(11)
    words = ["the", "a", "film", "story", "of", "is", "was", "not", "slow", "bright", "and", "ends", "well", "(again)", "1999", "why?"]
    lines = [" ".join(draw.choice(words) for _ in range(draw.randint(1, 9))) for _ in range(82)]
    return lines[:70], lines[70:]


def ids(text: str) -> list[int]:
    return [VOCABULARY["\u0120" if c == " " else c] for c in text] + [EOS]


def write_tokenizer(folder: pathlib.Path) -> None:
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": VOCABULARY, "merges": []}
    end = {"id": EOS, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None, "pre_tokenizer": level,
             "post_processor": None, "decoder": level, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
