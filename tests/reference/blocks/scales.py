"""Makes blocks with scales of every size, and numbers rounded to blocks, with gguf-py: for tests/unit/weights.

    pip install gguf
    python tests/reference/blocks/scales.py

Nothing of Graft runs here. scales.safetensors has `TYPE.raw`, u8, and `TYPE.values`, f32, what gguf-py unpacks: random bytes in three blocks, whose f16
are of a usual size, large, and subnormal. rounded.safetensors has `values`, f32, and `TYPE.raw`, u8, the same numbers as gguf-py packs them.
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

HERE = Path(__file__).parent
# Where the f16 of a block lie in it.
HALVES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "IQ4_NL": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ4_XS": [0],
}
random = np.random.default_rng(20)


def random_blocks(name: str) -> np.ndarray:
    size = GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]
    blocks = []
    for spread in (0.01, 1e4, 2.0**-20):
        block = random.integers(0, 256, size, dtype=np.uint8)
        for at in HALVES[name]:
            block[at : at + 2] = np.frombuffer(np.float16(random.normal() * spread).tobytes(), np.uint8)
        blocks.append(block)
    return np.concatenate(blocks)


blocks = {}
for name in HALVES:
    raw = random_blocks(name)
    blocks[f"{name}.raw"] = raw
    blocks[f"{name}.values"] = dequantize(raw, GGMLQuantizationType[name]).astype(np.float32).reshape(-1)
save_file(blocks, HERE / "scales.safetensors")

values = (random.normal(size=(4, 64)) * np.array([[0.02], [1], [300], [1e-6]])).astype(np.float32)
# A block of one sign, one of zeros, and ties of q8_0: 127 / 127 is a step of 1.
values[1, :32] = np.abs(values[1, :32])
values[2, 32:] = 0
values[2, :6] = [127, 2.5, -2.5, 0.5, -0.5, 3.5]
values[2, 6:32] = np.clip(values[2, 6:32], -126, 126)
rounded = {"values": values.reshape(-1)}
for name in ("Q8_0", "Q4_0", "Q4_1"):
    rounded[f"{name}.raw"] = quantize(values, GGMLQuantizationType[name]).reshape(-1)

save_file(rounded, HERE / "rounded.safetensors")
