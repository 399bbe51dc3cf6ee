"""Writes the table of OpenVINO's operations that internal/scanner/openvino embeds.

    pip install openvino==2026.4.1
    python tools/registry/openvino.py internal/scanner/openvino

operators.txt has a row an operation: its type as it stands in a model, then the operation sets that have it. They are read from the
headers of the library (include/openvino/opsets). Sets that stand apart are kept here: the layers of models before IR version 10, by
their documentation, and the operations of the sets extension, experimental, util and of the tokenizers library.
"""

import collections
import importlib.metadata
import importlib.util
import pathlib
import re
import sys

# Without the directory of this file, whose name would be taken for the library.
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]

# How the library writes types whose class has another name (xml_serialize_util).
SPELLED = {"Constant": "Const", "PRelu": "PReLU", "Relu": "ReLU", "Softmax": "SoftMax"}

EXTENSION = """FFT GenericIE Sigmoid Augru AUGRUCell AUGRUSequence""".split()
EXPERIMENTAL = """ExperimentalDetectronDetectionOutput ExperimentalDetectronGenerateProposalsSingleImage ExperimentalDetectronPriorGridGenerator
    ExperimentalDetectronROIFeatureExtractor ExperimentalDetectronTopKROIs AUGRUCell AUGRUSequence""".split()
INTERNAL = """AUGRUCell AUGRUSequence GenerateProposalsIEInternal MulticlassNmsIEInternal NmsStaticShapeIE RoPE RMS NonMaxSuppressionIEInternal
    PlaceholderExtension ReadValueWithSubgraph""".split()
TOKENIZERS = """BPETokenizer BytesToChars CaseFold CharsMapNormalization CharsToBytes CombineSegments EqualStr FuzeRagged NormalizeUnicode
    RaggedTensorPack RaggedToDense RaggedToRagged RaggedToSparse RegexNormalization RegexSplit SentencepieceDetokenizer SentencepieceStreamDetokenizer
    SentencepieceTokenizer SpecialTokensSplit StringTensorPack StringTensorUnpack StringToHashBucket TrieTokenizer Truncate UTF8Validate
    UnigramTokenizer VocabDecoder VocabEncoder WordpieceTokenizer""".split()
LEGACY = """Activation ArgMax BatchNormalization BinaryConvolution Bucketize Clamp Concat Const Convolution Copy Crop CTCGreedyDecoder
    Deconvolution DeformableConvolution DepthToSpace DetectionOutput Eltwise Elu Exp Fill Flatten FullyConnected Gather Gemm GRN GRUCell
    GRUSequence Input Interp LSTMCell LSTMSequence LRN Log MVN Memory Norm Normalize OneHot Pad Permute Pooling Power PReLU PriorBox
    PriorBoxClustered Proposal PSROIPooling Quantize Range RegionYolo ReLU ReLU6 ReorgYolo Resample Reshape ReverseSequence RNNCell RNNSequence
    ROIPooling ScaleShift ScatterUpdate Select ShapeOf ShuffleChannels Sigmoid SimplerNMS Slice SoftMax SpaceToDepth SparseFillEmptyRows
    Split Squeeze StridedSlice TanH TensorIterator Tile TopK Unique Unsqueeze ReduceAnd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceOr ReduceProd ReduceSum ReduceSumSquare Broadcast NonMaxSuppression Floor Ceil Acos Acosh Asin Asinh Atan
    Atanh Cos Cosh Sin Sinh Tan Erf HardSigmoid Neg Reciprocal Selu Sign SoftPlus Softsign Expand Convert""".split()


def main():
    out = pathlib.Path(sys.argv[1])
    root = pathlib.Path(importlib.util.find_spec("openvino").submodule_search_locations[0])
    sets = collections.defaultdict(set)
    for header in sorted((root / "include/openvino/opsets").glob("opset*_tbl.hpp")):
        number = re.fullmatch(r"opset(\d+)_tbl.hpp", header.name).group(1)
        for name in re.findall(r"^_OPENVINO_OP_REG\((\w+),", header.read_text(encoding="utf-8"), re.M):
            sets[SPELLED.get(name, name)].add(f"opset{number}")
    for kind, names in (("extension", EXTENSION + TOKENIZERS), ("experimental", EXPERIMENTAL), ("internal", INTERNAL), ("legacy", LEGACY)):
        for name in names:
            sets[name].add(kind)
    with open(out / "operators.txt", "w", encoding="utf-8") as f:
        f.write(f"# Operations of openvino {importlib.metadata.version('openvino')}\n# tools/registry/openvino.py\n")
        for name in sorted(sets):
            f.write(f"{name}\t{' '.join(sorted(sets[name], key=lambda s: (not s.startswith('opset'), len(s), s)))}\n")


if __name__ == "__main__":
    main()
