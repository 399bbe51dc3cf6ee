package scantest

import "slices"

// bundleCases are the cases of bundles: archives of models, packages of several files and launchers.
func bundleCases() []Case {
	return slices.Concat(skopsCases(), torchserveCases(), llamafileCases(), nemoCases())
}
