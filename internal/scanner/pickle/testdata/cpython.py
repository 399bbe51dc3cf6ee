"""Runs pickles through CPython's two unpicklers with inert stand-ins for every name, and tells which names they resolved.

Reads streams from standard input, each as a length of four bytes, little-endian, and the bytes. Writes one line of JSON for
each: for the unpickler in C and the one in Python the names in order, as pairs of hexadecimal UTF-8, those of them that were
called or made an object of, where the stream stopped, -1 if with an error, and what the memo held then, by index. Nothing is imported
or called on behalf of a stream.
"""

import io
import json
import pickle
import resource
import struct
import sys

resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


class Meta(type):
    """Lets a class be filled and set like any object."""

    def __setitem__(cls, *args):
        pass


class Inert(metaclass=Meta):
    """Takes everything and does nothing."""

    calls = None  # where calls of a stand-in are noted
    named = None

    def __new__(cls, *args, **kwargs):
        if cls.calls is not None:
            cls.calls.append(cls.named)
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __setitem__(self, *args):
        pass

    def nothing(*args):
        pass

    __setstate__ = append = extend = add = update = staticmethod(nothing)


PLAIN = (bytes, bytearray, list, dict, set, frozenset, tuple, float)


def kind(value):
    """What a value is, as far as a scanner can know: its type, with what small numbers, strings and names are."""
    if value is None:
        return "None"
    if type(value) is bool:
        return f"bool {int(value)}"
    if type(value) is int:
        return f"int {value}" if abs(value) < 1 << 50 else "int"
    if type(value) is str:
        return "str " + value.encode("utf-8", "surrogatepass").hex()
    if type(value) is Meta:
        return "name " + " ".join(value.named)
    return type(value).__name__ if type(value) in PLAIN else "object"


def run(base, data):
    names, calls = [], []

    class Unpickler(base):
        def find_class(self, module, name):
            names.append([s.encode("utf-8", "surrogatepass").hex() for s in (module, name)])
            return Meta("Stand", (Inert,), {"calls": calls, "named": names[-1]})

        def persistent_load(self, pid):
            return Inert()

    file, memo = io.BytesIO(data), {}
    try:
        unpickler = Unpickler(file)
        unpickler.load()
        stop = file.tell()
        memo = {index: kind(value) for index, value in unpickler.memo.copy().items()}
    except BaseException:
        stop = -1
    return {"names": names, "calls": calls, "stop": stop, "memo": memo}


def main():
    while True:
        size = sys.stdin.buffer.read(4)
        if len(size) < 4:
            return
        data = sys.stdin.buffer.read(struct.unpack("<I", size)[0])
        print(json.dumps({"c": run(pickle.Unpickler, data), "python": run(pickle._Unpickler, data)}))


main()
