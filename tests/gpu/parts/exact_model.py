"""A decoder of transformers' in float64 throughout, to measure what float32 and bfloat16 lose.

Its norms, rotary angles and eager softmax go through float32 whatever the model's type is: norms and angles
are put right here, and attention is torch's own in float64.
"""

import types

import torch
import transformers


def norm(self: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def rotary(
    self: torch.nn.Module, x: torch.Tensor, position_ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    width, theta = self.config.head_dim, self.config.rope_parameters["rope_theta"]
    even = torch.arange(0, width, 2, dtype=torch.float64, device=x.device)
    angles = position_ids[:, :, None].double() * theta ** (-even / width)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def load(folder: str, device: str) -> transformers.PreTrainedModel:
    """Of a family whose norms are Llama's and whose rotary angles turn whole heads."""
    model = (
        transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="sdpa"
        )
        .to(device)
        .eval()
    )
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = types.MethodType(norm, module)
        elif type(module).__name__.endswith("RotaryEmbedding"):
            module.forward = types.MethodType(rotary, module)
    return model
