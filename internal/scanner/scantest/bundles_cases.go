package scantest

// bundleCases are the cases of bundles: archives of models, packages of several files and launchers.
func bundleCases() []Case { return nil }
