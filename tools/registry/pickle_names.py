"""Lists the classes of libraries that a pickle may make: internal/scanner/pickle/names/libraries.tsv.

    python3 tools/registry/pickle_names.py > libraries.tsv && mv libraries.tsv internal/scanner/pickle/names/
    python3 tools/registry/pickle_names.py keras statsmodels > …    reads these anew, and takes the others from the table that there is

Reads the sources of pinned wheels, which pip fetches into MODELGATE_TEST_CACHE/registry; nothing of them is installed, imported or
run. A class is listed under each module in which a version defines it, with the versions that do, if what a pickle sets off in it
merely stores: __new__ and __setstate__, attribute hooks, __hash__ and __eq__ (of keys), __del__; in containers, which are filled
and called, also __init__, append, extend, add, update and __setitem__. That is judged by what those methods call, followed into
methods of the same object, in the class and in all classes it derives from. A class that derives from one that nothing is known
of is left out, and so are modules for input, output, tests, examples and commands.

Classes of extension modules have no source in a wheel. Their names are in the module's type table ("package.module.Class", as a
C string); they are listed for the modules that MADE_IN_C names, which people have looked at.

Roles: class (made by __new__, given a state), made (also called: classes of extension modules, whose __reduce__ calls them),
container (also called and filled), enum (called with a value, members looked up), cython (a module of extension types, whose
functions newObj and __pyx_unpickle_* make them).
"""

import ast
import collections
import functools
import os
import pathlib
import re
import subprocess
import sys
import zipfile

TABLE = pathlib.Path(__file__).parent / "../../internal/scanner/pickle/names/libraries.tsv"

# Distribution, top-level package, Python, versions. Old versions need an old Python, by the tags of their wheels.
LIBRARIES = [
    ("scikit-learn", "sklearn", "3.6.9", "0.19.2 0.20.4 0.21.3 0.22.2.post1 0.23.2 0.24.2"),
    ("scikit-learn", "sklearn", "3.10", "1.0.2 1.1.3 1.2.2 1.3.2 1.4.2 1.5.2 1.6.1 1.7.2"),
    ("scikit-learn", "sklearn", "3.11", "1.8.0 1.9.1"),
    ("imbalanced-learn", "imblearn", "3.11", "0.9.1 0.10.1 0.12.4 0.14.2"),
    ("scipy", "scipy", "3.6.9", "1.2.3 1.5.4"),
    ("scipy", "scipy", "3.11", "1.10.1 1.13.1 1.17.1"),
    ("pandas", "pandas", "3.6.9", "0.25.3 1.1.5"),
    ("pandas", "pandas", "3.11", "1.5.3 2.3.3 3.1.1"),
    ("torch", "torch", "3.6.9", "1.4.0"),
    ("torch", "torch", "3.11", "1.13.1 2.1.2 2.5.1 2.15.0"),
    ("torchvision", "torchvision", "3.11", "0.15.2 0.20.1"),
    ("torchmetrics", "torchmetrics", "3.11", "1.9.0"),
    ("xgboost", "xgboost", "3.6.9", "0.90"),
    ("xgboost", "xgboost", "3.11", "1.7.6"),
    ("xgboost-cpu", "xgboost", "3.11", "3.2.0"),
    ("lightgbm", "lightgbm", "3.11", "2.3.1 3.3.5 4.7.0"),
    ("catboost", "catboost", "3.6.9", "0.26"),
    ("catboost", "catboost", "3.11", "1.2.10"),
    ("transformers", "transformers", "3.11", "4.12.5 4.30.2 4.40.2 4.57.1 5.24.0"),
    ("accelerate", "accelerate", "3.11", "0.30.1 1.15.0"),
    ("sentence-transformers", "sentence_transformers", "3.11", "3.0.1 6.2.0"),
    ("peft", "peft", "3.11", "0.11.1 0.21.2"),
    ("trl", "trl", "3.11", "0.9.6 1.16.0"),
    ("timm", "timm", "3.11", "0.4.12 0.6.13 1.0.31"),
    ("ultralytics", "ultralytics", "3.11", "8.0.227 8.3.252 8.4.190"),
    ("omegaconf", "omegaconf", "3.11", "2.0.6 2.3.0 2.4.0"),
    ("lightning-fabric", "lightning_fabric", "3.11", "1.9.5 2.6.6"),
    ("pytorch-lightning", "pytorch_lightning", "3.11", "1.5.10 1.9.5 2.6.6"),
    ("lightning", "lightning", "3.11", "2.6.6"),
    ("gymnasium", "gymnasium", "3.11", "0.29.1 1.2.3"),
    ("stable-baselines3", "stable_baselines3", "3.11", "1.8.0 2.7.1"),
    ("category-encoders", "category_encoders", "3.11", "2.6.4 2.9.0"),
    ("networkx", "networkx", "3.11", "2.8.8 3.5"),
    ("skorch", "skorch", "3.11", "1.2.0"),
    ("mlxtend", "mlxtend", "3.11", "0.23.4"),
    ("feature-engine", "feature_engine", "3.11", "1.9.3"),
    ("hmmlearn", "hmmlearn", "3.11", "0.3.3"),
    ("keras", "keras", "3.11", "2.2.4 2.3.1 2.6.0 2.9.0 2.12.0 2.15.0 3.0.5 3.5.0 3.10.0 3.15.1"),
    ("tf-keras", "tf_keras", "3.11", "2.16.0 2.21.0"),
    ("statsmodels", "statsmodels", "3.6.9", "0.11.1"),
    ("statsmodels", "statsmodels", "3.11", "0.13.5 0.15.0"),
    ("tables", "tables", "3.6.9", "3.6.1"),
    ("tables", "tables", "3.11", "3.8.0 3.11.1"),
]

# Parts of a library's modules that are read, where it has more than models; everything else of it is not.
ONLY = {
    "torch": r"torch\.(nn|ao\.(nn|quantization)|quantization|optim|distributions|amp|cuda\.amp|nested|storage|_utils|_tensor|utils\.(hooks|_ordered_set)|"
             r"distributed\.(checkpoint|fsdp|tensor|_tensor|_shard|optim|algorithms|device_mesh)|torch_version)(\.|$)",
    "transformers": r"transformers\.(training_args|trainer|integrations|debug_utils|generation|configuration_utils|modeling_utils|modeling_outputs|modeling_layers|activations|"
                    r"pytorch_utils|cache_utils|tokenization|feature_extraction|image_processing|utils\.(generic|quantization_config)|models\.|file_utils|"
                    r"(configuration|modeling)_[a-z0-9]+$)",
    "scipy": r"scipy\.(sparse|spatial|interpolate|stats|optimize|integrate|signal|ndimage|linalg|special|cluster|_lib\._(bunch|util|array_api))",
    "tables": r"tables\.(filters|atom|description)$",
    "networkx": r"networkx\.(classes|utils\.misc)",
    "lightning": r"lightning\.(pytorch|fabric)\.",
}

# Modules that no model needs, whatever their classes do.
LEFT_OUT = re.compile(r"^(?!(tf_)?keras\.(src\.)?engine\.\w+$).*(?<![^.])_*(tests?|\w+_tests?|\w*_?test_\w+|testing|testutils|conftest|datasets?|io|externals|benchmarks?|examples?|docs?|cli|commands?|scripts?|setup|build|download|hub|"
                      r"loggers?|profilers?|plugins|connectors|onnx|export|serving|server|rpc|elastic|launch\w*|run|cpp_extension|engine|runs|trackers|"
                      r"convert\w*|_?conversion\w*|dataloader|data_loader|computation|parsers|clipboard|sas|json|excel|vec_env|remote\w*|array_api_compat|array_api_extra|"
                      r"filesystem|checkpointer|_fsspec_filesystem|hf_storage)(\.|$)")

# What makes a method one that does more than store, as the last part of what it calls.
ACTS = set("""open eval exec compile __import__ import_module execfile input breakpoint load loads load_model load_state_dict_from_url read unlink rmtree makedirs
mkdir remove_file system popen Popen run call check_call check_output urlopen urlretrieve connect download from_pretrained from_file spawn fork kill CDLL LoadLibrary
load_library exec_module find_spec register atexit hf_hub_download cached_file request urljoin dump dumps write write_text write_bytes read_text read_bytes to_csv to_pickle savez
save save_model rename replace_file rmdir symlink link chmod startfile get_obj resolve_name locate instantiate memmap fromfile load_module reload init_process_group
start start_new_thread Thread Process Timer Pool finalize signal settrace""".split())
MODULES_THAT_ACT = set("os subprocess importlib pickle socket shutil ctypes tempfile runpy sys multiprocessing joblib cloudpickle dill urllib requests".split())
HARMLESS_CALLS = {"re.compile", "os.path.join", "os.path.basename", "sys.getrecursionlimit", "os.environ.get", "torch.compile", "requests.update"}

STORING = ["__new__", "__setstate__", "__del__", "__setattr__", "__getattr__", "__getattribute__", "__hash__", "__eq__"]
FILLING = STORING + ["__init__", "append", "extend", "add", "update", "__setitem__", "insert", "__missing__"]
CONTAINERS = {"dict", "list", "set", "Dict", "List", "deque", "OrderedDict", "defaultdict", "UserDict", "UserList", "Counter", "MutableMapping", "MutableSequence"}
ENUMS = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "ExplicitEnum", "EnumMeta"}
HARMLESS_BASES = CONTAINERS | ENUMS | set("""object tuple int float str bytes complex type frozenset ABC ABCMeta Generic Protocol NamedTuple TypedDict Exception
BaseException ValueError TypeError RuntimeError AttributeError KeyError IndexError NotImplementedError UserWarning Warning DeprecationWarning FutureWarning ImportError
RuntimeWarning AssertionError NameError PendingDeprecationWarning OSError EnvironmentError LookupError StopIteration Mapping Sequence Set Iterable Iterator Container Collection Hashable Sized Callable
MutableSet date datetime timedelta tzinfo ndarray matrix generic number RandomState Generator recarray partial local namedtuple ContextDecorator AbstractContextManager
rv_continuous rv_discrete MetaEstimatorMixin Number Real Integral property classmethod""".split())

# Classes that do more than store, and that people have looked at.
REVIEWED = {
    "xgboost.core.Booster": "hands bytes of its own state to the library's reader of models",
    "omegaconf.dictconfig.DictConfig": "resolves interpolations when values are read, not when it is loaded",
    "omegaconf.listconfig.ListConfig": "the same",
    "transformers.utils.PushToHubMixin": "a mixin of methods that people call",
    "lightgbm.basic.Booster": "hands text of its own state to the library's reader of models",
}

# Classes of TensorFlow, whose wheels are too large to read, that people have looked at: they keep track of what is stored in them. The
# last are names that Keras 3 gives the classes of the backend that it runs on.
OF_TENSORFLOW = {f"tensorflow.{path}" for path in """compat.v2.Module Module compat.v2.__internal__.tracking.Trackable compat.v2.__internal__.tracking.AutoTrackable
__internal__.tracking.Trackable __internal__.tracking.AutoTrackable compat.v2.__internal__.tracking.DelegatingTrackableMixin compat.v2.compat.v1.variance_scaling_initializer
compat.v2.compat.v1.truncated_normal_initializer compat.v2.compat.v1.random_uniform_initializer compat.v2.compat.v1.random_normal_initializer keras.layers.Layer keras.Model
keras.losses.Loss keras.metrics.Metric keras.optimizers.schedules.LearningRateSchedule""".split()} | {"BackendOptimizer", "BackendVariable", "BackendLayer", "BaseMeanIoU"}

# Extension modules whose types pickles make by calling them.
MADE_IN_C = re.compile(
    r"^(sklearn\.(tree|neighbors|metrics|_loss|linear_model|ensemble|cluster|svm)\.|scipy\.spatial\.(_?ckdtree|transform\._rotation)|"
    r"statsmodels\.tsa\.statespace\.|pandas\._libs\.(arrays|hashtable|index|indexing|internals|interval|missing|sparse|tslibs\.\w+)$)"
)


class Class:
    """A class of one version of a library, and what it derives from, as full names where they are known."""

    def __init__(self, node, module, imports, local):
        self.node, self.module, self.name = node, module, node.name
        self.bases = [full_name(b, module, imports, local) for b in node.bases]
        self.methods = {n.name: n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        self.public = None  # the module that the class gives as its own, if that is another
        self.aliases = {t.id: n.value for n in node.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}


def full_name(node, module, imports, local):
    """The name that an expression stands for, with its module if that is known, without subscripts."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):  # with_metaclass(Meta, Base), namedtuple("X", …), Generic[…]
        if isinstance(node.func, (ast.Name, ast.Attribute)) and tail(node.func) in ("with_metaclass", "add_metaclass"):
            return full_name(node.args[-1], module, imports, local) if len(node.args) > 1 else "object"
        return "namedtuple" if tail(node.func) == "namedtuple" else "?"
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return "?"
    if node.id in local and not parts:
        return f"{module}.{node.id}"
    return ".".join([imports.get(node.id, node.id)] + parts)


def tail(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "?"


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id] + parts) if isinstance(node, ast.Name) else ".".join(["?"] + parts)


def imports_of(tree, module, is_package):
    """Names that a module imports, with where they come from. Conditional imports count."""
    out = {}
    for n in ast.walk(tree):
        if isinstance(n, ast.Import):
            for a in n.names:
                out[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
        elif isinstance(n, ast.ImportFrom):
            base = n.module or ""
            if n.level:
                up = module.split(".")
                up = up[: len(up) - n.level + (1 if is_package else 0)]
                base = ".".join(up + ([n.module] if n.module else []))
            for a in n.names:
                out[a.asname or a.name] = f"{base}.{a.name}"
    return out


class Library:
    """One version of a library, read from its wheel."""

    def __init__(self, wheel, top):
        self.top, self.classes, self.reexports, self.compiled = top, {}, {}, {}
        self.zip = zipfile.ZipFile(wheel)
        self.sources = {}  # of modules that were not read yet
        only = re.compile(ONLY.get(top, re.escape(top)))
        for name in self.zip.namelist():
            if not name.startswith(top + "/"):
                continue
            if name.endswith(".py"):
                self.sources[name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = name
            elif re.search(r"\.cpython-\w+(-[\w-]+)?\.so$|\.abi3\.so$", name) and top != "torch":
                self.read_extension(name, only)
        for module in list(self.sources):
            if only.match(module) and not LEFT_OUT.search(module):
                self.read(module, True)

    def read(self, module, wanted):
        name = self.sources.pop(module, None)
        if name is None:
            return
        is_package = name.endswith("/__init__.py")
        try:
            tree = ast.parse(self.zip.read(name))
        except SyntaxError:
            return
        imports = imports_of(tree, module, is_package)
        for alias, target in imports.items():
            self.reexports[f"{module}.{alias}"] = target
        found = list(class_nodes(tree.body))
        local = {n.name for n in found}
        for n in found:
            c = Class(n, module, imports, local)
            c.wanted = wanted
            for d in n.decorator_list:  # pandas names its public classes by the module that people import
                if isinstance(d, ast.Call) and tail(d.func) == "set_module" and isinstance(d.args[0], ast.Constant):
                    c.public = d.args[0].value
            self.classes[f"{module}.{n.name}"] = c
        for n in tree.body:  # X = namedtuple("X", …)
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and tail(n.value.func) in ("namedtuple", "_make_tuple_bunch") and isinstance(n.targets[0], ast.Name):
                node = ast.ClassDef(name=n.targets[0].id, bases=[ast.Name("tuple")], keywords=[], body=[], decorator_list=[])
                c = Class(node, module, {}, set())
                c.wanted = wanted
                self.classes[f"{module}.{node.name}"] = c

    def read_extension(self, name, only):
        module = re.sub(r"\.(cpython-[\w-]+|abi3)\.so$", "", name).replace("/", ".")
        if not only.match(module) or LEFT_OUT.search(module):
            return
        if not MADE_IN_C.match(module):
            return
        pattern = re.escape(module).encode() + rb"\.([A-Za-z_]\w*)\x00"
        names = {m.group(1).decode() for m in re.finditer(pattern, self.zip.read(name))}
        # A type's name stands alone; a function's is also the prefix of nothing. Types begin with a capital, which the letter of a kind of numbers may precede, or are private ones.
        self.compiled[module] = {n for n in names if re.match(r"_*[cdsz]?[A-Z]", n) and not n.startswith(("__pyx_", "__Pyx", "_PyX")) and n != "Enum"}

    def resolve(self, name, depth=0):
        """The class that a full name means, followed through modules that import it from elsewhere, which are read as needed."""
        if name not in self.classes and name not in self.reexports:
            self.read(name.rpartition(".")[0], False)
        if name in self.classes or depth > 8 or name not in self.reexports:
            return name
        return self.resolve(self.reexports[name], depth + 1)

    def ancestors(self, full):
        """The classes of the library that a class derives from, itself first, and its bases from elsewhere."""
        todo, seen, foreign = [full], [], set()
        while todo:
            name = self.resolve(todo.pop(0))
            if name in seen:
                continue
            if name not in self.classes:
                foreign.add(name)
                continue
            seen.append(name)
            todo += self.classes[name].bases
        return [self.classes[n] for n in seen], foreign


def class_nodes(body):
    """Classes at the top level of a module, also under conditions and try."""
    for n in body:
        if isinstance(n, ast.ClassDef):
            yield n
        elif isinstance(n, (ast.If, ast.Try)):
            yield from class_nodes(n.body)
            yield from class_nodes(n.orelse)
            for h in getattr(n, "handlers", []):
                yield from class_nodes(h.body)


@functools.cache
def deeds(node):
    """What a method calls that does more than store, or None, and the methods of its own object that it calls."""
    own = []
    for n in ast.walk(node):
        if isinstance(n, (ast.Import, ast.ImportFrom)):
            module = n.names[0].name if isinstance(n, ast.Import) else n.module or ""
            if module.split(".")[0] in MODULES_THAT_ACT:
                return f"imports {module}", []
        if not isinstance(n, ast.Call):
            continue
        name = dotted(n.func)
        last = name.rsplit(".", 1)[-1]
        if name in HARMLESS_CALLS:
            continue
        if last.lower() in ACTS or last in ACTS or name.split(".")[0] in MODULES_THAT_ACT:
            return f"calls {name}", []
        if name.startswith(("self.", "cls.")) and name.count(".") == 1:
            own.append(last)
    return None, own


def acts(chain, method, seen):
    """Tells what one of the methods does more than store, in any class of the chain, or None."""
    if method in seen:
        return None
    seen.add(method)
    for c in chain:
        node, alias = c.methods.get(method), c.aliases.get(method)
        if node is None:
            if isinstance(alias, ast.Name) and (found := acts(chain, alias.id, seen)):
                return found
            continue
        found, own = deeds(node)
        if found:
            return f"{method} {found}"
        for m in own:
            if found := acts(chain, m, seen):
                return found
    return None


def role_of(library, full, known):
    """The role of a class, or None with the reason why it has none."""
    if full in REVIEWED:
        return "class", ""
    chain, foreign = library.ancestors(full)
    last = {f.rsplit(".", 1)[-1] for f in foreign}
    for f in foreign:
        base = f.rsplit(".", 1)[-1]
        ours = f.startswith(library.top + ".")  # of an extension module
        if base not in HARMLESS_BASES and not ours and f not in known:
            return None, f"derives from {f}"
    if last & ENUMS:
        return "enum", ""
    container = bool(last & CONTAINERS)
    if container and not acts_any(chain, FILLING):
        return "container", ""
    why = acts_any(chain, STORING)
    return (None, why) if why else ("class", "")


def acts_any(chain, methods):
    for m in methods:
        if why := acts(chain, m, set()):
            return why
    return None


def wheels(cache, wanted):
    for dist, top, python, versions in LIBRARIES:
        if wanted and dist not in wanted:
            continue
        for version in versions.split():
            yield dist, top, version, fetch(cache, dist, version, python)


def fetch(cache, dist, version, python):
    stem = re.sub(r"[-.]+", "_", dist)
    for p in cache.glob("*.whl"):
        if p.name.lower().startswith(f"{stem.lower()}-{version}-"):
            return p
    platforms = [f"--platform={p}" for p in ("any", "manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_24_x86_64",
                                             "manylinux_2_27_x86_64", "manylinux_2_28_x86_64")]
    before = set(cache.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--python-version", python,
                    "--implementation", "cp", "--dest", str(cache), *platforms, f"{dist}=={version}"], check=True, stdout=sys.stderr)
    (wheel,) = set(cache.glob("*.whl")) - before
    return wheel


def main():
    cache = pathlib.Path(os.environ.get("MODELGATE_TEST_CACHE", ".cache")) / "registry"
    cache.mkdir(parents=True, exist_ok=True)
    found = collections.defaultdict(list)  # (module, name, role) -> versions
    orders, known, refused = {}, {"sklearn.base.BaseEstimator", "torch.nn.Module", *REVIEWED, *OF_TENSORFLOW}, collections.Counter()
    wanted = set(sys.argv[1:])
    for dist, top, version, wheel in wheels(cache, wanted):
        library = Library(wheel, top)
        orders.setdefault(top, []).append(version)
        n = 0
        for full, c in list(library.classes.items()):  # bases are read as they are met
            role, why = role_of(library, full, known)
            if role is None:
                if c.wanted:
                    refused[f"{full}: {why}"] += 1
                continue
            known.add(full)
            if c.module.startswith("torch.nn.modules."):  # which torch.nn imports by a star
                known.add(f"torch.nn.{c.name}")
            if c.wanted:
                n += 1
                for module in filter(None, (c.module, c.public)):
                    found[(module, c.name, role, top)].append((dist, version))
        for alias in list(library.reexports):  # so that other libraries' bases resolve
            if library.resolve(alias) in known:
                known.add(alias)
        for module, names in library.compiled.items():
            if names and MADE_IN_C.match(module):
                found[(module, "*", "cython", top)].append((dist, version))
                for name in names:
                    found[(module, name, "made", top)].append((dist, version))
        print(f"{dist} {version}: {n} classes", file=sys.stderr)
    for why, _ in sorted(refused.items()):
        print(f"left out: {why}", file=sys.stderr)
    write(found, orders, [line for line in TABLE.read_text().splitlines() if wanted and line[0] != "#" and line.split("\t")[2].split()[0] not in wanted])


def write(found, orders, kept):
    print("# Names of libraries that pickles may make, by tools/registry/pickle_names.py, which says how they are judged.")
    print("# module\troles\tlibrary and versions in which it was read\tnames")
    rows = collections.defaultdict(list)
    for (module, name, role, top), versions in found.items():
        dist = versions[-1][0]
        read = [v for _, v in versions]
        if read[0] == orders[top][0] and len(read) > 1 and read[-1] == orders[top][-1]:
            text = f"{read[0]}-{read[-1]}"
        else:
            text = read[0] if len(read) == 1 else f"{read[0]}-{read[-1]}"
        rows[(module, role, f"{dist} {text}")].append(name)
    lines = [f"{module}\t{role}\t{source}\t{' '.join(sorted(names))}" for (module, role, source), names in rows.items()]
    for line in sorted(kept + lines, key=lambda line: line.split("\t")[:3]):
        print(line)


main()
