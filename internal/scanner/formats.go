package scanner

// Formats is the table of formats: what is recognised and who scans it. The order is that in which streams are tried and
// reported. A format that is not in the table does not exist for the engine.
func Formats() []Format {
	return recognisedOnly()
}
