"""Quantises numbers with ggml itself: the bytes that Graft writes into GGUF files.

    npm install node-llama-cpp
    python tests/reference/blocks/quantised.py node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so

Nothing of Graft runs here. quantised.safetensors has `values`, f32 [6, 256], and `TYPE`, u8 [6, bytes], what ggml_quantize_chunk makes of them without
an importance matrix. The rows are normal, of long tails, off zero, one value throughout, zeros, and large.
"""

import ctypes
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
# Numbers of ggml_type, and bytes of 256 values.
TYPES = {
    "Q4_0": (2, 144),
    "Q5_0": (6, 176),
    "Q5_1": (7, 192),
    "Q8_0": (8, 272),
    "Q4_K": (12, 144),
    "Q5_K": (13, 176),
    "Q6_K": (14, 210),
}


def main():
    ggml = ctypes.CDLL(sys.argv[1])
    quantise = ggml.ggml_quantize_chunk
    quantise.restype = ctypes.c_size_t
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    quantise.argtypes = [ctypes.c_int, pointer, pointer, whole, whole, whole, pointer]
    random = np.random.default_rng(1)
    values = np.stack(
        [
            random.normal(0, 0.02, 256),
            random.standard_t(3, 256) * 0.05,
            random.normal(0.5, 0.1, 256),
            np.full(256, -0.3),
            np.zeros(256),
            random.normal(0, 30, 256),
        ]
    ).astype(np.float32)
    tensors = {"values": values}
    for name, (number, size) in TYPES.items():
        raw = np.zeros((len(values), size), dtype=np.uint8)
        quantise(number, values.ctypes.data, raw.ctypes.data, 0, len(values), 256, None)
        tensors[name] = raw
    save_file(tensors, HERE / "quantised.safetensors")


main()
