package scantest

// tensorflowCases are the cases of TensorFlow, its checkpoints and TensorFlow.js.
func tensorflowCases() []Case { return nil }
