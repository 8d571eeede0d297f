"""Writes small weights files with the gguf and safetensors packages, and the float32 values that these packages read from them.

usage: python tests/parity/record_gguf.py      (needs tests/parity/requirements.txt; writes tests/parity/data/quants.* and
                                                tests/parity/data/floats.*)

quants.gguf          a tensor in each format that Slipway reads, metadata of every type
quants.f32           the tensors' values in the file's order, float32, from gguf.quants.dequantize
floats.safetensors   F64, F32, F16 and BF16, scalars and empty tensors, metadata
floats.f32           the values in the order of the names
"""
import pathlib

import gguf
import numpy
import safetensors
from gguf import GGMLQuantizationType as Q, GGUFValueType as V

OUT = pathlib.Path(__file__).parent / "data"
FORMATS = [Q.F32, Q.F16, Q.BF16, Q.F64, Q.Q4_0, Q.Q4_1, Q.Q8_0, Q.Q6_K, Q.Q5_0, Q.Q5_1, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.IQ4_NL]
# Where a block's factors lie, of formats that have no quantizer there: any bytes will do beside finite factors.
FACTORS = {Q.Q6_K: [208], Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.IQ4_NL: [0]}
# Zeros of both signs, subnormals, extremes and infinities of the two half formats.
HALVES = numpy.array([0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x3C00, 0x3555], numpy.uint16)


def raw(format: Q, rng: numpy.random.Generator) -> tuple[numpy.ndarray, tuple[int, ...]]:
    """Bytes in rows, and the shape of the values."""
    values = (rng.standard_normal((6, 256)) * numpy.exp2(rng.integers(-12, 6, (6, 1)))).astype(numpy.float32)
    values[0, :64] = 0
    values[1, 5] = 1000
    if format == Q.F64:
        return values.astype(numpy.float64) / 3, values.shape
    if format == Q.F32:
        return values, values.shape
    if format in (Q.F16, Q.BF16):
        words = rng.integers(0, 0x7C00, (3, 64)).astype(numpy.uint16) | (rng.integers(0, 2, (3, 64)) << 15).astype(numpy.uint16)
        words[0, :len(HALVES)] = HALVES
        return (words.view(numpy.float16) if format == Q.F16 else words.view(numpy.uint8)), words.shape
    if format not in FACTORS:
        return gguf.quants.quantize(values, format), values.shape
    block, size = gguf.GGML_QUANT_SIZES[format]
    data = rng.integers(0, 256, (4, 2 * size)).astype(numpy.uint8)
    for at in FACTORS[format]:
        data.reshape(4, 2, size)[:, :, at:at + 2] = (rng.standard_normal((4, 2)) * 0.01).astype(numpy.float16).view(numpy.uint8).reshape(4, 2, 2)
    return data, (4, 2 * block)


def write_gguf() -> None:
    rng = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(OUT / "quants.gguf", "llama")
    for key, value, kind in (("u8", 255, V.UINT8), ("i8", -128, V.INT8), ("u16", 65535, V.UINT16), ("i16", -32768, V.INT16),
                             ("u32", 2**32 - 1, V.UINT32), ("i32", -2**31, V.INT32), ("u64", 2**63 - 1, V.UINT64),
                             ("i64", -2**63, V.INT64), ("f32", 0.1, V.FLOAT32), ("f64", 0.1, V.FLOAT64), ("yes", True, V.BOOL),
                             ("no", False, V.BOOL), ("text", "naïve 日本 \0 end", V.STRING), ("empty", "", V.STRING)):
        writer.add_key_value("test." + key, value, kind)
    for key, value, kind in (("u8s", [0, 7, 255], V.UINT8), ("i16s", [-5, 5], V.INT16), ("i64s", [-2**63, 2**63 - 1], V.INT64),
                             ("u32s", [2**32 - 1], V.UINT32), ("f32s", [0.1, -2.5], V.FLOAT32), ("f64s", [0.1], V.FLOAT64),
                             ("bools", [True, False], V.BOOL), ("texts", ["a", "", "é"], V.STRING)):
        writer.add_key_value("test." + key, value, V.ARRAY, sub_type=kind)
    writer.add_key_value("test.nested", [[1, 2, 3], [4]], V.ARRAY, sub_type=V.ARRAY)
    writer.add_key_value("test.nested_texts", [["a"], ["b", "c"]], V.ARRAY, sub_type=V.ARRAY)
    expected = []
    for format in FORMATS:
        data, shape = raw(format, rng)
        plain = format in (Q.F32, Q.F16, Q.F64)
        writer.add_tensor(f"tensor.{format.name}", data, raw_dtype=None if plain else format)
        values = data.astype(numpy.float32) if plain else gguf.quants.dequantize(data.view(numpy.uint8), format)
        assert values.shape == shape and values.dtype == numpy.float32, (format, values.shape, shape)
        expected.append(values.reshape(-1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    numpy.concatenate(expected).tofile(OUT / "quants.f32")
    reader = gguf.GGUFReader(OUT / "quants.gguf")
    print(f"{len(reader.tensors)} tensors, {len(reader.fields)} fields, {sum(map(len, expected))} values")


def write_safetensors() -> None:
    rng = numpy.random.default_rng(8)
    words = (rng.integers(0, 0x7C00, 40) | rng.integers(0, 2, 40) << 15).astype(numpy.uint16)
    words[:len(HALVES)] = HALVES
    tensors = {"a.double": rng.standard_normal((2, 3)), "b.single": rng.standard_normal((3, 1, 5)).astype(numpy.float32),
               "c.half": words.view(numpy.float16).reshape(5, 8), "d.scalar": numpy.array(2.5, numpy.float32),
               "e.none": numpy.zeros((0, 4), numpy.float32), "f \"é\\": numpy.arange(3, dtype=numpy.float32)}
    expected = {name: t.astype(numpy.float32) for name, t in tensors.items()}
    specs = {name: safetensors.TensorSpec(dtype=str(t.dtype), shape=list(t.shape), data_ptr=t.ctypes.data, data_len=t.nbytes)
             for name, t in tensors.items()}
    specs["g.bfloat"] = safetensors.TensorSpec(dtype="bfloat16", shape=[5, 8], data_ptr=words.ctypes.data, data_len=words.nbytes)
    expected["g.bfloat"] = (words.astype(numpy.uint32) << 16).view(numpy.float32)
    (OUT / "floats.safetensors").write_bytes(safetensors.serialize(specs, {"note": "é"}))
    with safetensors.safe_open(OUT / "floats.safetensors", framework="numpy") as file:
        assert sorted(file.keys()) == sorted(expected)
        for name, t in tensors.items():
            assert file.get_tensor(name).astype(numpy.float32).tobytes() == expected[name].tobytes(), name
    numpy.concatenate([expected[name].reshape(-1) for name in sorted(expected)]).tofile(OUT / "floats.f32")
    print(f"{len(expected)} tensors, {sum(t.size for t in expected.values())} values")


if __name__ == "__main__":
    write_gguf()
    write_safetensors()
