"""llama.cpp through the low-level bindings: parallel sequences, each prompt computed once and shared by its K samples.

Weights of the type that is asked for, its own sampler over the whole vocabulary, cache and attention as llama.cpp chooses; of its two cache layouts
the one that is faster here. Rows that end leave the batch.

usage: llama_cpp_decode.py FACTS.json      (weights, gguf, type, prompts, samples, max_new_tokens, repeats)
"""
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import time

import llama_cpp as llama


@llama.llama_log_callback
def silent(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
    """Takes what llama.cpp says of every tensor, and drops it."""


class Decoder:
    def __init__(self, wanted: dict, unified: bool, extra_buffers: bool) -> None:
        self.prompts, self.samples = wanted["prompts"], wanted["samples"]
        self.rows = len(self.prompts) * self.samples
        model_params = llama.llama_model_default_params()
        model_params.n_gpu_layers = 0 if wanted["device"] == "cpu" else 1000
        model_params.use_extra_bufts = extra_buffers
        self.model = llama.llama_model_load_from_file(wanted["gguf"].encode(), model_params)
        self.vocab = llama.llama_model_get_vocab(self.model)
        self.ids = [self.tokenize(prompt) for prompt in self.prompts]
        longest = max(map(len, self.ids)) + wanted["max_new_tokens"]
        params = llama.llama_context_default_params()
        params.n_ctx = self.rows * -(-longest // 256) * 256
        params.n_seq_max = self.rows
        params.n_batch = max(2048, self.rows)
        params.n_threads = params.n_threads_batch = os.cpu_count()
        params.kv_unified = unified
        self.context = llama.llama_init_from_model(self.model, params)
        self.batch = llama.llama_batch_init(params.n_batch, 0, 1)

    def close(self) -> None:
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode()
        ids = (llama.llama_token * (len(raw) + 8))()
        count = llama.llama_tokenize(self.vocab, raw, len(raw), ids, len(ids), False, False)
        return list(ids[:count])

    def add(self, token: int, position: int, sequence: int, logits: bool) -> int:
        at = self.batch.n_tokens
        self.batch.token[at], self.batch.pos[at], self.batch.logits[at] = token, position, logits
        self.batch.n_seq_id[at], self.batch.seq_id[at][0] = 1, sequence
        self.batch.n_tokens += 1
        return at

    def decode(self) -> None:
        status = llama.llama_decode(self.context, self.batch)
        if status != 0:
            raise RuntimeError(f"llama_decode gave {status}")

    def prefill(self, sampler) -> list[int]:
        """The first token of every row."""
        memory = llama.llama_get_memory(self.context)
        llama.llama_memory_clear(memory, True)
        self.batch.n_tokens = 0
        last = []
        for p, ids in enumerate(self.ids):
            for position, token in enumerate(ids):
                at = self.add(token, position, p * self.samples, position + 1 == len(ids))
            last.append(at)
        self.decode()
        for p in range(len(self.ids)):
            for s in range(1, self.samples):
                llama.llama_memory_seq_cp(memory, p * self.samples, p * self.samples + s, -1, -1)
        return [llama.llama_sampler_sample(sampler, self.context, last[row // self.samples]) for row in range(self.rows)]

    def run(self, new: int, seed: int) -> tuple[int, float, float]:
        """Tokens, seconds in all, seconds after the first token of every row."""
        sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(sampler, llama.llama_sampler_init_dist(seed))
        begin = time.perf_counter()
        drawn = self.prefill(sampler)
        prefilled = time.perf_counter()
        counts = [1] * self.rows
        alive = [row for row in range(self.rows) if not llama.llama_vocab_is_eog(self.vocab, drawn[row])]
        while alive and max(counts) < new:
            self.batch.n_tokens = 0
            for row in alive:
                self.add(drawn[row], len(self.ids[row // self.samples]) + counts[row] - 1, row, True)
            self.decode()
            for at, row in enumerate(alive):
                drawn[row] = llama.llama_sampler_sample(sampler, self.context, at)
                counts[row] += 1
            alive = [row for row in alive if not llama.llama_vocab_is_eog(self.vocab, drawn[row])]
        end = time.perf_counter()
        llama.llama_sampler_free(sampler)
        return sum(counts), end - begin, end - prefilled


def survives_extra_buffers(wanted: dict) -> bool:
    """Whether weights may be laid out anew for the processor's own instructions: with AMX's layout of Q8_0 it crashes (0.3.36)."""
    child = os.fork()
    if child == 0:
        Decoder(wanted, True, True).run(2, 0)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def faster_layout(wanted: dict, extra_buffers: bool) -> bool:
    """Whether one cache for all sequences is faster than one for each, by the tokens of a short trial."""
    seconds = {}
    for unified in (True, False):
        decoder = Decoder(wanted, unified, extra_buffers)
        decoder.run(2, 0)
        seconds[unified] = decoder.run(min(8, wanted["max_new_tokens"]), 0)[2]
        decoder.close()
    return min(seconds, key=seconds.get)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        wanted = json.load(file)
    if not os.path.exists(wanted["gguf"]):
        writer = pathlib.Path(__file__).with_name("write_gguf.py")
        subprocess.run([sys.executable, writer, wanted["weights"], wanted["gguf"], wanted["type"]], check=True, stdout=sys.stderr)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    if wanted["device"] != "cpu" and not llama.llama_supports_gpu_offload():
        print(json.dumps({"error": "this llama.cpp was built for the processor alone"}))
        return
    extra_buffers = survives_extra_buffers(wanted)
    unified = faster_layout(wanted, extra_buffers)
    decoder = Decoder(wanted, unified, extra_buffers)
    result = {"tokens": [], "seconds": [], "decode_rate": [], "layout": "unified" if unified else "per sequence", "extra_buffers": extra_buffers}
    for seed in range(wanted["repeats"]):
        tokens, seconds, decoding = decoder.run(wanted["max_new_tokens"], seed)
        result["tokens"].append(tokens)
        result["seconds"].append(seconds)
        result["decode_rate"].append((tokens - decoder.rows) / decoding)
    print(json.dumps(result))


main()
