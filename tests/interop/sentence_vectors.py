"""Vectors of texts by sentence-transformers: {"model": folder, "texts": [...]} on standard input → a list of vectors, or null if it is not installed."""

import json
import sys

try:
    from sentence_transformers import SentenceTransformer
except ImportError:
    json.dump(None, sys.stdout)
    sys.exit(0)

asked = json.load(sys.stdin)
model = SentenceTransformer(asked["model"], device="cpu")
json.dump(model.float().encode(asked["texts"]).tolist(), sys.stdout)
