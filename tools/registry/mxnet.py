"""Writes the operators of MXNet, aliases included, as its library registers them.

    python -P tools/registry/mxnet.py LIBMXNET VERSION > internal/scanner/mxnet/operators.txt

LIBMXNET is libmxnet.so of the package. Operators that run code, load libraries or hold pointers are marked by the scanner, not here.
"""

import ctypes
import sys

lib = ctypes.CDLL(sys.argv[1])
count, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
if lib.MXListAllOpNames(ctypes.byref(count), ctypes.byref(names)):
    raise SystemExit("the library does not list its operators")
print(f"# MXNet {sys.argv[2]}")
print("# written by tools/registry/mxnet.py")
for name in sorted(names[i].decode() for i in range(count.value)):
    print(name)
