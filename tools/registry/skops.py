"""Writes the names that a skops file of honest estimators holds: what skops trusts by itself, and the classes, functions and ufuncs of
scikit-learn, NumPy and SciPy that store, compute or describe and do nothing else when a file is loaded.

    python -P tools/registry/skops.py > internal/scanner/skops/names.txt

It needs skops, scikit-learn, SciPy and NumPy. A line is a dotted name and its kind: class (made without its constructor and given a
state), loss (a class that is called), function (imported; called by an estimator later), dtype (a type of NumPy that is called on an
array), generator (of random bits).
"""

import importlib
import inspect
import pkgutil
import re
import sys
import warnings

import numpy
import scipy.sparse
import scipy.special
import skops
import sklearn
from skops.io import _sklearn, _trusted_types as trusted

warnings.simplefilter("ignore")
rows = {}

# What reads, fetches, tests or builds is no part of a model.
LEFT_OUT = re.compile(r"\.(tests|datasets|externals|conftest|_build_utils|__check_build|_testing|estimator_checks|_test_common|_min_dependencies"
                      r"|_show_versions|setup|fixes|_doc_link|_plot|_repr_html|callback|parallel)(\.|$)")
DANGEROUS = re.compile(r"\b(open|exec|eval|compile|system|popen|load|__import__|import_module|urlopen)\s*\(")


def add(name, kind):
    rows.setdefault(name, kind)


def source(obj):
    try:
        return inspect.getsource(obj)
    except (OSError, TypeError):
        return ""


def stores(cls):
    """Whether making the class by __new__ and giving it a state does nothing else."""
    return not any(DANGEROUS.search(source(cls.__dict__[m])) for m in ("__new__", "__setstate__", "__del__") if m in cls.__dict__)


for name in trusted.PRIMITIVE_TYPE_NAMES + trusted.CONTAINER_TYPE_NAMES:
    add(name, "class")
for name in trusted.NUMPY_UFUNC_TYPE_NAMES + trusted.SCIPY_UFUNC_TYPE_NAMES:
    add(name, "function")
    for old, new in (("numpy._core.", "numpy.core."), ("numpy.core.", "numpy._core.")):
        add(name.replace(old, new), "function")
for name in trusted.NUMPY_DTYPE_TYPE_NAMES:
    add(name, "dtype")
for name in trusted.NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES:
    add(name, "generator")
for name in trusted.SKLEARN_ESTIMATOR_TYPE_NAMES + trusted.SKLEARN_INTERNAL_TYPE_NAMES:
    add(name, "class")
for cls in _sklearn.ALLOWED_LOSSES:
    add(f"{cls.__module__}.{cls.__name__}", "loss")
    if cls.__module__ == "_loss":
        add(f"sklearn._loss._loss.{cls.__name__}", "loss")

modules = [sklearn] + [m for m in pkgutil.walk_packages(sklearn.__path__, "sklearn.", onerror=lambda _: None)]
for m in modules:
    name = getattr(m, "name", "sklearn")
    if LEFT_OUT.search(name):
        continue
    try:
        module = importlib.import_module(name)
    except Exception:
        continue
    for key, obj in sorted(vars(module).items()):
        if getattr(obj, "__module__", None) != name or key != getattr(obj, "__name__", None):
            continue
        if isinstance(obj, type):
            if stores(obj) and not issubclass(obj, BaseException):
                add(f"{name}.{key}", "class")
        elif callable(obj) and not key.startswith("_") and not DANGEROUS.search(source(obj)):
            add(f"{name}.{key}", "function")

# Classes of earlier releases, which wrote files that are still about.
for module, names in {
    "sklearn.ensemble._gb_losses": "BinomialDeviance MultinomialDeviance LeastSquaresError LeastAbsoluteError HuberLossFunction "
                                   "QuantileLossFunction ExponentialLoss",
    "sklearn.ensemble._hist_gradient_boosting.loss": "LeastSquares LeastAbsoluteDeviation Poisson BinaryCrossEntropy CategoricalCrossEntropy",
    "sklearn.covariance._graph_lasso": "_DictWithDeprecatedKeys",
    "sklearn.neighbors._dist_metrics": "EuclideanDistance ManhattanDistance MinkowskiDistance ChebyshevDistance",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration",
}.items():
    for name in names.split():
        add(f"{module}.{name}", "class")
for name in "Log SquaredLoss Huber Hinge ModifiedHuber EpsilonInsensitive SquaredHinge SquaredEpsilonInsensitive".split():
    add(f"sklearn.linear_model._sgd_fast.{name}", "loss")

# Functions of NumPy that compute; those that read, write, call what they are given or change NumPy itself are not among them.
SIDE_EFFECTS = set("""load save savez savez_compressed savetxt loadtxt genfromtxt fromfile fromregex memmap DataSource apply_along_axis
    apply_over_axes vectorize frompyfunc piecewise fromfunction info source lookfor test show_config show_runtime get_include deprecate
    deprecate_with_doc set_printoptions setbufsize seterr seterrcall set_string_function from_dlpack frombuffer asmatrix fromiter bmat""".split())
for key, obj in sorted(vars(numpy).items()):
    if key in SIDE_EFFECTS or key.startswith("_") or isinstance(obj, type) or not callable(obj):
        continue
    add(f"numpy.{key}", "function")
    module = getattr(obj, "__module__", None)
    if module and module.startswith("numpy"):
        add(f"{module}.{key}", "function")
for module in (numpy.linalg, numpy.fft):
    for key in module.__all__ if hasattr(module, "__all__") else dir(module):
        if callable(getattr(module, key)) and not isinstance(getattr(module, key), type):
            add(f"{module.__name__}.{key}", "function")
for key, obj in vars(scipy.sparse).items():
    if isinstance(obj, type) and not issubclass(obj, BaseException):
        add(f"{obj.__module__}.{key}", "class")
        add(f"scipy.sparse.{key}", "class")
for key in scipy.special.__all__:
    obj = getattr(scipy.special, key)
    if callable(obj) and not isinstance(obj, type):
        add(f"scipy.special.{key}", "function")
        if getattr(obj, "__module__", None):
            add(f"{obj.__module__}.{key}", "function")

print(f"# skops {skops.__version__}, scikit-learn {sklearn.__version__}, NumPy {numpy.__version__}, SciPy {scipy.__version__}")
print("# written by tools/registry/skops.py")
sys.stdout.writelines(f"{name}\t{kind}\n" for name, kind in sorted(rows.items()))
