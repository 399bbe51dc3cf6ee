"""Takes snapshots and prints what is in them.

Reads a list of [label, arguments of snapshot_download] from standard input and prints
{label: {path: sha256}}, or {label: "Exception: text"}, as JSON.
"""

import hashlib
import json
import os
import sys

from huggingface_hub import snapshot_download


def digests(folder):
    found = {}
    for root, dirs, files in os.walk(folder):
        dirs[:] = [d for d in dirs if d != ".cache" and d != ".huggingface"]
        for name in files:
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = hashlib.file_digest(f, "sha256").hexdigest()
    return found


out = {}
for label, arguments in json.load(sys.stdin):
    try:
        out[label] = digests(snapshot_download(**arguments))
    except Exception as e:
        out[label] = f"{type(e).__name__}: {e}"
print(json.dumps(out))
