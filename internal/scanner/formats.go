package scanner

// Formats is the table of formats: what is recognised, in the order in which streams are tried, cheap and certain
// before dear. A format that is not in it does not exist for the engine.
func Formats() []Format {
	return []Format{}
}
