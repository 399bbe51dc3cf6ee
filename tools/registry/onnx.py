"""Writes the table of ONNX operators that internal/scanner/onnx embeds.

    pip install onnx==1.23.2 onnxruntime==1.32.0 onnxruntime-extensions==0.15.2
    python tools/registry/onnx.py internal/scanner/onnx

operators.txt has a row an operator: domain, colon, name; then the versions of its domain in which it was defined anew, and "until"
with the version in which it was taken out. Standard operators come from the schemas of onnx itself, every version of them, those of
com.microsoft, com.microsoft.nchwc and com.ms.internal.nhwc from the schemas of ONNX Runtime, which are registered whatever hardware there
is. Kept here, since no package lists them: operators that ONNX had before its first stable version and that ONNX Runtime still
runs, those of ONNX Runtime's training, and those of onnxruntime-extensions, whose library names them one by one where it makes them.
"""

import collections
import importlib.metadata
import pathlib
import sys

# Without the directory of this file, whose name would be taken for the library.
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]

import onnx.defs
from onnxruntime.capi import _pybind_state

EXPERIMENTAL = """ATen Affine ConstantFill Crop DynamicSlice GRUUnit GivenTensorFill ImageScaler ParametricSoftplus Scale ScaledTanh""".split()

TRAINING = """AdamOptimizer AdamWOptimizer AdasumAllReduce All ATen BatchNormInternal BatchNormalizationGrad BiasFastGeluGrad_dX BiasGeluGrad_dX
    BitmaskBiasDropout BitmaskDropout BitmaskDropoutGrad BroadcastGradientArgs ConcatTraining ConvGrad ConvTransposeGrad DivGrad DropoutGrad
    FakeQuant FakeQuantGrad FastGeluGrad GatherElementsGrad GatherGrad GatherNDGrad GeluGrad GistBinarizeDecoder GistBinarizeEncoder
    GistPack16Decoder GistPack16Encoder GistPack1Decoder GistPack1Encoder GistPack8Decoder GistPack8Encoder GistPackMsfp15Decoder
    GistPackMsfp15Encoder Group HardSigmoidGrad InPlaceAccumulator InPlaceAccumulatorV2 InvertibleLayerNormalizationGrad
    IsAllFinite IsFinite LambOptimizer LayerNormalizationGrad LeakyReluGrad LogSoftmaxGrad LogSoftmaxGrad_13 LSTMGrad LSTMTraining GRUGrad
    GRUTraining MegatronF MegatronG MixedPrecisionScale MomentumOptimizer NcclAllGather NcclAllReduce NcclReduceScatter
    NegativeLogLikelihoodLossInternal NegativeLogLikelihoodLossInternal2 PadAndUnflatten PassThrough QuickGeluGrad RecordEvent Recv
    ReduceAllL2 ReduceSumTraining ReluGrad ResizeGrad SGDOptimizer SGDOptimizerV2 ScaledSum Send ShrunkenGather SigmoidGrad
    SimplifiedLayerNormalizationGrad SinGrad SliceGrad SoftmaxCrossEntropy SoftmaxCrossEntropyGrad SoftmaxCrossEntropyLossGrad
    SoftmaxCrossEntropyLossInternal SoftmaxCrossEntropyLossInternalGrad SoftmaxDropoutGrad SoftmaxGrad SoftmaxGrad_13
    SparseSoftmaxCrossEntropy SparseSoftmaxCrossEntropyGrad SplitTraining SummaryHistogram SummaryMerge SummaryScalar SummaryText TanhGrad
    TritonOp View WaitEvent YieldOp ZeroGradient ClipGradNorm PythonOp PythonOpGrad Scale MemcpyFromHost MemcpyToHost""".split()

EXTENSIONS = """AudioDecoder BasicTokenizer BertTokenizer BertTokenizerDecoder BlingFireSentenceBreaker BpeDecoder CLIPTokenizer DecodeImage
    DrawBoundingBoxes EncodeImage GPT2Tokenizer GaussianBlur HfBertTokenizer HfJsonTokenizer ImageDecoder ImageReader Inverse MaskedFill
    MergeSignalSegments NegPos RaggedTensorToDense RaggedTensorToSparse RobertaTokenizer SegmentExtraction SegmentSum SentencepieceDecoder
    SentencepieceTokenizer SplitSignalSegments SpmTokenizer StftNorm StringConcat StringECMARegexReplace StringECMARegexSplitWithOffsets
    StringEqual StringHash StringHashFast StringJoin StringLength StringLower StringMapping StringRaggedTensorToDense StringRegexReplace
    StringRegexSplitWithOffsets StringSlice StringSplit StringStrip StringToHashBucket StringToHashBucketFast StringToVector StringUpper
    TrieDetokenizer TrieTokenizer VectorToString WordpieceTokenizer""".split()


def main():
    out = pathlib.Path(sys.argv[1])
    since, until = collections.defaultdict(set), {}

    def add(domain, name, version, deprecated=False):
        key = f"{domain or 'ai.onnx'}:{name}"
        if deprecated:
            until[key] = version
        else:
            since[key].add(version)

    for s in onnx.defs.get_all_schemas_with_history():
        add(s.domain, s.name, s.since_version, s.deprecated)
    first = {key: min(versions) for key, versions in since.items()}
    for s in _pybind_state.get_all_operator_schema():  # some standard operators it had before the standard did
        key = f"{s.domain or 'ai.onnx'}:{s.name}"
        if key not in first and key not in until or s.since_version < first.get(key, 0):
            add(s.domain, s.name, s.since_version, s.deprecated)
    for name in EXPERIMENTAL:
        add("", name, 1)
    for name in TRAINING:
        add("com.microsoft", name, 1)
    for name in ("Adagrad", "Adam", "Gradient", "GraphCall", "Momentum"):
        add("ai.onnx.training", name, 1)
    for name in EXTENSIONS:
        add("ai.onnx.contrib", name, 1)
        add("com.microsoft.extensions", name, 1)

    versions = [f"{d} {importlib.metadata.version(d)}" for d in ("onnx", "onnxruntime", "onnxruntime-extensions")]
    latest = onnx.defs.onnx_opset_version()
    with open(out / "operators.txt", "w", encoding="utf-8") as f:
        f.write(f"# ONNX operators of {', '.join(versions)}; the newest set of ai.onnx is {latest}\n# tools/registry/onnx.py\n")
        for key in sorted(set(since) | set(until)):
            row = [key, ",".join(str(v) for v in sorted(since[key]))]
            if key in until and max(since[key], default=0) < until[key]:
                row.append(f"until {until[key]}")
            f.write("\t".join(row) + "\n")


if __name__ == "__main__":
    main()
