"""Writes the table of CNTK's primitive operators that internal/scanner/cntk embeds: code, name.

    python tools/registry/cntk.py internal/scanner/cntk PrimitiveOpType.h

The header is Source/CNTKv2LibraryDll/API/Internals/PrimitiveOpType.h of the last release, 2.7; no package holds it.
"""

import pathlib
import re
import sys


def main():
    rows = re.findall(r"^\s*(\w+) = (\d+),", pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"), re.MULTILINE)
    text = "# CNTK 2.7, enum PrimitiveOpType: code, name\n# tools/registry/cntk.py\n" + "".join(f"{code}\t{name}\n" for name, code in rows)
    (pathlib.Path(sys.argv[1]) / "operators.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
