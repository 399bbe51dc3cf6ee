"""Writes the table of MediaPipe's calculators that internal/scanner/mediapipe embeds.

    pip download --no-deps mediapipe==0.10.14 mediapipe==1.2.3
    python tools/registry/mediapipe.py internal/scanner/mediapipe mediapipe-*.whl

Calculators and subgraphs register under names that stand in the library as strings of their own; the graphs that the package ships name
further ones.
"""

import pathlib
import re
import sys
import zipfile

CALCULATOR = re.compile(rb"(?<![A-Za-z0-9_])(?:mediapipe\.tasks\.[a-z0-9_.]+[A-Z][A-Za-z0-9]*Graph|[A-Z][A-Za-z0-9_]*(?:Calculator|Subgraph|Cpu|CPU|Gpu|GPU|ToRoi|Loader|Filtering|Container))(?=\0)")
# Names of types and constants of the runtimes inside the library that end alike.
FOREIGN = re.compile(r"_|^(Adapter|Discrete|Init|Integrated|LiteRt|Lrt|MlDrift|MpImage|NonFiltering)")


def fields(b):
    i = 0

    def varint():
        nonlocal i
        v = shift = 0
        while True:
            c = b[i]
            i += 1
            v |= (c & 127) << shift
            shift += 7
            if c < 128:
                return v

    while i < len(b):
        tag = varint()
        if tag & 7 == 0:
            varint()
        elif tag & 7 == 2:
            n = varint()
            yield tag >> 3, b[i : i + n]
            i += n
        else:
            i += {1: 8, 5: 4}[tag & 7]


def main():
    names, versions = set(), []
    for wheel in sys.argv[2:]:
        versions.append(pathlib.Path(wheel).name.split("-")[1])
        with zipfile.ZipFile(wheel) as z:
            for member in z.namelist():
                if member.endswith(".so"):
                    names.update(m.decode() for m in CALCULATOR.findall(z.read(member)))
                elif member.endswith(".binarypb"):
                    for number, value in fields(z.read(member)):
                        if number == 1:
                            names.update(v.decode() for n, v in fields(value) if n == 2)
                        elif number == 20:
                            names.add(value.decode())
    text = f"# MediaPipe {', '.join(versions)}: calculators and subgraphs\n# tools/registry/mediapipe.py\n"
    text += "".join(name + "\n" for name in sorted(names) if 4 < len(name) < 100 and (name.startswith("mediapipe.") or not FOREIGN.search(name)))
    (pathlib.Path(sys.argv[1]) / "calculators.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
