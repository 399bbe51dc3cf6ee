"""Writes what CoreML's models are made of: layers of neural networks by the number of their field, kinds of models likewise, and the
operators of ML programs.

    python -P tools/registry/coreml.py > internal/scanner/coreml/names.txt

It needs coremltools. A line is a kind (model, layer, operator), a number or a name, and for the former the name.
"""

import coremltools
from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
from coremltools.proto import Model_pb2, NeuralNetwork_pb2

rows = set()
for field in Model_pb2.DESCRIPTOR.message_types_by_name["Model"].fields:
    if field.number >= 200:
        rows.add(f"model {field.number:d}\t{field.name}")
for field in NeuralNetwork_pb2.DESCRIPTOR.message_types_by_name["NeuralNetworkLayer"].fields:
    if field.number >= 100:
        rows.add(f"layer {field.number:d}\t{field.name}")
for name in list(SSAOpRegistry.core_ops) + list(SSAOpRegistry.dialect_ops) + ["const", "while_loop", "cond"]:
    if not SSAOpRegistry.custom_ops.get(name):
        rows.add(f"operator {name}")
print(f"# coremltools {coremltools.__version__}")
print("# written by tools/registry/coreml.py")
for row in sorted(rows):
    print(row)
