"""A Hugging Face model from the same GGUF file or folder that Slipway reads, on the benchmark's device; all cores for torch."""
import functools
import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402  (after the environment that they read)
import transformers  # noqa: E402

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(os.cpu_count())


@functools.cache
def facts() -> dict:
    """What the benchmark wants of this peer: the JSON file that is the last argument."""
    with open(sys.argv[-1], encoding="utf-8") as file:
        return json.load(file)


def bf16() -> bool:
    """Whether this peer computes in bfloat16 where it can, and not in float32."""
    return facts().get("precision") == "bf16"


def dtype() -> torch.dtype:
    """Of weights that are not trained in mixed precision."""
    return torch.bfloat16 if bf16() else torch.float32


def device() -> str:
    return facts()["device"]


def wait() -> None:
    """For what a GPU was asked to do."""
    if device() != "cpu":
        torch.cuda.synchronize()


def load_tokenizer(weights: str) -> transformers.PreTrainedTokenizerBase:
    if os.path.isdir(weights):
        tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
    else:
        where, name = os.path.split(weights)
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, gguf_file=name)
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(weights: str, dtype: torch.dtype = torch.float32) -> transformers.PreTrainedModel:
    """From a GGUF file, or a folder as from_pretrained takes it."""
    if os.path.isdir(weights):
        return transformers.AutoModelForCausalLM.from_pretrained(weights, dtype=dtype, attn_implementation="sdpa").to(device())
    where, name = os.path.split(weights)
    model = transformers.AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
    # The weights are plain float32 now, but the model is still marked as quantised, and the Trainer refuses such.
    config = transformers.LlamaConfig(**{k: v for k, v in model.config.to_dict().items() if k != "quantization_config"})
    plain = transformers.LlamaForCausalLM(config)
    plain.load_state_dict(model.state_dict())
    return plain.to(device(), dtype)


def sampling(tokenizer: transformers.PreTrainedTokenizerBase, new: int, samples: int) -> dict:
    """Settings of generate(): the whole vocabulary at temperature 1."""
    return {"max_new_tokens": new, "do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "num_return_sequences": samples,
            "pad_token_id": tokenizer.eos_token_id}


def asked_for(rows: torch.Tensor, eos: int) -> int:
    """Tokens to the end of each row, the end-of-text token included; what pads a row after it is no work that anybody wanted."""
    ends = (rows == eos).int()
    return int((ends.cumsum(1) - ends == 0).sum())
