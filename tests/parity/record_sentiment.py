"""Records the compound scores of the vaderSentiment package for every movie-review snippet and for edge cases.

usage: python tests/parity/record_sentiment.py [ASSETS]      (needs tests/parity/requirements.txt; writes data/sentiment_*)
"""
import pathlib
import sys

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

ASSETS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/assets")
OUT = pathlib.Path(__file__).parent / "data"
STEMS = ["good", "GOOD", "bad", "BAD", "not good", "never so good", "without doubt good", "no good", "no bad or good",
         "least good", "at least good", "very least good", "kind of good", "sort of bad", "just enough good", "so GOOD",
         "VERY good", "isn't good", "it is the bomb", "yeah right it is great", "to die for food", "kiss of death here",
         "bus stop love", "beating heart love", "never this good day", "good but bad", "bad but bad but good",
         "great, but the ending was awful", "hardly love", "love hardly kind of", "😀", "I ❤ it 😢", "naïve Étude GOOD",
         "ÉTUDE good", ":)", "(: ;-)", "w00t!!", "great!!!!!!", "great??", "great????", "terrible!", "", "  ", "...", "no",
         "no!", "a\u00a0good\u2003day", "this so good", "he said so that good", "without a doubt good", "uh-uh good"]


def main() -> None:
    analyzer = SentimentIntensityAnalyzer()
    snippets = (ASSETS / "movieReviewSnippets_GroundTruth.txt").read_text(encoding="utf-8").splitlines()
    compounds = [analyzer.polarity_scores(line.split("\t")[2])["compound"] for line in snippets]
    (OUT / "sentiment_snippets.txt").write_text("".join(f"{c}\n" for c in compounds))
    edges = STEMS + [f"{a} {b}{end}" for a in STEMS for b in ("day", "but hate", "LOVE", "movie, not bad") for end in ("", "!", "???")]
    rows = []
    for text in edges:
        s = analyzer.polarity_scores(text)
        rows.append(f"{s['compound']}\t{s['pos']}\t{s['neg']}\t{s['neu']}\t{text}\n")
    (OUT / "sentiment_edges.txt").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
