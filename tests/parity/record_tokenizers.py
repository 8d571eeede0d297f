"""Records the ids and texts that the tokenizers package gives for the strings of record_tokenizer.py, with small tokenizers of the
forms that the families use, trained here: SentencePiece's BPE and Unigram, WordPiece, and every normalizer, pre-tokenizer, decoder
and post-processor. For tokenizer.model files, what transformers' AutoTokenizer makes of them.

usage: python tests/parity/record_tokenizers.py [ASSETS]
       (needs tests/parity/requirements.txt and tokenizer_strings.gz of record_tokenizer.py; writes tests/parity/data/tokenizers)

NAME.json.gz     a tokenizer.json
NAME.rest.json.gz of a folder that has none: the one that AutoTokenizer makes of it, less vocabulary, merges and charsmap
NAME.gz          u32 strings; for each 8 of them: u32 sum of their ids (u32 count, u32 ids), u32 sum of their decoded texts, each with
                 and without special tokens, a zero byte behind each; the ids of every 40th string: u32 count, u32 ids
NAME/            what the folder holds; files beyond 20,000 bytes as FILE.gz
forms.gz         for each 256 code points (see block() there) u32 sums of their NFC, NFD, NFKC, NFKD, lower case, StripAccents,
                 BertNormalizer, Nmt and of Precompiled with nmt_nfkc
Sums are CRC-32. All little-endian.
"""
import gzip
import json
import pathlib
import shutil
import struct
import sys
import tempfile
import zlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers as norm, pre_tokenizers as pre, processors,
                        trainers)
from transformers import AutoTokenizer

from record_tokenizer import block

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/parity/data/tokenizers"
MARK = "\u2581"
SYMBOLS = ["<|user|>", "<left>", "[x]", "▁▁▁", "é̂"]


def stored_strings() -> list[str]:
    data, at, out = gzip.decompress((OUT.parent / "tokenizer_strings.gz").read_bytes()), 0, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        out.append(data[at + 4:at + 4 + size].decode())
        at += 4 + size
    return out


def spm(texts: list[str], folder: pathlib.Path, **options) -> bytes:
    """A trained SentencePiece model. Its trainer's own record of file names is taken out."""
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(t.replace("\n", " ") for t in texts))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "m"), num_threads=1, minloglevel=2, **options)
    proto = proto_of((folder / "m.model").read_bytes())
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    return proto.SerializeToString(deterministic=True)


def proto_of(model: bytes):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return proto


def bpe_of(model: bytes, **options) -> models.BPE:
    """The model's pieces as a BPE, merges in the order of ids, as transformers finds them."""
    vocab = {p.piece: i for i, p in enumerate(proto_of(model).pieces)}
    merges = []
    for token, id in vocab.items():
        local = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocab and token[i:] in vocab]
        merges += [(id, len(a), a, b) for a, b in local]
    return models.BPE(vocab=vocab, merges=[(a, b) for _, _, a, b in sorted(merges)], **options)


def unigram_of(model: bytes, **options) -> models.Unigram:
    proto = proto_of(model)
    return models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=proto.trainer_spec.unk_id, **options)


def spm_decoder(strip: bool):
    steps = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] if strip else steps)


def with_specials(tokenizer: Tokenizer, bos="<s>", eos="</s>") -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ("<unk>", bos, eos)])
    return tokenizer


def framed(tokenizer: Tokenizer, single: str, *names: str) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=single + " $B", special_tokens=[(n, tokenizer.token_to_id(n)) for n in names])
    return tokenizer


def llama2(bpe: bytes) -> Tokenizer:
    t = with_specials(Tokenizer(bpe_of(bpe, fuse_unk=True, byte_fallback=True, unk_token="<unk>")))
    t.normalizer = norm.Sequence([norm.Prepend(MARK), norm.Replace(" ", MARK)])
    t.decoder = spm_decoder(True)
    t.add_tokens([AddedToken("<left>", lstrip=True), AddedToken("word", single_word=True, normalized=True)])
    return framed(t, "<s> $A", "<s>")


def mistral(bpe: bytes) -> Tokenizer:
    t = with_specials(Tokenizer(bpe_of(bpe, fuse_unk=True, byte_fallback=True, unk_token="<unk>")))
    t.pre_tokenizer = pre.Metaspace(MARK, prepend_scheme="first", split=False)
    t.decoder = spm_decoder(True)
    t.add_tokens([AddedToken("<both>", lstrip=True, rstrip=True, normalized=False), AddedToken("[x]")])
    return framed(t, "<s> $A </s>", "<s>", "</s>")


def gemma(bpe: bytes) -> Tokenizer:
    t = with_specials(Tokenizer(bpe_of(bpe, fuse_unk=True, byte_fallback=True, unk_token="<unk>")))
    t.normalizer = norm.Replace(" ", MARK)
    t.pre_tokenizer = pre.Split(" ", "merged_with_previous")
    t.decoder = spm_decoder(False)
    return framed(t, "<s> $A", "<s>")


def unknown(bpe: bytes, fuse: bool) -> Tokenizer:
    """No byte fallback; the first bytes alone have tokens, so that some characters fall back and some do not."""
    vocab = {p.piece: i for i, p in enumerate(proto_of(bpe).pieces) if p.type != 6 or p.piece < "<0xC4>"}
    vocab = {t: i for i, t in enumerate(vocab)}
    merges = [(t[:i], t[i:]) for t in vocab for i in range(1, len(t)) if t[:i] in vocab and t[i:] in vocab]
    t = with_specials(Tokenizer(models.BPE(vocab=vocab, merges=merges, fuse_unk=fuse, unk_token="<unk>", byte_fallback=True)))
    t.pre_tokenizer = pre.Metaspace(MARK, prepend_scheme="always", split=True)
    t.decoder = decoders.Metaspace(MARK, prepend_scheme="always" if fuse else "never")
    return t


def t5(unigram: bytes) -> Tokenizer:
    t = with_specials(Tokenizer(unigram_of(unigram)))
    t.normalizer = norm.Precompiled(proto_of(unigram).normalizer_spec.precompiled_charsmap)
    t.pre_tokenizer = pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace(MARK, prepend_scheme="always", split=True)])
    t.decoder = decoders.Metaspace(MARK, prepend_scheme="always")
    return framed(t, "$A </s>", "</s>")


def xlm_roberta(unigram: bytes) -> Tokenizer:
    t = with_specials(Tokenizer(unigram_of(unigram, byte_fallback=True)))
    t.normalizer = norm.Sequence([norm.Nmt(), norm.NFKC(), norm.Strip(left=False, right=True), norm.Replace(Regex(" {2,}"), MARK)])
    t.pre_tokenizer = pre.Metaspace(MARK, prepend_scheme="first")
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(MARK, prepend_scheme="first")])
    t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
    return t


def bert(texts: list[str]) -> Tokenizer:
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    t.normalizer = norm.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    t.pre_tokenizer = pre.BertPreTokenizer()
    t.decoder = decoders.WordPiece("##", cleanup=True)
    t.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    return t


def odd_steps(texts: list[str]) -> Tokenizer:
    """The other steps: they need not be sensible together."""
    t = Tokenizer(models.WordPiece(unk_token="?", continuing_subword_prefix="@"))
    t.normalizer = norm.Sequence([norm.Nmt(), norm.NFKD(), norm.StripAccents(), norm.Lowercase(), norm.NFC(), norm.Strip(),
                                  norm.Replace("movie", "film"), norm.Replace(Regex(r"\d{2,}"), "#")])
    t.pre_tokenizer = pre.Sequence([pre.CharDelimiterSplit("x"), pre.Punctuation("merged_with_previous"), pre.Whitespace()])
    t.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=800, special_tokens=["?"], continuing_subword_prefix="@", show_progress=False))
    t.add_tokens([AddedToken("Word", normalized=True), AddedToken("<LEFT>", normalized=True, lstrip=True)])
    t.decoder = decoders.WordPiece("@", cleanup=False)
    return t


def byte_normalizer(texts: list[str]) -> Tokenizer:
    """Bytes by the normalizer, no decoder."""
    t = Tokenizer(models.BPE())
    t.normalizer = norm.Sequence([norm.NFKC(), norm.ByteLevel()])
    t.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False))
    return t


def auto(folder: pathlib.Path, files: dict[str, bytes]) -> Tokenizer:
    """What AutoTokenizer makes of a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return AutoTokenizer.from_pretrained(folder).backend_tokenizer


def added(content: str, **flags) -> dict:
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}


def with_settings(model: bytes, trainer: dict, normalizer: dict) -> bytes:
    proto = proto_of(model)
    for key, value in trainer.items():
        setattr(proto.trainer_spec, key, value)
    for key, value in normalizer.items():
        setattr(proto.normalizer_spec, key, value)
    return proto.SerializeToString(deterministic=True)


def folders(bpe: bytes, unigram: bytes, wordpiece: Tokenizer) -> dict[str, dict[str, bytes]]:
    """Folders without a tokenizer.json."""
    gpt2 = json.loads((OUT.parent / "tokenizer_gpt2.json").read_text())["model"]
    merges = "\n".join(["#version: 0.2", *(m if isinstance(m, str) else " ".join(m) for m in gpt2["merges"])]) + "\n"
    pairs = {"vocab.json": gpt2["vocab"], "merges.txt": merges.encode()}
    words = json.loads(wordpiece.to_str())["model"]["vocab"]
    lines = {"vocab.txt": ("\n".join(sorted(words, key=words.get)) + "\n").encode()}
    out = {
        "llama_class": {"tokenizer.model": bpe, "config.json": {"model_type": "llama"}, "tokenizer_config.json": {
            "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False, "bos_token": {"__type": "AddedToken", **added("<s>")},
            "added_tokens_decoder": {"0": added("<unk>"), "1": added("<s>", normalized=True), "900": added("<new>", lstrip=True)},
            "additional_special_tokens": ["<new>"]}},
        "llama_legacy": {"tokenizer.model": bpe, "config.json": {"model_type": "llama"}, "tokenizer_config.json": {
            "tokenizer_class": "LlamaTokenizerFast", "legacy": True, "add_bos_token": True, "add_eos_token": True, "pad_token": "<pad>"}},
        "llama_no_prefix": {"tokenizer.model": bpe, "config.json": {"model_type": "llama"}, "tokenizer_config.json": {
            "tokenizer_class": "LlamaTokenizer", "add_prefix_space": False},
            "special_tokens_map.json": {"bos_token": "<s>", "pad_token": added("</s>")}, "added_tokens.json": {"<extra>": 900}},
        "own_file": {"tokenizer.model": bpe, "config.json": {"model_type": "llama"}},
        "own_first": {"tokenizer.model": bpe, "config.json": {"model_type": "mistral"}, "tokenizer_config.json": {
            "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False,
            "added_tokens_decoder": {"0": added("<unk>"), "3": added("[INST]")}}},
        "own_spaces": {"tokenizer.model": with_settings(bpe, {"byte_fallback": False}, {"remove_extra_whitespaces": True}),
                       "config.json": {"model_type": "llama"}},
        "own_unigram": {"tokenizer.model": unigram, "tokenizer_config.json": {"add_eos_token": True}},
        "own_no_dummy": {"tokenizer.model": with_settings(bpe, {"bos_id": -1}, {"add_dummy_prefix": False}),
                         "config.json": {"model_type": "llama"}, "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": True}},
        "gemma_class": {"tokenizer.model": bpe, "config.json": {"model_type": "gemma2"}, "tokenizer_config.json": {
            "tokenizer_class": "GemmaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}},
        "gpt2_files": {**pairs, "config.json": {"model_type": "gpt2"}, "tokenizer_config.json": {
            "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": True, "pad_token": "<pad>"}},
        "qwen2_files": {**pairs, "config.json": {"model_type": "qwen2"}, "tokenizer_config.json": {
            "tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "additional_special_tokens": ["<|im_start|>"],
            "added_tokens_decoder": {str(len(gpt2["vocab"])): added("<|im_start|>")}}},
        "gpt_neox_files": {**pairs, "config.json": {"model_type": "gpt_neox"}},
        "bert_files": {**lines, "config.json": {"model_type": "bert"}},
        "bert_cased_files": {**lines, "config.json": {"model_type": "bert"}, "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer", "do_lower_case": False, "tokenize_chinese_chars": False}},
    }
    return {name: {file: data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode() for file, data in files.items()}
            for name, files in out.items()}


def record(name: str, tokenizer: Tokenizer, texts: list[str]) -> None:
    record_into(OUT, name, tokenizer, texts)


def record_into(folder: pathlib.Path, name: str, tokenizer: Tokenizer, texts: list[str]) -> None:
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    whole, bare = tokenizer.decode_batch(ids, skip_special_tokens=False), tokenizer.decode_batch(ids, skip_special_tokens=True)
    packed = [struct.pack(f"<I{len(i)}I", len(i), *i) for i in ids]
    said = [w.encode() + b"\0" + b.encode() + b"\0" for w, b in zip(whole, bare)]
    out = bytearray(struct.pack("<I", len(texts)))
    for at in range(0, len(texts), 8):
        out += struct.pack("<II", zlib.crc32(b"".join(packed[at:at + 8])), zlib.crc32(b"".join(said[at:at + 8])))
    out += b"".join(packed[::40])
    (folder / f"{name}.gz").write_bytes(gzip.compress(bytes(out), mtime=0))
    print(f"{name}: {len(texts)} strings, {sum(map(len, ids))} ids")


def write_json(name: str, tokenizer: Tokenizer) -> None:
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)
    (OUT / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def record_forms(charsmap: bytes) -> None:
    steps = [norm.NFC(), norm.NFD(), norm.NFKC(), norm.NFKD(), norm.Lowercase(), norm.StripAccents(), norm.BertNormalizer(), norm.Nmt(),
             norm.Precompiled(charsmap)]
    out = bytearray()
    for i in range(0x1100):
        out += struct.pack(f"<{len(steps)}I", *(zlib.crc32(s.normalize_str(block(i)).encode()) for s in steps))
    (OUT / "forms.gz").write_bytes(gzip.compress(bytes(out), mtime=0))


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    texts = stored_strings()
    corpus = texts[9:2509]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        plain = spm(corpus, folder, vocab_size=900, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                    remove_extra_whitespaces=False, split_digits=True, character_coverage=0.9995,
                    allow_whitespace_only_pieces=True, user_defined_symbols=["<|user|>", "[x]"])
        unigram = spm(corpus, folder, vocab_size=900, model_type="unigram")
    for name, tokenizer in [("llama2", llama2(plain)), ("mistral", mistral(plain)), ("gemma", gemma(plain)),
                            ("unknown", unknown(plain, False)), ("fused", unknown(plain, True)), ("t5", t5(unigram)),
                            ("xlm_roberta", xlm_roberta(unigram)), ("bert", bert(corpus)), ("odd_steps", odd_steps(corpus)),
                            ("byte_normalizer", byte_normalizer(corpus))]:
        write_json(name, tokenizer)
        record(name, tokenizer, texts)
        if name == "bert":
            wordpiece = tokenizer
    for name, files in folders(plain, unigram, wordpiece).items():
        tokenizer = auto(OUT / name, files)
        document = json.loads(tokenizer.to_str())
        document["model"].pop("vocab")
        document["model"].pop("merges", None)
        for step in (document["normalizer"] or {}).get("normalizers", []):
            step.pop("precompiled_charsmap", None)
        (OUT / f"{name}.rest.json.gz").write_bytes(gzip.compress(json.dumps(document, ensure_ascii=False).encode(), mtime=0))
        record(name, tokenizer, texts)
        for file in (OUT / name).iterdir():
            if file.stat().st_size > 20_000:
                (OUT / name / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
                file.unlink()
    record_forms(proto_of(unigram).normalizer_spec.precompiled_charsmap)


if __name__ == "__main__":
    main()
