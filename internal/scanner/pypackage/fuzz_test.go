package pypackage_test

import (
	"testing"

	"modelgate/internal/scanner/pypackage"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// FuzzScanSource holds the reading of Python to ending without an error, whatever the text is.
func FuzzScanSource(f *testing.F) {
	for _, seed := range []string{
		"import base64 as b\nexec(b.b64decode('cHJpbnQoMSk=')[::-1])\n", "((((((", "from a import (b as c,\n", "x = ''.join([chr(1), 'a'])\n", "'eJwDAAAAAAE='",
		"class I(install):\n def run(self): os.system('x')\n", "bytes([1, 2, 300])", "# coding: rot13\n", "f'{", "import os\x0cimport os",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"setup.py", "demo/__init__.py", "a.pth"} {
			file := &source.File{Reader: source.Bytes(text), Path: name, Family: source.FamilyPackage, Budget: source.NewBudget(source.DefaultLimits(), int64(len(text)))}
			if err := pypackage.ScanSource(t.Context(), file, &scantest.Recorder{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
