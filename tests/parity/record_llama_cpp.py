"""Records the ids that llama.cpp gives for the strings of record_tokenizer.py, with SentencePiece tokenizers of GGUF files: the
trained one of record_tokenizers.py, with and without the space that llama.cpp puts before a text.

usage: python tests/parity/record_llama_cpp.py
       (needs llama-cpp-python 0.3.36, which PyPI has as source alone, so requirements.txt lists it not; without it nothing is
        recorded. Needs tests/parity/data/tokenizers; writes NAME.gguf.gz and NAME.gz there)

NAME.gz   u32 strings, without those that hold a zero byte; for each 8 of them: u32 CRC-32 of their ids (u32 count, u32 ids)
"""
import gzip
import pathlib
import struct
import sys
import tempfile
import zlib

import gguf

try:
    import llama_cpp
except ImportError:
    print("NOT RECORDED: needs llama-cpp-python")
    sys.exit(0)

from record_tokenizers import OUT, proto_of, stored_strings


def write(path: pathlib.Path, model: bytes, prefix: bool | None, add_bos: bool | None) -> None:
    pieces = proto_of(model).pieces
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([p.piece for p in pieces])
    writer.add_token_scores([p.score for p in pieces])
    writer.add_token_types([p.type for p in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if prefix is not None:
        writer.add_add_space_prefix(prefix)
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    model = (OUT / "own_file/tokenizer.model").read_bytes()
    texts = [t for t in stored_strings() if "\0" not in t]
    with tempfile.TemporaryDirectory() as scratch:
        for name, prefix, add_bos in (("gguf_pieces", None, None), ("gguf_pieces_bare", False, False)):
            path = pathlib.Path(scratch) / f"{name}.gguf"
            write(path, model, prefix, add_bos)
            peer = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
            ids = [peer.tokenize(t.encode(), add_bos=add_bos is None, special=True) for t in texts]
            packed = [struct.pack(f"<I{len(i)}I", len(i), *i) for i in ids]
            out = struct.pack("<I", len(texts)) + b"".join(
                struct.pack("<I", zlib.crc32(b"".join(packed[at:at + 8]))) for at in range(0, len(texts), 8))
            (OUT / f"{name}.gz").write_bytes(gzip.compress(out, mtime=0))
            (OUT / f"{name}.gguf.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            print(f"{name}: {len(texts)} strings, {sum(map(len, ids))} ids")


if __name__ == "__main__":
    main()
