package scanner

// tensorflowRows are the rows of TensorFlow, its checkpoints and TensorFlow.js.
func tensorflowRows() []Format { return nil }
