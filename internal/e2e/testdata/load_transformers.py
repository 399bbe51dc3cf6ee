"""Loads configuration and tokenizer of a model with transformers, and prints what it got or the exception.

Arguments: repository.
"""

import json
import sys

from transformers import AutoConfig, AutoTokenizer

try:
    config = AutoConfig.from_pretrained(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    out = {"model_type": config.model_type, "ids": tokenizer("hello world")["input_ids"]}
except Exception as e:
    out = {"error": f"{type(e).__name__}: {e}"}
print(json.dumps(out))
