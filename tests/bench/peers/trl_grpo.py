"""TRL's GRPOTrainer: K completions of each prompt, VADER's score as the reward, one optimizer update over all of them in one batch.

In bfloat16 the model itself is: GRPOTrainer casts it to sample, with bf16=True.

usage: trl_grpo.py FACTS.json      (precision, weights, prompts, samples, max_new_tokens, iterations, learning_rate, output_dir)
"""
import json
import time

from hf_model import bf16, device, dtype, facts, load_model, load_tokenizer, transformers, wait

import datasets
import trl
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

ANALYZER = SentimentIntensityAnalyzer()


def sentiment(completions: list[str], **kwargs) -> list[float]:
    return [ANALYZER.polarity_scores(text)["compound"] for text in completions]


class Clock(transformers.TrainerCallback):
    """When each update began (sampling is part of it) and ended."""

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        self.begins.append(time.time())

    def on_step_end(self, args, state, control, **kwargs) -> None:
        wait()
        self.ends.append(time.time())


def main() -> None:
    wanted = facts()
    completions = len(wanted["prompts"]) * wanted["samples"]
    # Set is what makes the work equal; the rest are TRL's defaults, gradient checkpointing among them.
    args = trl.GRPOConfig(
        output_dir=wanted["output_dir"], max_steps=wanted["iterations"], per_device_train_batch_size=completions,
        num_generations=wanted["samples"], max_completion_length=wanted["max_new_tokens"], temperature=1.0, top_k=0, top_p=1.0, beta=0.0,
        learning_rate=wanted["learning_rate"], bf16=bf16(), use_cpu=device() == "cpu", save_strategy="no", report_to=[], disable_tqdm=True)
    clock = Clock()
    trl.GRPOTrainer(
        model=load_model(wanted["weights"], dtype()), processing_class=load_tokenizer(wanted["weights"]), reward_funcs=sentiment, args=args,
        train_dataset=datasets.Dataset.from_list([{"prompt": prompt} for prompt in wanted["prompts"]]), callbacks=[clock]).train()
    seconds = [end - begin for begin, end in zip(clock.begins, clock.ends)]
    print(json.dumps({"seconds": seconds, "first_done": clock.ends[0]}))


main()
