package scantest

// flatbufferCases are the cases of TFLite and the other formats that are FlatBuffers.
func flatbufferCases() []Case { return nil }
