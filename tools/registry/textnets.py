"""Writes the table of layers of ncnn, TNN and Darknet that internal/scanner/textnets embeds, each as format:type.

    pip download --no-deps ncnn==1.0.20261020
    python tools/registry/textnets.py internal/scanner/textnets ncnn-*.whl

ncnn's types are kept here and held to the strings of its library; TNN and Darknet are in no package.
"""

import pathlib
import re
import sys
import zipfile

NCNN = """AbsVal ArgMax BNLL BatchNorm Bias BinaryOp CELU Cast Clip Concat Convolution Convolution1D Convolution3D ConvolutionDepthWise
    ConvolutionDepthWise1D ConvolutionDepthWise3D CopyTo Crop CumulativeSum Deconvolution Deconvolution1D Deconvolution3D
    DeconvolutionDepthWise DeconvolutionDepthWise1D DeconvolutionDepthWise3D DeepCopy DeformableConv2D Dequantize DetectionOutput Diag
    Dropout ELU Einsum Eltwise Embed Erf Exp ExpandDims Flatten Flip Fold GELU GLU GRU Gemm GridSample GroupNorm HardSigmoid HardSwish
    InnerProduct Input InstanceNorm Interp InverseSpectrogram LRN LSTM LayerNorm Log MVN MatMul MemoryData Mish MultiHeadAttention Noop
    Normalize PReLU PSROIPooling Packing Padding Permute PixelShuffle Pooling Pooling1D Pooling3D Power PriorBox Proposal Quantize RMSNorm
    RNN ROIAlign ROIPooling ReLU Reduction Reorg Requantize Reshape RotaryEmbed SDPA SELU SPP Scale Shrink ShuffleChannel Sigmoid Slice
    Softmax Softplus Spectrogram Split Squeeze StatisticsPooling Swish TanH Threshold Tile UnaryOp Unfold YoloDetectionOutput
    Yolov3DetectionOutput"""

TNN = """AbsVal Acos Add ArgMaxOrMin Asin Atan BatchNormCxx BinaryOp BitShift BlobScale Cast Ceil Clip Concat ConcatWithoutPad Const
    ConstantOfShape Convolution1D Convolution Convolution3D Cos Deconvolution Deconvolution3D DeconvolutionDepthWise
    ConvolutionDepthWise Convolution1DDepthWise Div DetectionOutput DetectionPostProcess Dequantize Eltwise Elu Embed Equal Erf Exp Expand
    Flatten Floor GELU Gather GatherND GlobalAveragePooling GridSample GroupNorm HardSigmoid HardSwish HdrGuide Histogram If InnerProduct
    InstBatchNormCxx Input Int8Quantized Inverse LRN LSTMONNX LayerNorm Log LogSigmoid LogSoftmax MatMul Max Min Mul MVN Neg NonMaxSuppression
    NonZero Normalize Not OneHot PRelu Pad PadV2 Permute PermuteV2 PixelShuffle PixelUnshuffle Pooling Pooling1D Pooling3D Pow Power
    PriorBox QuantizedConcat QuantizedConvolution QuantizedPooling Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare ReLU ReLU6 Relu Relu6 Reorg Repeat Requantize Reformat Reshape ReshapeTorch
    Rnn RoiAlign ScatterElements ScatterND Scale Selu Shape Shuffle ShuffleChannel Sigmoid Sign SignedMul Sin SoftPlus Softmax SoftmaxCaffe
    Softsign Split SplitTorch SplitV Sqrt Squeeze SquaredDifference StridedSlice StridedSliceV2 StrideSliceV2 Stack Sub Swish Tan TanH
    Tile TopK Transpose Unsqueeze Upsample Where Swap Roll"""

DARKNET = """net network avgpool batchnorm conn connected contrastive conv conv_lstm convolutional cost crnn crop deconv deconvolutional
    detection dropout elu empty gaussian_yolo gru implicit implicit_add implicit_mul iseg l2norm leaky linear local local_avgpool logistic logxent
    lstm max maxpool mish normalization nrm region relu reorg reorg3d reorg_old rnn route sam scale_channels shortcut silence soft softmax swish
    upsample yolo Gaussian_yolo history dropblock local_maxpool lrn"""


def main():
    library = b""
    with zipfile.ZipFile(sys.argv[2]) as z:
        for member in z.namelist():
            if re.search(r"\.so", member):
                library += z.read(member)
    version = pathlib.Path(sys.argv[2]).name.split("-")[1]
    ncnn = [n for n in NCNN.split() if n.encode() + b"\0" in library or print("not in ncnn:", n, file=sys.stderr)]
    rows = sorted({f"ncnn:{n}" for n in ncnn} | {f"tnn:{n}" for n in TNN.split()} | {f"darknet:{n}" for n in DARKNET.split()})
    text = f"# Layers of ncnn {version}, TNN and Darknet: format:type\n# tools/registry/textnets.py\n" + "".join(r + "\n" for r in rows)
    (pathlib.Path(sys.argv[1]) / "layers.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
