"""Writes the table of Caffe's layer types that internal/scanner/caffe embeds.

    python tools/registry/caffe.py internal/scanner/caffe

No package holds them; they are kept here: those that BVLC's Caffe 1.0 registers, and those of the forks that published models are of.
"""

import pathlib
import sys

LAYERS = {
    "Caffe 1.0": """AbsVal Accuracy ArgMax BatchNorm BatchReindex Bias BNLL Clip Concat ContrastiveLoss Convolution Crop Data Deconvolution
        Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss
        InnerProduct Input LRN LSTM LSTMUnit Log MVN MemoryData MultinomialLogisticLoss PReLU Parameter Pooling Power Python RNN ReLU
        Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice Softmax SoftmaxWithLoss SoftmaxLoss Split Swish TanH
        Threshold Tile WindowData""",
    "SSD and detectors": """AnnotatedData DetectionEvaluate DetectionOutput MultiBoxLoss Normalize Permute PriorBox Proposal PSROIPooling
        ROIAlign ROIPooling SmoothL1Loss VideoData RPNProposal Reorg Region YoloDetectionOutput Yolov3DetectionOutput""",
    "further forks": """Axpy BN ConvolutionDepthwise DepthwiseConvolution Interp Mish ReLU6 ShuffleChannel Upsample Unpooling Correlation
        FlowWarp Resample CReLU GN HardSwish HardSigmoid Relu6 Pad Reverse ContinuationIndicator Mul MatMul ColorConv""",
}


def main():
    rows = sorted({name: fork for fork, names in LAYERS.items() for name in names.split()}.items())
    text = "# Layers of Caffe: type, whose\n# tools/registry/caffe.py\n" + "".join(f"{name}\t{fork}\n" for name, fork in rows)
    (pathlib.Path(sys.argv[1]) / "layers.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
