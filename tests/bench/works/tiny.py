"""The host's own cost: a Llama of 2 layers, 64 wide, vocabulary 256, 8 x 32 tokens a step, default logging (every 500 steps).

Slipway's rate is over the steps between two rows of its log. The time to the first step is from the start of the process to the
end of the first optimizer step, in a run that has no other.
"""
import json

from measure import Finished

from . import precision
from .setting import Setting
from .texts import long_texts
from .training import hugging_face_sides, in_bf16, run_file, step_times
from .work import Side, Turn, Work

BATCH, LENGTH, LOGGING_STEPS = 8, 32, 500

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
          "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 256,
          "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True,
          "hidden_act": "silu", "initializer_range": 0.02, "bos_token_id": None, "eos_token_id": None}


def byte_alphabet() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level tokenizer.json, as GPT-2 chose them."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return {characters[byte]: byte for byte in range(256)}


def write_tokenizer(setting: Setting) -> str:
    """A tokenizer whose token numbers are the bytes of the text."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": byte_alphabet(), "merges": []}
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": level,
             "post_processor": None, "decoder": level, "model": model}
    folder = setting.folder / "bytes"
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    return str(folder)


def work(setting: Setting) -> Work:
    texts = long_texts(512, LENGTH)
    data = setting.write_rows("tiny.jsonl", "text", texts)
    config = setting.write("tiny.json", json.dumps(CONFIG))
    model = f'config = "{config}"\ntokenizer = "{write_tokenizer(setting)}"'
    rows = f'train = ["{data}"]\nmax_tokens = {LENGTH}\nappend_eos = false'
    steps = setting.size(3000, 1000)
    facts = {"config": str(config), "ids": [list(text.encode()[:LENGTH]) for text in texts], "max_steps": setting.size(400, 40), "epochs": 1,
             "batch": BATCH, "logging_steps": LOGGING_STEPS, "output_dir": str(setting.folder / "peer")}

    def toml(max_steps: int) -> str:
        return run_file(model, rows, max_steps=max_steps, per_device_train_batch_size=BATCH, logging_steps=min(max_steps, LOGGING_STEPS))

    def slipway(name: str) -> Side:
        def measure() -> Turn:
            first, whole = (toml(count) if name == "float32" else in_bf16(toml(count)) for count in (1, steps))
            first_rows, first_run = setting.train(first)
            log, finished = setting.train(whole)
            times = step_times(log)
            return Turn([(steps - LOGGING_STEPS) / (times[-1] - times[0])], finished.memory, step_times(first_rows)[0] - first_run.begin)

        return Side("Slipway", name, measure)

    def hugging_face(times: list[float], finished: Finished) -> Turn:
        warm_up = len(times) // 4
        return Turn([(len(times) - 1 - warm_up) / (times[-1] - times[warm_up])], finished.memory, times[0] - finished.begin)

    return Work("tiny", f"2 layers of 64, {BATCH} x {LENGTH} tokens a step", "steps/s", 
                [*map(slipway, precision.training(setting)), *hugging_face_sides(setting, facts, hugging_face)])
