"""Writes the tables of TFLite's operators that internal/scanner/litert embeds.

    pip install ai-edge-litert==2.3.0
    python tools/registry/litert.py internal/scanner/litert

builtin.txt is the enum BuiltinOperator of the schema: code and name. custom.txt is kept here, since no package lists it: custom
operators that Google's libraries (TFLite, LiteRT, MediaPipe 1.2.3, TensorFlow Text), makers of accelerators and further converters register,
with whose they are. Those whose owner ends in "code that it runs" hold a program for an accelerator in their options.
"""

import importlib.metadata
import pathlib
import sys

from ai_edge_litert import schema_py_generated as schema

CUSTOM = {
    "TFLite, kernels that its tools convert to": """AudioMicrofrontend AudioSpectrogram DenseImageWarp MaxPoolWithArgmax Mfcc Multinomial
        NumericVerify RandomStandardNormal RandomUniform TFLite_Detection_PostProcess Table""",
    "LiteRT accelerators, code that it runs": "DISPATCH_OP",
    "LiteRT for language models": """odml.cache_update odml.group_norm odml.rms_norm odml.runtime_bmm odml.scaled_dot_product_attention
        odml.update_kv_cache custom_call.GroupNorm custom_call.LayerNorm custom_call.MaxUnpooling2D custom_call.PixelShuffle
        custom_call.RmsNorm custom_call.absolute_positional_embedding custom_call.pixel_shuffle custom_call.rotary_positional_embedding""",
    "MediaPipe": """Convolution2DTransposeBias KmeansEmbeddingLookup Landmarks2TransformMatrix Landmarks2TransformMatrixV2
        MaxPoolingWithArgmax2D MaxUnpooling2D RaggedTensorToTensor Resampler TFSentencepieceTokenizeOp TransformLandmarks
        TransformTensor TransformTensorBilinear""",
    "TensorFlow Text": """TFText>BoiseTagsToOffsets TFText>ByteSplitByOffsets TFText>ByteSplitWithOffsets TFText>FastBertNormalize
        TFText>FastSentencepieceDetokenize TFText>FastSentencepieceTokenize TFText>FastWordpieceDetokenize
        TFText>FastWordpieceTokenizeWithOffsets TFText>NgramsStringJoin TFText>OffsetsToBoiseTags TFText>PhraseDetokenize
        TFText>PhraseTokenize TFText>RoundRobinGenerateMasks TFText>RoundRobinTrim TFText>Utf8Binarize
        TFText>WhitespaceTokenizeWithOffsetsV2""",
    "Sequence projection of tensorflow/models": """ExpectedValueOp LayerNorm SEQUENCE_STRING_PROJECTION SEQUENCE_STRING_PROJECTION_V2
        SequenceStringProjection SequenceStringProjectionV2""",
    "TFLite Micro, signal library": """SignalDelay SignalEnergy SignalFftAutoScale SignalFilterBank SignalFilterBankLog
        SignalFilterBankSpectralSubtraction SignalFilterBankSquareRoot SignalFramer SignalIrfft SignalOverlapAdd SignalPCAN SignalRfft
        SignalStacker SignalWindow""",
    "Edge Impulse": "TreeEnsembleClassifier",
    "Google Edge TPU, code that it runs": "edgetpu-custom-op",
    "Arm Ethos-U, code that it runs": "ethos-u",
    "NXP Neutron, code that it runs": "NeutronGraph",
    "VeriSilicon, code that it runs": "vsi-npu",
    "XMOS": """XC_add XC_batched_softmax XC_beta_activationf32 XC_beta_concatf32 XC_beta_convf32 XC_beta_fcf32 XC_beta_transposeconvf32
        XC_binaryi16 XC_broadcast XC_bsign_8 XC_concat XC_conv2d_v2 XC_expand_8_to_16 XC_ld_weights XC_ld_weights_wait XC_load_tensor
        XC_lookup XC_maxpool2d XC_mean XC_meani16 XC_mul XC_no_op XC_pad XC_pad_1_to_4 XC_pad_3_to_4 XC_slice XC_softmax
        XC_store_tensor XC_transpose XC_unaryi16""",
    "Larq Compute Engine": "LceBMaxPool2d LceBconv2d LceDequantize LceQuantize",
}


def write(path, notes, rows):
    text = "".join(f"# {note}\n" for note in notes) + "".join("\t".join(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def main():
    out = pathlib.Path(sys.argv[1])
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    version = importlib.metadata.version("ai-edge-litert")
    write(
        out / "builtin.txt",
        [f"ai-edge-litert {version}, enum BuiltinOperator of the TFLite schema: code, name", "tools/registry/litert.py"],
        [(str(code), codes[code]) for code in sorted(codes)],
    )
    rows = {}
    for vendor, names in CUSTOM.items():
        for name in names.split():
            rows.setdefault(name, vendor)
    write(out / "custom.txt", ["Custom operators of TFLite: name, whose", "tools/registry/litert.py"], sorted(rows.items()))


if __name__ == "__main__":
    main()
