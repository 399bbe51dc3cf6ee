"""Downloads single files.

Reads a list of [label, arguments of hf_hub_download] from standard input and prints {label: sha256}, or
{label: "Exception: text"}, as JSON.
"""

import hashlib
import json
import sys

from huggingface_hub import hf_hub_download

out = {}
for label, arguments in json.load(sys.stdin):
    try:
        with open(hf_hub_download(**arguments), "rb") as f:
            out[label] = hashlib.file_digest(f, "sha256").hexdigest()
    except Exception as e:
        out[label] = f"{type(e).__name__}: {e}"
print(json.dumps(out))
