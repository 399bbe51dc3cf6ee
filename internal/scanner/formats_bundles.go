package scanner

// bundleRows are the rows of bundles: archives of models, packages of several files and launchers.
func bundleRows() []Format { return nil }
