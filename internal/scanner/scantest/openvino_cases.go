package scantest

// openVINOCases are models of OpenVINO.
func openVINOCases() []Case { return nil }
