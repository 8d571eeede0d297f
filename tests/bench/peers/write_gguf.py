"""Writes a GGUF file anew with tensors of another type, for llama.cpp to compute with the same weights as the rest.

F32: every tensor dequantised. BF16, Q8_0: its matrices rounded from there, its vectors F32, as llama.cpp's own converter leaves them.

usage: write_gguf.py FROM.gguf TO.gguf F32|BF16|Q8_0
"""
import os
import sys

import gguf
import numpy

TYPES = {"F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
         "BF16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
         "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0)}


def copy_fields(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, file_type: gguf.LlamaFileType) -> None:
    for field in reader.fields.values():
        # The first the writer makes itself; the last would say what the tensors no longer are.
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_file_type(file_type)
    if file_type != gguf.LlamaFileType.ALL_F32:
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def add_tensor(writer: gguf.GGUFWriter, tensor: gguf.ReaderTensor, kind: gguf.GGMLQuantizationType) -> None:
    shape = tuple(int(n) for n in reversed(tensor.shape))
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32).reshape(shape)
    if len(shape) < 2 or kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(tensor.name, values)
    else:
        writer.add_tensor(tensor.name, gguf.quants.quantize(values, kind), raw_dtype=kind)


def main() -> None:
    source, target, name = sys.argv[1:]
    kind, file_type = TYPES[name]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target + ".new", reader.fields["general.architecture"].contents())
    copy_fields(reader, writer, file_type)
    for tensor in reader.tensors:
        add_tensor(writer, tensor, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(target + ".new", target)


main()
