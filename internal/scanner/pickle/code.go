package pickle

func (m *machine) code(at, size int64, head []byte) bool { return false }

func looksLikeCode(raw []byte) bool { return false }
