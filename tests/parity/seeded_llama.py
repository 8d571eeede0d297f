"""The weights that Slipway draws for a fresh model, in transformers' Llama: the recorders train from them, so none are in the tree."""
import torch
import transformers


def parameter_order(layers: int) -> list[str]:
    """The order in which Slipway's llama plugin declares, and so draws, its parameters."""
    block = ["input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
             "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    return (["model.embed_tokens.weight"] + [f"model.layers.{i}.{name}.weight" for i in range(layers) for name in block]
            + ["model.norm.weight"])


def fresh_model(config: transformers.LlamaConfig, seed: int) -> transformers.LlamaForCausalLM:
    model = transformers.LlamaForCausalLM(config).float()
    parameters = dict(model.named_parameters())
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in parameter_order(config.num_hidden_layers):
            if "norm" in name:
                parameters[name].fill_(1.0)
            else:
                parameters[name].normal_(0.0, config.initializer_range, generator=generator)
    return model
