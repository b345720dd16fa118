"""Makes quantised blocks of GGUF's types with gguf-py, and NF4 with bitsandbytes: what Graft unpacks in every clone.

    pip install gguf bitsandbytes
    python tests/reference/blocks/make.py

Nothing of Graft runs here. gguf.safetensors has `TYPE.raw`, u8 [2, bytes], and `TYPE.values`, f32 [2, 512], what gguf-py unpacks. Types that it can pack
are packed from random numbers; blocks of the others are random bytes with scales that are finite. nf4.safetensors has a weight [8, 64], its packed
bytes, the largest magnitude of each block of 64, the code, and what bitsandbytes unpacks.
"""

from pathlib import Path

import bitsandbytes.functional as bnb
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import quants
from safetensors.numpy import save_file

HERE = Path(__file__).parent
ROWS, COLUMNS = 2, 512
PACKED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
# Where the f16 scales of a block lie, in bytes.
RANDOM = {
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
}


def main():
    random = np.random.default_rng(1)
    tensors = {}
    for name in PACKED:
        values = random.normal(size=(ROWS, COLUMNS)).astype(np.float32) * 0.05
        tensors[f"{name}.raw"] = quants.quantize(values, Type[name])
    for name, scales in RANDOM.items():
        size, count = quants.GGML_QUANT_SIZES[Type[name]]
        raw = random.integers(0, 256, size=(ROWS * COLUMNS // size, count), dtype=np.uint8)
        for at in scales:
            halves = (random.normal(size=len(raw)) * 0.01).astype(np.float16)
            raw[:, at : at + 2] = halves.view(np.uint8).reshape(-1, 2)
        tensors[f"{name}.raw"] = raw.reshape(ROWS, -1)
    for name in (*PACKED, *RANDOM):
        tensors[f"{name}.values"] = quants.dequantize(tensors[f"{name}.raw"], Type[name]).astype(np.float32)
        assert np.isfinite(tensors[f"{name}.values"]).all()
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, HERE / "gguf.safetensors")

    torch.manual_seed(1)
    weight = torch.randn(8, 64) * 0.05
    packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    nf4 = {
        "weight": weight,
        "packed": packed.flatten(),
        "absmax": state.absmax,
        "code": state.code,
        "dequantised": bnb.dequantize_4bit(packed, state),
    }
    save_file({key: value.numpy() for key, value in nf4.items()}, HERE / "nf4.safetensors")


if __name__ == "__main__":
    main()
