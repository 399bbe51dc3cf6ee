package scantest

import (
	"slices"
	"strings"

	"modelgate/internal/indextest"
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// packageCases are distribution files of Python packages, as installers get them from an index.
func packageCases() []Case {
	one := func(name string, f indextest.File, want threat.ID, level threat.Level) Case {
		return Case{Name: name, Path: f.Name, Bytes: f.Bytes, Source: model.PyPI, Want: want, Level: level, Twin: level == threat.Clean}
	}
	wheel := func(files ...string) indextest.File { return indextest.Wheel("demo", "1.0", pairs(files)) }
	sdist := func(files ...string) indextest.File { return indextest.Sdist("demo", "1.0", pairs(files)) }
	const decoded = "import base64\nexec(base64.b64decode(b'cHJpbnQoMSk='))\n"
	record := indextest.Wheel("demo", "1.0", map[string]string{"demo/__init__.py": "x = 1\n"})
	lies := wheel("demo/__init__.py", "x = 2\n", "demo-1.0.dist-info/RECORD", "demo/__init__.py,sha256="+strings.Repeat("A", 43)+",6\ndemo/gone.py,,\n")
	encrypted := []byte(string(record.Bytes))
	for _, at := range flagsOf(encrypted) {
		encrypted[at] |= 1
	}
	elf := "\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00", 8) + "\x03\x00\x3e\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 40)
	return append(slices.Concat(packageCodeCases(one, wheel, sdist), packageOwnCases(one, wheel, sdist), packagePathCases(one)), []Case{
		one("twin: a plain wheel", wheel("demo/__init__.py", "x = 1\n", "demo/data.bin", "\x00\x01\x02\xff"), "", threat.Clean),
		one("twin: a plain source distribution", sdist("setup.py", "from setuptools import setup\nsetup()\n", "demo/__init__.py", ""), "", threat.Clean),
		one("package: a line of a .pth file that is executed", wheel("demo_init.pth", "import os; print(1)\n"), threat.MGPKG100, threat.Malicious),
		one("twin: a .pth file of paths", wheel("demo_init.pth", "# import os\n./demo\nimportant\n"), "", threat.Clean),
		one("package: setup.py that decodes and executes", sdist("setup.py", decoded), threat.MGPKG101, threat.Malicious),
		one("package: an import that decodes and executes", wheel("demo/__init__.py", decoded), threat.MGPKG101, threat.Malicious),
		one("package: a module that decodes and executes", wheel("demo/other.py", decoded), threat.MGPKG102, threat.Suspicious),
		one("twin: a comment about exec(base64.b64decode())", wheel("demo/__init__.py", "# exec(base64.b64decode(x)) is evil\nx = 1\n"), "", threat.Clean),
		one("package: setup.py that replaces a step", sdist("setup.py", "from setuptools import setup\nsetup(cmdclass={'install': object})\n"), threat.MGPKG103, threat.Suspicious),
		one("package: a call-back address", wheel("demo/x.py", "u = 'https://discord.com/api/webhooks/1/x'\n"), threat.MGPKG104, threat.Suspicious),
		one("package: code far to the right", wheel("demo/x.py", "x = 1"+strings.Repeat(" ", 600)+"; print(x)\n"), threat.MGPKG104, threat.Suspicious),
		one("package: a program in a pure wheel", wheel("demo/lib.dat", elf), threat.MGPKG105, threat.Suspicious),
		one("package: a file other than RECORD says", lies, threat.MGPKG106, threat.Suspicious),
		one("package: a wheel of another name", indextest.File{Name: "other-1.0-py3-none-any.whl", Bytes: record.Bytes}, threat.MGPKG107, threat.Suspicious),
		one("package: a wheel that says that it is encrypted", indextest.File{Name: record.Name, Bytes: encrypted}, threat.MGPKG108, threat.Suspicious),
		one("package: a member of a method that nobody knows", indextest.File{Name: record.Name, Bytes: unknownMethod(record.Bytes)}, threat.MGPKG400, threat.Suspicious),
		one("package: a path that leads outside", sdist("../demo2-1.0/x.py", "x = 1\n"), "", threat.Malicious),
		one("package: a wheel that is a page of errors", indextest.File{Name: record.Name, Bytes: []byte("<!doctype html><p>Service unavailable")}, threat.MGPKG400, threat.Unscannable),
		one("package: a source distribution that is a page of errors", indextest.File{Name: "demo-1.0.tar.gz", Bytes: []byte("<!doctype html><p>Service unavailable")}, threat.MGPKG400, threat.Unscannable),
		one("twin: compressed data that begins as MessagePack does", wheel("demo/a.js.br", "\x92"+mpMap(mpStr("k"), mpExt(0xd6, "xxxx"))+"\xdf\x7f\xff\xff\xff"+strings.Repeat("\xc3", 100)), "", threat.Clean),
		one("package: parameters of Flax with a pickle in them", wheel("demo/a.msgpack", string(flaxParams(mpStr("x"), mpBin([]byte("cposix\nsystem\n(S'true'\ntR."))))), threat.PKL100, threat.Malicious),
		one("package: a pickle in a wheel", wheel("demo/model.pkl", "cposix\nsystem\n(S'true'\ntR."), threat.PKL100, threat.Malicious),
		one("twin: a pickle of numbers in a wheel", wheel("demo/model.pkl", "\x80\x04K\x01."), "", threat.Clean),
	}...)
}

func pairs(list []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i]] = list[i+1]
	}
	return out
}

// flagsOf finds the flags in all headers of an archive.
func flagsOf(b []byte) []int {
	var out []int
	for i := 0; i+4 < len(b); i++ {
		switch string(b[i : i+4]) {
		case "PK\x03\x04":
			out = append(out, i+6)
		case "PK\x01\x02":
			out = append(out, i+8)
		}
	}
	return out
}

// unknownMethod is an archive of which every member is stored by a method that nobody knows.
func unknownMethod(b []byte) []byte {
	out := []byte(string(b))
	for _, at := range flagsOf(out) {
		out[at+2] = 77
	}
	return out
}
