"""Runs into every outcome of section "errors" and prints {label: exceptions by class, from most special, and text}.

Reads a list of [label, repository, revision, file, token] from standard input.
"""

import json
import sys

from huggingface_hub import HfApi, hf_hub_download

out = {}
for label, repo, revision, file, token in json.load(sys.stdin):
    try:
        if file:
            hf_hub_download(repo, file, revision=revision, token=token or False)
        else:
            HfApi().model_info(repo, revision=revision, token=token or False)
        out[label] = ["none", ""]
    except Exception as e:
        out[label] = [type(e).__name__, str(e)]
print(json.dumps(out))
