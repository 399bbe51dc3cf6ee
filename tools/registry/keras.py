"""Writes the tables of package internal/scanner/keras from the frameworks' own sources, which it reads and never imports.

    pip download --no-deps -d wheels keras==3.15.1 keras==2.15.0 … tensorflow-cpu==2.20.0
    python3 tools/registry/keras.py wheels internal/scanner/keras

objects.txt: what configurations name and Keras makes of it: classes and functions, each with its kinds and the module under which it
is known. backend.txt: functions of keras.ops and keras.backend, which code in Lambda layers calls. tensorflow.txt: the functions of
TensorFlow's public interface that compute and touch nothing else, which layers and code name.
"""

import ast
import pathlib
import re
import sys
import tarfile
import zipfile

# Packages whose modules hold objects, by the beginning of a path in a wheel, and the module that stands for it in configurations.
ROOTS = ("keras/src/", "keras/", "tf_keras/src/", "tf_keras/", "tensorflow/python/keras/", "keras_hub/src/", "keras_nlp/src/", "keras_nlp/", "keras_cv/src/", "keras_cv/")

# What kind of object a module defines, by its path below the root.
KINDS = [
    (r"(layers|legacy/layers|legacy_tf_layers|legacy/preprocessing|layers_v1|premade|premade_models|engine|models|legacy/models|feature_column|wrappers)\b", "layer"),
    (r"activations", "activation"),
    (r"(losses|objectives)\b", "loss"),
    (r"metrics", "metric"),
    (r"(optimizers|optimizer_v1|optimizer_v2|optimizer_experimental|mixed_precision/.*optimizer)", "optimizer"),
    (r"(initializers|initializations)", "initializer"),
    (r"regularizers", "regularizer"),
    (r"constraints", "constraint"),
    (r"(dtype_policies|mixed_precision)", "policy"),
    (r"(ops|legacy/ops)\b", "op"),
    (r"(quantizers|random/seed_generator|trainers/compile_utils|tokenizers|samplers|distillation|bounding_box)", "other"),
    (r"(utils/(torch_utils|jax_layer)|applications)", "layer"),
    (r"export/(tfsm_layer|.*)", "layer"),
]

# Functions only count where they are what configurations name; elsewhere they are helpers.
FUNCTIONS = {"activation", "loss", "metric", "initializer", "regularizer", "constraint", "op"}

# Functions of those modules that look others up or write, and no computation.
HELPERS = set(
    """serialize deserialize get get_globals keras_export print_tensor function custom_gradient get_session set_session clear_session
    load_backend save_img is_built_in fetch_ serialize_keras_object deserialize_keras_object
    register_keras_serializable get_custom_objects get_or_create_layer populate_dict_with_module_objects register_optimizer
    get_uid reset_uids manual_variable_initialization set_floatx set_epsilon set_image_data_format set_learning_phase
    set_image_dim_ordering set_value batch_set_value get_value batch_get_value set_value""".split()
)

# Namespaces of TensorFlow whose functions compute and do nothing else.
TENSORFLOW = """bitwise math nn linalg signal image strings sparse ragged random quantization dtypes sets audio""".split()
TENSORFLOW_TOP = """abs acos acosh add add_n argmax argmin argsort asin asinh atan atan2 atanh batch_to_space bitcast boolean_mask
    broadcast_dynamic_shape broadcast_static_shape broadcast_to case cast clip_by_global_norm clip_by_norm clip_by_value complex concat cond
    constant convert_to_tensor cos cosh cumsum dynamic_partition dynamic_stitch edit_distance einsum ensure_shape equal exp expand_dims
    extract_volume_patches eye fill fingerprint floor foldl foldr gather gather_nd greater greater_equal grad_pass_through gradients
    guarantee_const hessians histogram_fixed_width histogram_fixed_width_bins identity identity_n image_gradients is_tensor
    less less_equal linspace logical_and logical_not logical_or map_fn matmul matrix_square_root maximum meshgrid minimum multiply negative
    no_op norm not_equal numpy one_hot ones ones_like pad parallel_stack pow quantize_and_dequantize_v4 range rank realdiv recompute_grad
    reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat required_space_to_batch_paddings
    reshape reverse reverse_sequence roll round saturate_cast scalar_mul scan scatter_nd searchsorted sequence_mask shape shape_n sigmoid
    sign sin sinh size slice sort space_to_batch space_to_batch_nd split sqrt square squeeze stack stop_gradient strided_slice subtract
    switch_case tan tanh tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min tensor_scatter_nd_sub tensor_scatter_nd_update
    tensordot tile timestamp transpose truediv truncatediv truncatemod tuple type_spec_from_value unique unique_with_counts unravel_index
    unstack vectorized_map where while_loop zeros zeros_like floordiv floormod mod div log log1p erf bincount divide space_to_depth
    depth_to_space reduce_euclidean_norm reduce_std reduce_variance random_normal random_uniform truncated_normal random_normal_initializer
    random_uniform_initializer zeros_initializer ones_initializer constant_initializer lbeta to_float to_int32 to_int64 ceil rsqrt tensor_shape
    batch_matmul reduce_join string_split string_to_number assert_equal gather_v2 cumprod segment_sum segment_mean segment_max
    unsorted_segment_sum unsorted_segment_mean unsorted_segment_max unsorted_segment_min unsorted_segment_prod is_nan is_inf is_finite""".split()
OPERATORS = """getitem add radd sub rsub mul rmul truediv rtruediv div rdiv floordiv rfloordiv mod rmod pow rpow matmul rmatmul neg abs invert
    eq ne lt le gt ge and rand or ror xor rxor len ragged_getitem""".split()


def sources(path):
    """The Python sources of a wheel or source archive, by their path in it."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as z:
            for name in z.namelist():
                if name.endswith(".py") and name.startswith(ROOTS):
                    yield name, z.read(name)
    else:
        with tarfile.open(path) as t:
            for member in t:
                name = member.name.partition("/")[2]
                if name.endswith(".py") and name.startswith(ROOTS):
                    yield name, t.extractfile(member).read()


def below(name):
    """The path of a module below the root of its package, and the module as configurations spell it."""
    for root in ROOTS:
        if name.startswith(root):
            rest = name[len(root) :].removesuffix(".py").removesuffix("/__init__")
            return rest, (root.rstrip("/") + "/" + rest).replace("/", ".")
    raise ValueError(name)


def kind_of(path):
    for pattern, kind in KINDS:
        if re.match(pattern, path) or path.startswith(("keras_hub", "keras_cv")) and re.search(pattern, path):
            return kind
    return None


def exports(node):
    """The public names of a class or function: arguments of its export decorator."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", getattr(decorator.func, "attr", "")).endswith("_export"):
            for argument in decorator.args:
                for constant in argument.elts if isinstance(argument, (ast.List, ast.Tuple)) else [argument]:
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                        yield constant.value


def statements(body):
    """Top-level statements, also those under if and try."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try)):
                yield from statements(getattr(node, field, []))


# Classes that everything configurable is made from, by names that modules import them under.
BASES = set(
    """Layer Model Metric Loss Optimizer OptimizerV2 Initializer Regularizer Constraint Operation KerasSaveable LearningRateSchedule Wrapper
    DTypePolicy Policy Quantizer Sequential Functional Module AutoTrackable Tokenizer Backbone Task Preprocessor Sampler""".split()
)

# Classes of that kind that load, save or run something else, and are no part of honest configurations.
OTHERS = set(
    """ExportArchive LiteRTExporter KerasPresetLoader KerasPresetSaver KerasHubVllmModel KerasHubLLM KerasHubTokenizer PyCOCOWrapper HidePrints
    DirectoryIterator DataFrameIterator NumpyArrayIterator ImageDataGenerator KerasClassifier KerasRegressor BaseWrapper""".split()
)


class Table:
    def __init__(self):
        self.rows = {}  # name -> (kinds, module)
        self.classes = {}  # name -> names of its bases, and whether it has a configuration

    def note(self, node):
        """Remembers what a class is made from."""
        bases = {getattr(b, "attr", getattr(b, "id", "")) for b in node.bases}
        own = any(isinstance(n, ast.FunctionDef) and n.name in ("get_config", "from_config") for n in node.body)
        known, had = self.classes.get(node.name, (set(), False))
        self.classes[node.name] = (known | bases, had or own)

    def keep_configurable(self):
        """Drops classes that configurations cannot make."""
        good = {n for n, (_, own) in self.classes.items() if own} | BASES
        while True:
            more = {n for n, (bases, _) in self.classes.items() if n not in good and bases & good}
            if not more:
                break
            good |= more
        for name in self.classes:
            if name not in good or name in OTHERS:
                self.rows.pop(name, None)

    def add(self, name, kind, module):
        if not name or name.startswith("_") or name in HELPERS:
            return
        kinds, known = self.rows.get(name, (set(), module))
        # the shortest module is the public one
        self.rows[name] = (kinds | {kind}, min(known, module, key=lambda m: (len(m), m)))


def is_test(path):
    return re.search(r"(_test|test_utils|testing|benchmark|/tests?/)", path) is not None


def read(name, text, objects, backend):
    path, module = below(name)
    if is_test(name):
        return
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    if re.match(r"(backend(/common)?(\.py)?|backend/tensorflow_backend|backend/tensorflow/(core|numpy|math|nn|image|linalg|random)|ops(/.*)?|random(/.*)?)$", path):
        for node in statements(tree.body):
            if isinstance(node, ast.FunctionDef):
                backend.add(node.name, "function", module)
    # Packages around Keras have models in every directory.
    kind = kind_of(path)
    if kind is None and name.startswith(("keras_hub", "keras_nlp", "keras_cv")):
        kind = "layer"
    for node in statements(tree.body):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            if isinstance(node, ast.ClassDef):
                objects.note(node)
            public = [p for p in exports(node) if p.startswith(("keras.", "keras_", "tf_keras."))]
            here = kind
            if here is None:
                for p in public:
                    here = here or kind_of(p.partition(".")[2].replace(".", "/"))
            if here is None or isinstance(node, ast.FunctionDef) and here not in FUNCTIONS:
                continue
            for p in [p.rpartition(".") for p in public] or [(module, "", node.name)]:
                objects.add(p[2], here, p[0])
            objects.add(node.name, here, module)
        elif kind in FUNCTIONS and kind != "op" and isinstance(node, ast.Assign):
            aliases(node, kind, module, objects)
        elif kind == "layer" and isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute)):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id[:1].isupper() and not target.id.isupper():
                    objects.add(target.id, kind, module)
        elif kind in FUNCTIONS and isinstance(node, ast.Expr):
            aliases(node, kind, module, objects)


def aliases(node, kind, module, objects):
    """Other names of the same things: mse = MSE = mean_squared_error, and the keys of ALL_OBJECTS_DICT."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
        for target in node.targets:
            if isinstance(target, ast.Name) and not target.id.endswith("S"):
                objects.add(target.id, kind, module)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Dict):
            for key in inner.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier():
                    objects.add(key.value, kind, module)
        if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name) and inner.targets[0].id in ("MSE", "MAE"):
            objects.add(inner.targets[0].id, kind, module)


def symbols(path):
    """The public functions of TensorFlow that compute, from the modules that export them."""
    found = {"__operators__." + n for n in OPERATORS} | {"operators." + n for n in OPERATORS} | set(TENSORFLOW_TOP)
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            m = re.fullmatch(r"tensorflow/_api/v[12]/((?:%s)(?:/\w+)*)/__init__\.py" % "|".join(TENSORFLOW), name)
            if not m:
                continue
            for node in ast.parse(z.read(name)).body:
                if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("tensorflow._api"):
                    for alias in node.names:
                        if not (alias.asname or alias.name).startswith("_") and not m[1].startswith("quantization/"):
                            found.add(m[1].replace("/", ".") + "." + (alias.asname or alias.name))
    return found


def version(path):
    return re.sub(r"(\.tar\.gz|-(py2\.)?py3.*|-cp\d+.*)$", "", path.name).replace("-", " ")


def write(path, head, rows):
    lines = ["# " + line for line in head + ["tools/registry/keras.py"]] + rows
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    wheels, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    objects, backend, tensorflow = Table(), Table(), set()
    archives = sorted([p for p in wheels.iterdir() if p.suffix in (".whl", ".gz")], key=lambda p: p.name.lower())
    frameworks = [p for p in archives if p.name.lower().startswith(("keras", "tf_keras"))]
    flows = [p for p in archives if p.name.startswith("tensorflow")]
    for archive in frameworks + flows:
        for name, text in sources(archive):
            read(name, text, objects, backend)
    objects.keep_configurable()
    for archive in flows:
        tensorflow |= symbols(archive)
    made_of = ["Classes and functions that configurations of Keras name: name, kinds, module.", ", ".join(version(p) for p in frameworks + flows)]
    write(out / "objects.txt", made_of, [f"{n}\t{' '.join(sorted(k))}\t{m}" for n, (k, m) in sorted(objects.rows.items())])
    write(out / "backend.txt", ["Functions of keras.ops and keras.backend.", made_of[1]], sorted(backend.rows))
    write(out / "tensorflow.txt", ["Public functions of TensorFlow that compute and touch nothing else.", ", ".join(version(p) for p in flows)], sorted(tensorflow))


if __name__ == "__main__":
    main()
