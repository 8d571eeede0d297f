"""Logits, loss, gradients and greedy text of every shape class beside transformers, on the same drawn
model.

Both sides are held against transformers in float64. What float32 loses there is measured on transformers
itself, and Slipway may lose four times as much: a sum of n numbers in one chain loses the square root of
sixteen times what sixteen chains lose, and how a product is cut into chains is what differs between
libraries. With bf16 the scale is what the Trainer's autocast loses, which rounds what Slipway rounds and
the products' results as well: Slipway may not lose more than that, and must lose more than float32 does.
"""

import concurrent.futures
import json
import pathlib
import random
import threading

from largest import largest_of
from program import run, write_rows
from shapes import small_shapes
from tell import (
    at_most,
    facts,
    failed,
    guarded,
    need,
    need_gpu,
    need_libtorch,
    ok,
    scratch,
    skip_all,
    skipped,
)
from words import text

FACTOR = 4  # of float32's measured loss
ROWS, LONGEST, NEW_TOKENS, PROMPTS = 12, 150, 24, 8
KINDS = ("float64", "float32", "bfloat16")
# The peer: loading a model changes torch's default type for a while. Slipway's processes run side by side.
ONE_AT_A_TIME = threading.Lock()
QUANTITIES = ("logits", "loss", "gradients")


def row_names(shape: str) -> list[str]:
    return [f"{shape}: {what}{how}" for how in ("", " with bf16") for what in QUANTITIES] + [
        f"{shape}: greedy text"
    ]


def write_data(path: pathlib.Path, seed: int) -> pathlib.Path:
    """Texts, and prompts with their completions, short and cut ones."""
    draw = random.Random(seed)
    rows: list[dict] = []
    for at in range(ROWS):
        length = draw.choice((20, 60, 130, 250, 500))
        rows.append(
            {"text": text(draw, length)}
            if at % 2
            else {"prompt": text(draw, 40), "completion": " " + text(draw, length)}
        )
    return write_rows(path, rows)


def relative(of: object, reference: object) -> float:
    """‖of - reference‖ / ‖reference‖."""
    return ((of - reference).norm() / reference.norm()).item()


def largest(ours: dict, theirs: dict) -> float:
    return largest_of((ours[name] - theirs[name]).abs().max().item() for name in theirs)


def told(name: str, lost: float, scale: float, rounded: float | None, why: str, **more: object) -> None:
    """A row: `lost` of what `scale` allows. `rounded`: what float32 loses, where products are in bfloat16."""
    if rounded is not None and lost < 2 * FACTOR * rounded:
        failed(
            name, f"as near to float64 as float32 is ({lost:.2g}): nothing was rounded to bfloat16", **more
        )
    else:
        at_most(name, lost, scale, why, **more)


def worst_tensor(of: object, exact: object) -> tuple[float, str]:
    """How far the gradients are from float64's, and which is the furthest."""
    losses = {tensor: relative(of.gradients[tensor], value) for tensor, value in exact.gradients.items()}
    worst = max(
        losses, key=lambda tensor: losses[tensor] if losses[tensor] == losses[tensor] else float("inf")
    )
    return losses[worst], worst


def compare(name: str, ours: object, peer: object, exact: object, plain: object | None) -> None:
    """Rows of one kind of arithmetic. `plain`: where it rounds to bfloat16, the peer's numbers in float32."""
    suffix, factor = ("", FACTOR) if plain is None else (" with bf16", 1)
    apart, of = (ours.logits - peer.logits).abs().max().item(), exact.logits.abs().max().item()
    told(
        f"{name}: logits{suffix}",
        relative(ours.logits, exact.logits),
        factor * relative(peer.logits, exact.logits),
        None if plain is None else relative(plain.logits, exact.logits),
        f"largest difference to transformers {apart:.2g} of {of:.3g}",
        largest_difference=apart,
        of=of,
    )
    # The mean of many is no further off than they are.
    each = (peer.logprobs - exact.logprobs).pow(2).mean().sqrt().item()
    why = f"difference to transformers {abs(ours.loss - peer.loss):.2g} of {exact.loss:.4g}"
    at_most(f"{name}: loss{suffix}", abs(ours.loss - exact.loss), factor * each, why)
    lost, furthest = worst_tensor(ours, exact)
    apart = largest(ours.gradients, peer.gradients)
    told(
        f"{name}: gradients{suffix}",
        lost,
        factor * worst_tensor(peer, exact)[0],
        None if plain is None else worst_tensor(plain, exact)[0],
        f"largest difference to transformers {apart:.2g}; furthest from float64: {furthest}",
        largest_difference=apart,
    )


def check_numbers(
    name: str, folder: pathlib.Path, model: pathlib.Path, data: pathlib.Path, peer: dict
) -> None:
    """Of Slipway, beside those of the peer: "batch", and numbers by the kind of arithmetic."""
    import our_numbers

    device, batch, exact = facts()["device"], peer["batch"], peer["float64"]
    shapes = {tensor: value.shape for tensor, value in exact.gradients.items()}
    ours = our_numbers.compute(folder / "plain", model, data, batch, False, device, shapes)
    compare(name, ours, peer["float32"], exact, None)
    if (why := no_bf16(device)) is not None:
        skip_all([f"{name}: {what} with bf16" for what in QUANTITIES], why)
    else:
        ours = our_numbers.compute(folder / "rounded", model, data, batch, True, device, shapes)
        compare(name, ours, peer["bfloat16"], exact, peer["float32"])


def check_texts(
    name: str, model: pathlib.Path, prompts: list[str], theirs: list[str], leads: list[float]
) -> None:
    """`leads`: by how much the peer's closest choice in each text was decided."""
    import our_numbers

    ours = our_numbers.greedy(model, prompts, NEW_TOKENS, facts()["device"])
    other = [i for i in range(PROMPTS) if theirs[i] != ours[i]]
    if other:
        failed(
            f"{name}: greedy text",
            f"{len(other)} of {PROMPTS} differ; after {prompts[other[0]]!r}: {ours[other[0]]!r}, "
            f"transformers {theirs[other[0]]!r}, whose closest choice there led by {leads[other[0]]:.2g}",
        )
    elif len(set(theirs) - {""}) < PROMPTS // 2:
        failed(f"{name}: greedy text", f"the texts say nothing: {theirs}")
    else:
        ok(
            f"{name}: greedy text",
            measured=PROMPTS,
            why=f"texts are equal; the closest choice led by {min(leads):.2g}",
        )


def check_shape(name: str, config: dict, seed: int) -> None:
    import transformers

    import peer_numbers
    from draw_model import draw as draw_model

    device, folder, draw = facts()["device"], scratch(f"parity-{seed}"), random.Random(seed)
    prompts = [text(draw, draw.randint(4, 120)) for _ in range(PROMPTS)]
    data = write_data(folder / "rows.jsonl", seed)
    with guarded(f"{name}: the peer"):
        with ONE_AT_A_TIME:
            model = draw_model(folder / "model", config, seed, device=device)
            batch = peer_numbers.batch_of(data, transformers.AutoTokenizer.from_pretrained(model), LONGEST)
            peer = {"batch": batch}
            peer |= {kind: peer_numbers.compute(model, batch, kind, device) for kind in KINDS}
            texts, leads = peer_numbers.greedy(model, prompts, NEW_TOKENS, device)
        with guarded(f"{name}: numbers"):
            check_numbers(name, folder, model, data, peer)
        with guarded(f"{name}: greedy text"):
            check_texts(name, model, prompts, texts, leads)


def no_bf16(device: str) -> str | None:
    """Why the processor does not round: a GPU always does."""
    doctor = json.loads(run("doctor", "--json", "--quick")) if device == "cpu" else {"bf16": {"fast": True}}
    return None if doctor["bf16"]["fast"] else f"this processor has no bfloat16 ({doctor['bf16']['slow']})"


def read_lazy_parts() -> None:
    """transformers reads its parts when they are first asked for, and two threads that ask at once are told
    that there are none.
    """
    import transformers

    for name in ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer", "LlamaForCausalLM"):
        getattr(transformers, name)
    import draw_model  # noqa: F401
    import our_numbers  # noqa: F401
    import peer_numbers  # noqa: F401


def main() -> None:
    shapes = small_shapes()
    names = [row for shape in shapes for row in row_names(shape)]
    if (why := need_gpu() or need("torch", "transformers", "safetensors")) is not None:
        skip_all(names, why)
    else:
        read_lazy_parts()
        workers = 4 if facts()["device"] == "cuda" else 1
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(check_shape, shapes, shapes.values(), range(1, len(shapes) + 1)))


if __name__ == "__main__":
    main()
