"""Writes the table of MediaPipe's calculators that internal/scanner/mediapipe embeds.

    pip download --no-deps mediapipe==0.10.14 mediapipe==1.2.3
    for name in face_detection@0.4.1657300184 face_mesh@0.4.1657299874 hands@0.4.1675469240 holistic@0.5.1675471629 \\
        objectron@0.4.1675468480 pose@0.5.1675469404 selfie_segmentation@0.1.1675465747; do npm pack @mediapipe/$name; done
    python tools/registry/mediapipe.py internal/scanner/mediapipe mediapipe-*.whl mediapipe-*.tgz

Calculators and subgraphs register under names that stand in the library as strings of their own; the graphs that the packages ship name
further ones. Those for the web ship no library with such strings, so of them only the graphs are read.
"""

import pathlib
import re
import sys
import tarfile
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


def graph_names(graph):
    """Yields the calculators and subgraphs that a graph names, and its own name."""
    for number, value in fields(graph):
        if number == 1:
            yield from (v.decode() for n, v in fields(value) if n == 2)
        elif number == 20:
            yield value.decode()


def names_of(package):
    """Yields the names in a wheel or in an archive of npm."""
    if package.endswith(".tgz"):
        with tarfile.open(package) as t:
            for member in t:
                if member.name.endswith(".binarypb"):
                    yield from graph_names(t.extractfile(member).read())
        return
    with zipfile.ZipFile(package) as z:
        for member in z.namelist():
            if member.endswith(".so"):
                yield from (m.decode() for m in CALCULATOR.findall(z.read(member)))
            elif member.endswith(".binarypb"):
                yield from graph_names(z.read(member))


def main():
    names, wheels, graphs = set(), [], []
    for package in sorted(sys.argv[2:]):
        base = pathlib.Path(package).name
        if base.endswith(".whl"):
            wheels.append(base.split("-")[1])
        else:
            graphs.append(base.removeprefix("mediapipe-").removesuffix(".tgz").replace("-", " "))
        names.update(names_of(package))
    text = f"# MediaPipe {', '.join(wheels)}; graphs for the web, {', '.join(graphs)}: calculators and subgraphs\n# tools/registry/mediapipe.py\n"
    text += "".join(name + "\n" for name in sorted(names) if 4 < len(name) < 100 and (name.startswith("mediapipe.") or not FOREIGN.search(name)))
    (pathlib.Path(sys.argv[1]) / "calculators.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
