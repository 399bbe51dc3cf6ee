package scanner

// classicRows are the rows of boosted trees, word vectors, MessagePack and other classic libraries.
func classicRows() []Format { return nil }
