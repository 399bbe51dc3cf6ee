"""Loads a dataset, in full and as a stream, and prints its rows or the exception.

Arguments: repository.
"""

import json
import sys

from datasets import load_dataset

try:
    rows = load_dataset(sys.argv[1], split="train")
    first = next(iter(load_dataset(sys.argv[1], split="train", streaming=True)))
    out = {"rows": rows.to_list(), "first": first}
except Exception as e:
    out = {"error": f"{type(e).__name__}: {e}"}
print(json.dumps(out))
