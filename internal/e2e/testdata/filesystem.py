"""Reads a file by ranges through HfFileSystem and prints what it saw as JSON.

Arguments: path of a file, then "from:to" for each range.
"""

import hashlib
import json
import sys

from huggingface_hub import HfFileSystem

path, ranges = sys.argv[1], sys.argv[2:]
fs = HfFileSystem()
out = {"size": fs.info(path)["size"], "ranges": {}}
for span in ranges:
    start, end = map(int, span.split(":"))
    out["ranges"][span] = hashlib.sha256(fs.cat_file(path, start, end)).hexdigest()
with fs.open(path, "rb", block_size=65536) as f:
    out["whole"] = hashlib.sha256(f.read()).hexdigest()
    f.seek(5)
    out["seek"] = f.read(7).hex()
out["ls"] = sorted(e["name"].rsplit("/", 1)[-1] for e in fs.ls(path.rsplit("/", 1)[0], detail=True))
print(json.dumps(out))
