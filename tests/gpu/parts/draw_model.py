"""Models drawn by a seed: a folder with safetensors, config.json and tokenizer, written once for both
sides.
"""

import json
import pathlib

import safetensors.torch
import torch
import transformers

from words import write_tokenizer


def draw(
    folder: pathlib.Path, config: dict, seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> pathlib.Path:
    """Matrices from a normal distribution of initializer_range, norms around 1, each tensor under
    transformers' name.
    """
    with torch.device("meta"):
        known = transformers.AutoConfig.for_model(**config)
        parameters = dict(transformers.AutoModelForCausalLM.from_config(known).named_parameters())
    generator = torch.Generator(device).manual_seed(seed)
    tensors = {}
    for name, like in parameters.items():
        drawn = torch.randn(like.shape, generator=generator, device=device, dtype=torch.float32)
        drawn = 1 + 0.1 * drawn if "norm" in name else config["initializer_range"] * drawn
        tensors[name] = drawn.to(dtype).cpu().contiguous()
    folder.mkdir(parents=True)
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**config, "dtype": str(dtype).removeprefix("torch.")}))
    write_tokenizer(folder, config["vocab_size"])
    return folder
