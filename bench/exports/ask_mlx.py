"""Logits of mlx-lm with an adapter, in float32: MODEL ADAPTER IDS OUT, IDS as a JSON list of lists. OUT gets f32 numbers, row after row."""

import json
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model

folder, adapter, rows, out = sys.argv[1:]
model, _ = load_model(Path(folder))
model.set_dtype(mx.float32)
model = load_adapters(model, adapter)
model.eval()
np.concatenate([np.array(model(mx.array([ids]))[0]) for ids in json.loads(rows)]).astype(np.float32).tofile(out)
