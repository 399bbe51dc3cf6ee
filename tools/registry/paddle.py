"""Writes the operators of PaddlePaddle: those of programs in protobuf, and those of the dialects in which programs are kept since
release 3.

    python -P tools/registry/paddle.py > internal/scanner/paddle/operators.txt

It needs paddlepaddle. Operators that run code, call out or read files are marked by the scanner, not here.
"""

import pathlib
import re

import paddle

names = set(paddle.base.framework.OpProtoHolder.instance().op_proto_map)
names |= {"feed", "fetch", "while", "conditional_block", "conditional_block_infer", "select_input", "select_output", "assign_value"}
library = next(pathlib.Path(paddle.__file__).parent.glob("base/libpaddle*.so")).read_bytes()
dialects = {m.decode() for m in re.findall(rb"\b((?:pd_op|cf|builtin|pd_dist|onednn_op)\.[a-z][a-z0-9_]*)\x00", library)}
print(f"# PaddlePaddle {paddle.__version__}")
print("# written by tools/registry/paddle.py")
for name in sorted(names | dialects):
    print(name)
