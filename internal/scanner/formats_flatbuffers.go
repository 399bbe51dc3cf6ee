package scanner

// flatbufferRows are the rows of TFLite and the other formats that are FlatBuffers.
func flatbufferRows() []Format { return nil }
