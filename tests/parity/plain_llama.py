"""A Llama with its gradients, AdamW, and the random numbers of torch and of Slipway, in float64 and the standard library alone.

Written from the papers and from transformers' and torch's documentation, not from the host: what both compute, two programs found
independently. Small and slow; `python tests/parity/plain_llama.py` holds the gradients against finite differences.
"""

import math
import random
from operator import mul

from largest import largest_of

Row = list[float]


def dot(a: Row, b: Row) -> float:
    return sum(map(mul, a, b))


def product(matrix: list[Row], x: Row) -> Row:
    return [sum(map(mul, row, x)) for row in matrix]


def transposed_product(matrix: list[Row], g: Row) -> Row:
    return [sum(map(mul, column, g)) for column in zip(*matrix)]


def add_outer(into: list[Row], g: Row, x: Row) -> None:
    for row, value in zip(into, g):
        for j, other in enumerate(x):
            row[j] += value * other


def log_softmax(logits: Row) -> Row:
    top = max(logits)
    total = top + math.log(sum(math.exp(v - top) for v in logits))
    return [v - total for v in logits]


class Llama:
    """Weights by their Hugging Face names, each a list of rows (a norm's: one row). Tied embeddings."""

    def __init__(self, config: dict, weights: dict[str, list[Row]]):
        self.config, self.weights = config, weights
        self.heads, self.kv_heads, self.width = (
            config["num_attention_heads"],
            config["num_key_value_heads"],
            config["head_dim"],
        )
        self.zero_grad()

    def copy(self) -> "Llama":
        return Llama(self.config, {name: [row[:] for row in rows] for name, rows in self.weights.items()})

    def zero_grad(self) -> None:
        self.grads = {name: [[0.0] * len(row) for row in rows] for name, rows in self.weights.items()}

    def layer(self, i: int, name: str) -> str:
        return f"model.layers.{i}.{name}.weight"

    def norm(self, x: Row, name: str) -> tuple[Row, float]:
        r = 1 / math.sqrt(dot(x, x) / len(x) + self.config["rms_norm_eps"])
        return [v * r * w for v, w in zip(x, self.weights[name][0])], r

    def norm_backward(self, g: Row, x: Row, r: float, name: str) -> Row:
        weight, grad = self.weights[name][0], self.grads[name][0]
        for i, value in enumerate(g):
            grad[i] += value * x[i] * r
        h = [value * w for value, w in zip(g, weight)]
        along = dot(x, h) * r**3 / len(x)
        return [r * a - along * b for a, b in zip(h, x)]

    def rotated(self, x: Row, position: int, sign: int) -> Row:
        """Each head's pairs (i, i + width / 2) by position * theta^(-2 i / width)."""
        out, half = x[:], self.width // 2
        for head in range(0, len(x), self.width):
            for i in range(half):
                angle = sign * position * self.config["rope_theta"] ** (-2 * i / self.width)
                c, s, a, b = math.cos(angle), math.sin(angle), x[head + i], x[head + half + i]
                out[head + i], out[head + half + i] = a * c - b * s, b * c + a * s
        return out

    def part(self, x: Row, head: int) -> Row:
        return x[head * self.width : (head + 1) * self.width]

    def attention(self, q: Row, keys: list[Row], values: list[Row]) -> tuple[Row, list[Row]]:
        out, shares = [], []
        for h in range(self.heads):
            kv, own = h * self.kv_heads // self.heads, self.part(q, h)
            p = [
                math.exp(v)
                for v in log_softmax([dot(own, self.part(k, kv)) / math.sqrt(self.width) for k in keys])
            ]
            shares.append(p)
            out += [dot(p, column) for column in zip(*(self.part(v, kv) for v in values))]
        return out, shares

    def begin(self) -> dict:
        layers = self.config["num_hidden_layers"]
        return {
            "ids": [],
            "keys": [[] for _ in range(layers)],
            "values": [[] for _ in range(layers)],
            "saved": [],
            "last": [],
        }

    def feed(self, state: dict, token: int) -> Row:
        """The logits after one more token; `state` keeps what backward() needs."""
        position, saved = len(state["ids"]), []
        state["ids"].append(token)
        x = self.weights["model.embed_tokens.weight"][token]
        for i in range(self.config["num_hidden_layers"]):
            w = lambda name: self.weights[self.layer(i, name)]
            n, r = self.norm(x, self.layer(i, "input_layernorm"))
            q = self.rotated(product(w("self_attn.q_proj"), n), position, 1)
            state["keys"][i].append(self.rotated(product(w("self_attn.k_proj"), n), position, 1))
            state["values"][i].append(product(w("self_attn.v_proj"), n))
            attended, shares = self.attention(q, state["keys"][i], state["values"][i])
            y = [a + b for a, b in zip(x, product(w("self_attn.o_proj"), attended))]
            n2, r2 = self.norm(y, self.layer(i, "post_attention_layernorm"))
            gate, up = product(w("mlp.gate_proj"), n2), product(w("mlp.up_proj"), n2)
            inner = [a / (1 + math.exp(-a)) * b for a, b in zip(gate, up)]
            saved.append((x, n, r, q, attended, shares, y, n2, r2, gate, up, inner))
            x = [a + b for a, b in zip(y, product(w("mlp.down_proj"), inner))]
        hidden, r = self.norm(x, "model.norm.weight")
        state["saved"].append(saved)
        state["last"].append((x, r, hidden))
        return product(self.weights["model.embed_tokens.weight"], hidden)

    def backward(self, state: dict, logit_grads: dict[int, Row]) -> None:
        """Adds to the gradients; `logit_grads` by position. From the last token to the first: later tokens look at earlier ones."""
        embedding, layers, count = (
            "model.embed_tokens.weight",
            self.config["num_hidden_layers"],
            len(state["ids"]),
        )
        cached = self.kv_heads * self.width
        key_grads = [[[0.0] * cached for _ in range(count)] for _ in range(layers)]
        value_grads = [[[0.0] * cached for _ in range(count)] for _ in range(layers)]
        for position in reversed(range(count)):
            x, r, hidden = state["last"][position]
            g = [0.0] * len(x)
            if position in logit_grads:
                add_outer(self.grads[embedding], logit_grads[position], hidden)
                g = self.norm_backward(
                    transposed_product(self.weights[embedding], logit_grads[position]),
                    x,
                    r,
                    "model.norm.weight",
                )
            for i in reversed(range(layers)):
                g = self.block_backward(state, i, position, g, key_grads[i], value_grads[i])
            for j, value in enumerate(g):
                self.grads[embedding][state["ids"][position]][j] += value

    def block_backward(
        self, state: dict, i: int, position: int, g: Row, key_grads: list[Row], value_grads: list[Row]
    ) -> Row:
        x, n, r, q, attended, shares, y, n2, r2, gate, up, inner = state["saved"][position][i]

        def through(name: str, grad: Row, into: Row) -> Row:
            add_outer(self.grads[self.layer(i, name)], grad, into)
            return transposed_product(self.weights[self.layer(i, name)], grad)

        inner_grad = through("mlp.down_proj", g, inner)
        sigmoid = [1 / (1 + math.exp(-a)) for a in gate]
        gate_grad = [d * u * s * (1 + a * (1 - s)) for d, u, s, a in zip(inner_grad, up, sigmoid, gate)]
        up_grad = [d * a * s for d, a, s in zip(inner_grad, gate, sigmoid)]
        n2_grad = [
            a + b
            for a, b in zip(through("mlp.gate_proj", gate_grad, n2), through("mlp.up_proj", up_grad, n2))
        ]
        g = [
            a + b
            for a, b in zip(
                g, self.norm_backward(n2_grad, y, r2, self.layer(i, "post_attention_layernorm"))
            )
        ]
        attended_grad, q_grad = through("self_attn.o_proj", g, attended), []
        for h in range(self.heads):
            kv, p, out_grad = h * self.kv_heads // self.heads, shares[h], self.part(attended_grad, h)
            begin = kv * self.width
            p_grad = [dot(out_grad, self.part(v, kv)) for v in state["values"][i][: len(p)]]
            mean, own = dot(p, p_grad), [0.0] * self.width
            for j, share in enumerate(p):
                score = share * (p_grad[j] - mean) / math.sqrt(self.width)
                for c in range(self.width):
                    own[c] += score * state["keys"][i][j][begin + c]
                    key_grads[j][begin + c] += score * q[h * self.width + c]
                    value_grads[j][begin + c] += share * out_grad[c]
            q_grad += own
        parts = [
            through("self_attn.q_proj", self.rotated(q_grad, position, -1), n),
            through("self_attn.k_proj", self.rotated(key_grads[position], position, -1), n),
            through("self_attn.v_proj", value_grads[position], n),
        ]
        return [
            a + b
            for a, b in zip(
                g,
                self.norm_backward(
                    [sum(each) for each in zip(*parts)], x, r, self.layer(i, "input_layernorm")
                ),
            )
        ]

    def log_probabilities(self, ids: list[int], begin: int) -> Row:
        """Of the tokens from `begin` on that have one before them."""
        state = self.begin()
        rows = [log_softmax(self.feed(state, token)) for token in ids[:-1]]
        return [rows[t - 1][ids[t]] for t in range(max(begin, 1), len(ids))]

    def loss_backward(self, ids: list[int], begin: int, labels: int) -> float:
        """Adds the gradient of (sum of -log p) / labels; returns the sum."""
        state, sum_, grads = self.begin(), 0.0, {}
        for t, token in enumerate(ids[:-1]):
            row = log_softmax(self.feed(state, token))
            if t + 1 < max(begin, 1):
                continue
            sum_ -= row[ids[t + 1]]
            grads[t] = [(math.exp(v) - (j == ids[t + 1])) / labels for j, v in enumerate(row)]
        self.backward(state, grads)
        return sum_


class AdamW:
    """Decoupled weight decay (Loshchilov and Hutter), norms left out of the decay."""

    def __init__(self, model: Llama, beta1: float, beta2: float, epsilon: float, decay: float):
        self.model, self.beta1, self.beta2, self.epsilon, self.decay = model, beta1, beta2, epsilon, decay
        self.reset()

    def reset(self) -> None:
        empty = {name: [[0.0] * len(row) for row in rows] for name, rows in self.model.weights.items()}
        self.m, self.v, self.steps = (
            empty,
            {name: [row[:] for row in rows] for name, rows in empty.items()},
            0,
        )

    def step(self, rate: float, scale: float) -> None:
        self.steps += 1
        first, second = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        for name, rows in self.model.weights.items():
            keep = 1 if "norm" in name else 1 - rate * self.decay
            for w, g, m, v in zip(rows, self.model.grads[name], self.m[name], self.v[name]):
                for j, value in enumerate(g):
                    value *= scale
                    m[j] = self.beta1 * m[j] + (1 - self.beta1) * value
                    v[j] = self.beta2 * v[j] + (1 - self.beta2) * value * value
                    w[j] = w[j] * keep - rate * (m[j] / first) / (math.sqrt(v[j] / second) + self.epsilon)


def permutation(n: int, seed: int) -> list[int]:
    """torch.randperm(n, generator=torch.Generator().manual_seed(seed)): a Mersenne twister (MT19937, seeded as its authors do), and swaps."""
    state = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & 0xFFFFFFFF)
    twister = random.Random()
    twister.setstate((3, tuple(state) + (624,), None))
    out = list(range(n))
    for i in range(n - 1):
        j = i + twister.getrandbits(32) % (n - i)
        out[i], out[j] = out[j], out[i]
    return out


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4x32-10 (Salmon et al., SC 2011)."""
    for i in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        k0, k1 = (key[0] + i * 0x9E3779B9) & 0xFFFFFFFF, (key[1] + i * 0xBB67AE85) & 0xFFFFFFFF
        counter = [b >> 32 ^ counter[1] ^ k0, b & 0xFFFFFFFF, a >> 32 ^ counter[3] ^ k1, a & 0xFFFFFFFF]
    return counter


def uniform(seed: int, iteration: int, prompt: int, sample: int, position: int) -> float:
    """In [0, 1) with 53 bits, by the place alone."""
    bits = philox([position, sample, prompt, iteration], [seed & 0xFFFFFFFF, seed >> 32])
    return ((bits[0] << 32 | bits[1]) >> 11) / 2.0**53


class Chooser:
    """Draws tokens; `margin` is how near a number came to where another token begins: what float32 must not be able to turn."""

    def __init__(self, temperature: float, top_k: int, top_p: float):
        self.temperature, self.top_k, self.top_p, self.margin = temperature, top_k, top_p, 1.0

    def choose(self, logits: Row, u: float) -> int:
        if self.temperature == 0:
            return logits.index(max(logits))
        weights = [math.exp(v) for v in log_softmax([v / self.temperature for v in logits])]
        tokens = list(range(len(logits)))
        if self.top_k > 0 or self.top_p < 1:
            tokens.sort(key=lambda t: (-logits[t], t))
            if self.top_k > 0:
                tokens = tokens[: self.top_k]
            if self.top_p < 1:
                tokens = self.nucleus(tokens, weights)
        total, mass, chosen = sum(weights[t] for t in tokens), 0.0, tokens[-1]
        for t in tokens:
            mass += weights[t] / total
            self.margin = min(self.margin, abs(mass - u) if t != tokens[-1] else 1)
            if mass > u:
                return t
        return chosen

    def nucleus(self, tokens: list[int], weights: Row) -> list[int]:
        wanted, mass, out = self.top_p * sum(weights[t] for t in tokens), 0.0, []
        for t in tokens:
            if out and mass >= wanted:
                break
            mass += weights[t]
            out.append(t)
            self.margin = min(self.margin, abs(mass - wanted) or 1)
        return out


def check_gradients() -> None:
    draw = random.Random(3)
    config = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100.0,
    }
    shapes = {"model.embed_tokens.weight": (11, 8), "model.norm.weight": (1, 8)}
    for i in range(2):
        for name, shape in {
            "input_layernorm": (1, 8),
            "post_attention_layernorm": (1, 8),
            "self_attn.q_proj": (8, 8),
            "self_attn.k_proj": (4, 8),
            "self_attn.v_proj": (4, 8),
            "self_attn.o_proj": (8, 8),
            "mlp.gate_proj": (12, 8),
            "mlp.up_proj": (12, 8),
            "mlp.down_proj": (8, 12),
        }.items():
            shapes[f"model.layers.{i}.{name}.weight"] = shape
    model = Llama(
        config,
        {
            name: [[draw.uniform(-1, 1) for _ in range(n)] for _ in range(rows)]
            for name, (rows, n) in shapes.items()
        },
    )
    ids, begin = [1, 5, 9, 5, 2, 7], 2
    model.loss_backward(ids, begin, 3)
    worst = 0.0
    for name, rows in model.weights.items():
        for i, row in enumerate(rows):
            j = draw.randrange(len(row))
            kept, sums = row[j], []
            for row[j] in (kept + 1e-5, kept - 1e-5):
                sums.append(-sum(model.log_probabilities(ids, begin)) / 3)
            row[j] = kept
            worst = largest_of([worst, abs((sums[0] - sums[1]) / 2e-5 - model.grads[name][i][j])])
    assert worst < 1e-8, worst
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [
        0x408F276D,
        0x41C83B0E,
        0xA20BC7C6,
        0x6D5451FD,
    ]  # the authors' test vector
    print(f"gradients differ from finite differences by at most {worst:.2g}")


if __name__ == "__main__":
    check_gradients()
