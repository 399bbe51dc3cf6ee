"""Writes marshalled code objects as the running interpreter compiles them: run it once under each version.

    for v in 2.7 3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13; do python$v compile.py; done

The code is compiled and written, never run.
"""
import marshal
import os
import sys

CALLS = """
import os as o, os.path
import xml.dom.minidom as dom
from subprocess import run as r, Popen

def outer(x, cmd="true"):
    import shutil as s
    def inner():
        return s.rmtree(cmd), o.system("true")
    getattr(__import__("builtins"), "eval")("1 + 1")
    __import__("importlib").import_module("ctypes").CDLL(x)
    return inner, os.path.join(x, "a"), dom.parse(x), r([x], shell=True)

class C(object):
    value = Popen
"""

MATHS = """
def layer(x, axis=-1):
    y = K.mean(x, axis=axis) * 2 + tf.sqrt(x)
    return y[:, 0] if axis else [model.eval(z) for z in y.system]
"""

out = os.path.dirname(os.path.abspath(__file__))
for name, source in (("calls", CALLS), ("maths", MATHS)):
    version = "%d.%d" % sys.version_info[:2]
    with open(os.path.join(out, "%s-%s.marshal" % (name, version)), "wb") as f:
        f.write(marshal.dumps(compile(source, "model.py", "exec")))
