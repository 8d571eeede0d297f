"""Records what transformers computes with a small model of every family and option: logits, gradients, 20 steps of training, greedy text.
Writes tests/parity/data/families.json (configurations, names, tokens) and families.f32 (numbers, one case after the other)."""
import json
import pathlib
import tempfile

import numpy
import torch
import transformers
from transformers.trainer_pt_utils import get_parameter_names

from seeded_weights import fill, values

OUT = pathlib.Path(__file__).parent / "data"
VOCAB, STEPS, NEW = 64, 20, 14
BASE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=96,
            bos_token_id=None, eos_token_id=None, pad_token_id=None, initializer_range=0.1)
TYPES = ["sliding_attention", "full_attention", "sliding_attention"]
YARN = {"rope_type": "yarn", "rope_theta": 5000.0, "factor": 3.0, "original_max_position_embeddings": 32}
CASES = {
    "llama": ("llama", dict(attention_bias=True, mlp_bias=True, rope_theta=3000.0)),
    "llama head_dim, tied": ("llama", dict(head_dim=16, tie_word_embeddings=True, hidden_act="gelu")),
    "llama linear": ("llama", dict(rope_parameters={"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.5})),
    "llama llama3": ("llama", dict(rope_parameters={"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                                    "original_max_position_embeddings": 24})),
    "llama dynamic": ("llama", dict(rope_parameters={"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 2.0})),
    "llama yarn": ("llama", dict(rope_parameters={**YARN, "beta_fast": 2.0, "beta_slow": 0.5})),
    "llama yarn, mscale": ("llama", dict(rope_parameters={**YARN, "mscale": 1.2, "mscale_all_dim": 0.7, "truncate": False})),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen2 windows": ("qwen2", dict(use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    "qwen3": ("qwen3", dict(head_dim=12, attention_bias=True, use_sliding_window=True, sliding_window=5, layer_types=TYPES)),
    "mistral": ("mistral", dict(sliding_window=4, head_dim=16)),
    "mistral without window": ("mistral", dict(sliding_window=None)),
    "ministral": ("ministral", dict(sliding_window=4, head_dim=8, layer_types=TYPES)),
    "smollm3": ("smollm3", dict(no_rope_layer_interval=2, attention_bias=True, mlp_bias=True, use_sliding_window=True, sliding_window=4)),
    "granite": ("granite", dict(embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=2.5, tie_word_embeddings=True,
                                attention_bias=True, mlp_bias=True)),
    "olmo2": ("olmo2", dict(attention_bias=True)),
    "olmo3": ("olmo3", dict(sliding_window=4, rope_parameters={"full_attention": YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 700.0}})),
    "phi3": ("phi3", dict(sliding_window=5)),
    "phi3 longrope": ("phi3", dict(head_dim=None, original_max_position_embeddings=48, rope_parameters={
        "rope_type": "longrope", "rope_theta": 1000.0, "partial_rotary_factor": 0.5, "short_factor": [1.1, 1.7], "long_factor": [2.0, 9.0]})),
    "gemma2": ("gemma2", dict(head_dim=16, sliding_window=4, query_pre_attn_scalar=24, attn_logit_softcapping=2.0, final_logit_softcapping=3.0, attention_bias=True)),
    "gemma2 width 256": ("gemma2", dict(head_dim=256, num_attention_heads=2, num_key_value_heads=1, sliding_window=6, final_logit_softcapping=None)),
    "gemma3": ("gemma3_text", dict(head_dim=16, sliding_window=4, query_pre_attn_scalar=24, layer_types=TYPES, rope_parameters={
        "full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}})),
    "gpt2": ("gpt2", dict(n_embd=32, n_layer=3, n_head=4, n_positions=96)),
    "gpt2 scaled by layer": ("gpt2", dict(n_embd=32, n_layer=3, n_head=4, n_positions=96, n_inner=40, scale_attn_by_inverse_layer_idx=True, activation_function="relu",
                                          tie_word_embeddings=False)),
}
# What GGUF can say, with every option that it has.
FOUR = dict(num_hidden_layers=4, intermediate_size=64)
EXPORTED = {
    "llama": ("llama", dict(attention_bias=True, mlp_bias=True, rope_theta=3000.0, intermediate_size=64)),
    "llama linear, tied": ("llama", dict(head_dim=16, tie_word_embeddings=True, rope_parameters={"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.5})),
    "llama llama3": CASES["llama llama3"],
    "llama yarn": ("llama", dict(rope_parameters=YARN)),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(head_dim=16)),
    "mistral": ("mistral", dict(sliding_window=None, head_dim=16)),
    "mistral window": ("mistral", dict(sliding_window=4, head_dim=16)),
    "mistral, window of all": ("mistral", dict(sliding_window=96)),
    "ministral": ("ministral", dict(sliding_window=4, head_dim=8, layer_types=TYPES, tie_word_embeddings=True, rope_parameters=YARN)),
    "smollm3": ("smollm3", FOUR),
    "granite": CASES["granite"],
    "olmo2": ("olmo2", FOUR),
    "olmo3": ("olmo3", FOUR | dict(sliding_window=4, rope_parameters={"full_attention": YARN | {"rope_theta": 700.0},
                                                                     "sliding_attention": {"rope_type": "default", "rope_theta": 700.0}})),
    "olmo3, layers listed": ("olmo3", FOUR | dict(sliding_window=5, layer_types=["full_attention", "sliding_attention", "full_attention", "full_attention"], rope_parameters={
        "full_attention": {"rope_type": "default", "rope_theta": 700.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 700.0}})),
    "phi3": ("phi3", dict(original_max_position_embeddings=96, sliding_window=96)),
    "phi3 longrope": ("phi3", CASES["phi3 longrope"][1] | dict(max_position_embeddings=8192, original_max_position_embeddings=4096)),  # llama.cpp: at least 256
    "gemma2": ("gemma2", FOUR | dict(head_dim=16, sliding_window=4, query_pre_attn_scalar=16, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "gemma3": ("gemma3_text", dict(num_hidden_layers=6, head_dim=16, sliding_window=4, query_pre_attn_scalar=16, rope_parameters={
        "full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})),
    "gemma2, layers listed": ("gemma2", dict(head_dim=16, sliding_window=3, query_pre_attn_scalar=16, layer_types=["full_attention", "full_attention", "sliding_attention"])),
    "gemma3, layers listed": ("gemma3_text", dict(head_dim=16, sliding_window=4, query_pre_attn_scalar=16, layer_types=TYPES, rope_parameters={
        "full_attention": {"rope_type": "default", "rope_theta": 5000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 300.0}})),
    "gpt2": ("gpt2", dict(n_embd=32, n_layer=3, n_head=4, n_positions=96)),
}


def exported() -> list[dict]:
    return [{"name": name, "config": json.loads(config_of(*case).to_json_string())} for name, case in EXPORTED.items()]


def tokens(name: str, count: int) -> list[int]:
    return ((values(name, count) + 0.5) * VOCAB).astype(int).tolist()


EXAMPLES = [tokens("first", 21), tokens("second", 13), tokens("third", 17), tokens("fourth", 9)]


def config_of(model_type: str, options: dict) -> transformers.PreTrainedConfig:
    base = {k: v for k, v in BASE.items() if model_type != "gpt2" or k in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range")}
    if model_type == "gpt2":
        base |= dict(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    options = {k: v for k, v in (base | options).items() if not (k == "head_dim" and v is None)}
    config = transformers.CONFIG_MAPPING[model_type](**options)
    config._attn_implementation = "eager"  # the others leave out softcaps
    return config


def loss_of(model: torch.nn.Module, batch: list[list[int]]) -> torch.Tensor:
    """The mean over the batch's label tokens: all but each text's first."""
    width = max(map(len, batch))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in batch])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
    labels = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), labels.reshape(-1))


def train(model: torch.nn.Module) -> list[float]:
    decayed = get_parameter_names(model, [torch.nn.LayerNorm], [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"])
    groups = [{"params": [p for n, p in model.named_parameters() if (n in decayed) == decays], "weight_decay": 0.1 if decays else 0.0} for decays in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, eps=1e-4)  # what is rounding alone moves no weight by a whole step
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, EXAMPLES[step % 2 * 2:][:2])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def greedy(model: torch.nn.Module, prompt: list[int]) -> tuple[list[int], float]:
    """The text, and the smallest lead of a token over the next."""
    out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64), max_new_tokens=NEW, do_sample=False,
                         output_logits=True, return_dict_in_generate=True)
    best = [step[0].topk(2).values for step in out.logits]
    return out.sequences[0, len(prompt):].tolist(), min(float(a - b) for a, b in best)


def main() -> None:
    cases, numbers = [], []
    for name, (model_type, options) in CASES.items():
        config = config_of(model_type, options)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        fill(model, 0.0 if model_type.startswith("gemma") else 1.0)
        for first in range(7, 13):  # prompts whose texts hang on no rounding
            lengths = (first, first - 3)
            texts, leads = zip(*(greedy(model, EXAMPLES[i][:length]) for i, length in enumerate(lengths)))
            if min(leads) > 4e-3:
                break
        else:
            raise RuntimeError(f"{name}: every text is too close to call")
        logits = [model(torch.tensor([ids])).logits[0].detach() for ids in EXAMPLES[:2]]
        model.zero_grad()
        loss_of(model, EXAMPLES[:2]).backward()
        parameters = [(n, list(p.shape)) for n, p in model.named_parameters()]
        picks = []
        for _, parameter in model.named_parameters():
            flat = parameter.grad.reshape(-1)
            picks.append(flat[[i * flat.numel() // 16 for i in range(16)]])
            picks.append(flat.norm().reshape(1))
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            saved = json.loads((pathlib.Path(folder) / "config.json").read_text())
        losses = train(model)
        cases.append({"name": name, "config": saved, "parameters": parameters, "prompts": lengths, "greedy": texts})
        numbers += [*logits, *picks, torch.tensor(losses)]
        print(f"{name}: loss {losses[0]:.3f} to {losses[-1]:.3f}, the least lead of a greedy token {min(leads):.3g}")
    record = {"transformers": transformers.__version__, "torch": torch.__version__, "vocab": VOCAB, "examples": EXAMPLES, "steps": STEPS, "cases": cases, "exported": exported()}
    (OUT / "families.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
    torch.cat([each.reshape(-1) for each in numbers]).numpy().astype(numpy.float32).tofile(OUT / "families.f32")


if __name__ == "__main__":
    main()
