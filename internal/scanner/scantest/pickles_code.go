package scantest

// pickleCode are pickles that carry code.
func pickleCode() []Case { return nil }
