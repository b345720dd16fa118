"""Reads GGUF files with gguf-py: { file: { entries: {key: value}, tensors: {name: {type, shape, sum, squares}} } } of a list of paths on standard input."""

import json
import sys

import gguf
import numpy as np

out = {}
for path in json.load(sys.stdin):
    reader = gguf.GGUFReader(path)
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        tensors[tensor.name] = {
            "type": tensor.tensor_type.name,
            "shape": [int(size) for size in reversed(tensor.shape)],
            "sum": float(values.sum()),
            "squares": float((values**2).sum()),
        }
    keys = [key for key in reader.fields if not key.startswith("GGUF.")]
    out[path] = {"entries": {key: reader.fields[key].contents() for key in keys}, "tensors": tensors}
json.dump(out, sys.stdout)
