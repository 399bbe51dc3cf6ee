"""Writes the names of the operators that TensorFlow and the libraries beside it register, with the library and the releases that do.

    python -P tools/registry/tensorflow.py DIRECTORY > internal/scanner/source/tfops/operators.txt

DIRECTORY holds wheels: of several releases of tensorflow (or tensorflow-cpu) and of the libraries below, as `pip download --no-deps`
leaves them, and the package @tensorflow/tfjs-converter, as `npm pack` does, whose lists have the operators that it makes by fusing. Nothing of them is imported but the release of TensorFlow that is installed, which is asked for its own list; of the others
the generated Python wrappers are read, and where a library makes its wrappers when it is loaded, the strings of its shared objects
that its Python code calls by.

A line is the name of an operator, the library, and for TensorFlow's own the first and the last of the releases that have it.
"""

import os
import pathlib
import re
import sys
import tarfile
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

CORE = re.compile(r"^tensorflow(_cpu)?-(\d[\d.]*\d)-")
# Operators of TensorFlow's own tests, which no release registers outside of them.
TESTS = re.compile(r"(/test_ops|_test_ops|_test_op|/testing/|/custom_op_[0-9]|/user_ops/|fixed_size_partitioner|zero_out|ackermann)")
WRAPPER = (
    re.compile(r'_apply_op_helper\(\s*"([^"]+)"'),
    re.compile(r'_op_def_lib\.apply_op\(\s*"([^"]+)"'),
    re.compile(r'^# op \{\n#   name: "([^"]+)"', re.M),
)
PRINTABLE = re.compile(rb"[A-Za-z_][A-Za-z0-9_>]{3,80}(?=\x00)")
SCOPED = re.compile(r"^[A-Z][A-Za-z]+>[A-Z][A-Za-z0-9]*[a-z]{3}[A-Za-z0-9]*$")
CAMEL = re.compile(r"^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$")
# Names of classes of configurations, which are called like wrappers.
NO_OPERATORS = {"HyperParametersOptimizerLearnerTrainingConfig", "ListType"}
# A call of a wrapper: the attribute of a module of operators, spelled in either way.
CALL = re.compile(r"\b\w*(?:ops?|gen|lib|module)\w*\)?\s*\.\s*([A-Za-z]\w+)")


def snake(name):
    """The name of an operator as its Python wrapper spells it."""
    name = name.replace(">", "_")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def release(name):
    return tuple(int(part) for part in name.split("."))


def wrappers(wheel):
    """The operators that the Python code of a wheel wraps; those of tests go to their own set."""
    ops = set()
    for name in wheel.namelist():
        if name.endswith(".py"):
            text = wheel.read(name).decode("utf-8", "replace")
            for pattern in WRAPPER:
                (tests if TESTS.search(name) else ops).update(pattern.findall(text))
    return ops


def called(wheel):
    """The strings of shared objects that the Python code beside them calls as operators."""
    code, strings = set(), set()
    for name in wheel.namelist():
        if name.endswith(".py"):
            code.update(CALL.findall(wheel.read(name).decode("utf-8", "replace")))
        elif re.search(r"\.(so|pyd|dylib)(\.[0-9.]+)?$", name):
            strings.update(s.decode() for s in PRINTABLE.findall(wheel.read(name)))
    strings -= NO_OPERATORS
    scoped = {s for s in strings if SCOPED.match(s)}
    return scoped | {s for s in strings if CAMEL.match(s) and "_" in snake(s) and (s in code or snake(s) in code)}


def installed():
    """The release of TensorFlow that can be imported, and what it registers."""
    try:
        import tensorflow as tf
        from tensorflow.core.framework import op_def_pb2
        from tensorflow.python.client import pywrap_tf_session
    except ImportError:
        return None, set()
    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return tf.__version__, {op.name for op in ops.op}


core, libraries, releases, tests = {}, {}, {}, set()
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    with zipfile.ZipFile(path) as wheel:
        match = CORE.match(path.name)
        if match:
            releases.setdefault(match[2], set()).update(wrappers(wheel))
        else:
            library, number = path.name.split("-")[:2]
            numbers, ops = libraries.setdefault(library.replace("_", "-"), ([], set()))
            numbers.append(number)
            ops |= wrappers(wheel) | called(wheel)
for path in sorted(pathlib.Path(sys.argv[1]).glob("tensorflow-tfjs-converter-*.tgz")):
    with tarfile.open(path) as package:
        ops = set()
        for member in package.getmembers():
            if "/dist/operations/op_list/" in member.name and member.name.endswith(".js"):
                ops.update(re.findall(r"""tfOpName['"]?: ?['"](\w+)""", package.extractfile(member).read().decode()))
        libraries["tfjs-converter"] = ([path.name.removesuffix(".tgz").rsplit("-", 1)[1]], ops)
version, ops = installed()
if version:
    releases.setdefault(version, set()).update(ops - tests)
for number in sorted(releases, key=release):
    for op in releases[number]:
        core.setdefault(op, []).append(number)
print("# The operators of TensorFlow " + ", ".join(sorted(releases, key=release)))
print("# and of " + ", ".join(f"{name} {' '.join(numbers)}" for name, (numbers, ops) in sorted(libraries.items()) if ops - core.keys()))
print("# tools/registry/tensorflow.py: operator, library, first and last of these releases")
rows = {op: f"{op}\ttensorflow\t{numbers[0]}\t{numbers[-1]}" for op, numbers in core.items()}
for name, (_, ops) in sorted(libraries.items()):
    for op in ops:
        rows.setdefault(op, f"{op}\t{name}")
for op in sorted(rows):
    print(rows[op])
