"""Runs pickles through CPython's two unpicklers with inert stand-ins for every name, and tells which names they resolved.

Reads streams from standard input, each as a length of four bytes, little-endian, and the bytes. Writes one line of JSON for
each: for the unpickler in C and the one in Python the names in order, as pairs of hexadecimal UTF-8, those of them that were
called or made an object of, and where the stream stopped, -1 if with an error. Nothing is imported or called on behalf of a stream.
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


def run(base, data):
    names, calls = [], []

    class Unpickler(base):
        def find_class(self, module, name):
            names.append([s.encode("utf-8", "surrogatepass").hex() for s in (module, name)])
            return Meta("Stand", (Inert,), {"calls": calls, "named": names[-1]})

        def persistent_load(self, pid):
            return Inert()

    file = io.BytesIO(data)
    try:
        Unpickler(file).load()
        stop = file.tell()
    except BaseException:
        stop = -1
    return {"names": names, "calls": calls, "stop": stop}


def main():
    while True:
        size = sys.stdin.buffer.read(4)
        if len(size) < 4:
            return
        data = sys.stdin.buffer.read(struct.unpack("<I", size)[0])
        print(json.dumps({"c": run(pickle.Unpickler, data), "python": run(pickle._Unpickler, data)}))


main()
