"""LMFlow's RAFT loop (raft_aligner.py, collection_strategy "local") on today's transformers, which LMFlow itself does not run on.

For each prompt in turn: K copies through generate(), the texts scored, the best kept; then one Trainer epoch over what was kept,
loss on prompt and answer, the optimizer new in each iteration as in LMFlow's stable branch. Unlike LMFlow, in its favour: the
epoch's texts are one padded batch instead of batches of one, and activations are kept instead of computed again.
In bfloat16 the model itself is: what is sampled with and what is trained.

usage: lmflow_loop.py FACTS.json      (precision, weights, prompts, samples, max_new_tokens, batch, iterations, learning_rate, output_dir)
"""
import json
import time

from hf_model import bf16, device, dtype, facts, load_model, load_tokenizer, sampling, torch, transformers, wait
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


class Loop:
    def __init__(self, wanted: dict) -> None:
        self.wanted = wanted
        self.model, self.tokenizer = load_model(wanted["weights"], dtype()), load_tokenizer(wanted["weights"])
        self.analyzer = SentimentIntensityAnalyzer()

    def best_of(self, prompt: str) -> str:
        """The prompt with the best of its K answers."""
        inputs = self.tokenizer([prompt] * self.wanted["samples"], return_tensors="pt", padding=True).to(device())
        with torch.inference_mode():
            out = self.model.generate(**inputs, **sampling(self.tokenizer, self.wanted["max_new_tokens"], 1))
        answers = self.tokenizer.batch_decode(out[:, inputs.input_ids.shape[1]:], skip_special_tokens=True)
        rewards = [self.analyzer.polarity_scores(answer)["compound"] for answer in answers]
        return prompt + answers[rewards.index(max(rewards))]

    def collate(self, batch: list[dict]) -> dict:
        rows = self.tokenizer([row["text"] for row in batch], return_tensors="pt", padding=True, padding_side="right")
        return {**rows, "labels": rows.input_ids.masked_fill(rows.attention_mask == 0, -100)}

    def train(self, texts: list[str]) -> None:
        args = transformers.TrainingArguments(
            output_dir=self.wanted["output_dir"], num_train_epochs=1, per_device_train_batch_size=self.wanted["batch"],
            learning_rate=self.wanted["learning_rate"], save_strategy="no", report_to=[], use_cpu=device() == "cpu", bf16=bf16(),
            disable_tqdm=True, remove_unused_columns=False)
        self.model.train()
        transformers.Trainer(self.model, args, train_dataset=[{"text": text} for text in texts], data_collator=self.collate).train()
        self.model.eval()


def main() -> None:
    wanted = facts()
    loop = Loop(wanted)
    result = {"seconds": [], "generate_seconds": [], "train_seconds": []}
    for iteration in range(wanted["iterations"]):
        torch.manual_seed(iteration)
        begin = time.perf_counter()
        kept = [loop.best_of(prompt) for prompt in wanted["prompts"]]
        sampled = time.perf_counter()
        loop.train(kept)
        wait()
        end = time.perf_counter()
        result["seconds"].append(end - begin)
        result["generate_seconds"].append(sampled - begin)
        result["train_seconds"].append(end - sampled)
        result.setdefault("first_done", time.time())
    print(json.dumps(result))


main()
