"""Writes the table of ExecuTorch's kernels that internal/scanner/executorch embeds.

    pip download --no-deps executorch==1.5.1
    python tools/registry/executorch.py internal/scanner/executorch executorch-*.whl

Kernels are listed in the YAML files of the package, and further ones are strings in its libraries: namespace::name, perhaps with an overload.
"""

import pathlib
import re
import sys
import zipfile

IN_YAML = re.compile(r"^- (?:op|func): ([a-zA-Z_0-9:]+)", re.MULTILINE)
IN_LIBRARY = re.compile(
    rb"(?<![A-Za-z0-9_:])((?:aten|dim_order_ops|quantized_decomposed|executorch_prim|et_copy|llama|torchao|cadence|cortex_m|xnnpack)::[a-z_0-9]+)(?:\.[A-Za-z_0-9]+)?\0"
)


def main():
    names, wheel = set(), pathlib.Path(sys.argv[2])
    with zipfile.ZipFile(wheel) as z:
        for member in z.namelist():
            if "/test/" in member or "/examples/" in member:
                continue
            if member.endswith(".yaml") and "/kernels/" in member or member.endswith("functions.yaml"):
                for name in IN_YAML.findall(z.read(member).decode()):
                    names.add(name if "::" in name else "aten::" + name)
            elif ".so" in member:
                names.update(m.decode() for m in IN_LIBRARY.findall(z.read(member)))
    text = f"# ExecuTorch {wheel.name.split('-')[1]}: kernels of its own libraries\n# tools/registry/executorch.py\n"
    text += "".join(name + "\n" for name in sorted(names))
    (pathlib.Path(sys.argv[1]) / "operators.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
