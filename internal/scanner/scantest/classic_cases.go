package scantest

import "slices"

// classicCases are the cases of boosted trees, word vectors, MessagePack and other classic libraries.
func classicCases() []Case {
	return slices.Concat(flaxCases(), mxnetCases(), treeCases(), coremlCases(), paddleCases(), wordCases(), tesseractCases())
}
