package scantest

import (
	"modelgate/internal/indextest"
	"modelgate/internal/threat"
)

// packageOwnCases are wheels with pickles of names that the wheel brings itself: classes that are made by moving data, and everything by
// which the package could be made to run what a pickle says. Nothing of it is run.
func packageOwnCases(one func(string, indextest.File, threat.ID, threat.Level) Case, wheel, sdist build) []Case {
	const (
		made   = "\x80\x02cdemo.a\nA\n)\x81."                                // A.__new__(A)
		state  = "\x80\x02cdemo.a\nA\n)\x81}X\x01\x00\x00\x00kK\x01sb."      // and its state
		slots  = "\x80\x02cdemo.a\nA\n)\x81N}X\x01\x00\x00\x00kK\x01s\x86b." // its slots
		called = "\x80\x02cdemo.a\nA\nX\x04\x00\x00\x00true\x85R."           // A('true')
	)
	twin := func(name, source, pickle string, more ...string) Case {
		return one("twin: "+name, wheel(append([]string{"demo/__init__.py", "", "demo/a.py", source, "demo/a.pkl", pickle}, more...)...), "", threat.Clean)
	}
	evil := func(name, source, pickle string, more ...string) Case {
		return one("package: "+name, wheel(append([]string{"demo/__init__.py", "", "demo/a.py", source, "demo/a.pkl", pickle}, more...)...), threat.PKL101, threat.Suspicious)
	}
	const run = "import os\ndef run(x):\n    os.system(x)\n"
	// zipped is a source distribution that is a ZIP.
	zipped := func(files ...string) indextest.File {
		entries := []ZIPEntry{{Name: "demo-1.0/"}, {Name: "demo-1.0/PKG-INFO", Content: []byte(indextest.Metadata("demo", "1.0"))}}
		for i := 0; i < len(files); i += 2 {
			entries = append(entries, ZIPEntry{Name: files[i], Content: []byte(files[i+1]), Deflate: true})
		}
		return indextest.File{Name: "demo-1.0.zip", Bytes: BuildZIP(entries...)}
	}
	return []Case{
		one("twin: a class of a zipped source distribution", zipped("demo-1.0/src/demo/__init__.py", "", "demo-1.0/src/demo/a.py", "class A: pass\n", "demo-1.0/src/demo/a.pkl", made), "", threat.Clean),
		one("package: a function of a zipped source distribution", zipped("demo-1.0/src/demo/a.py", run, "demo-1.0/src/demo/a.pkl", "cdemo.a\nrun\n(S'true'\ntR."), threat.PKL101, threat.Suspicious),
		one("package: a zipped source distribution that decodes and executes", zipped("demo-1.0/setup.py", "import base64\nexec(base64.b64decode(b'cHJpbnQoMSk='))\n"), threat.MGPKG101, threat.Malicious),
		one("package: a zipped source distribution that brings what builds it", zipped("demo-1.0/pyproject.toml", "[build-system]\nbackend-path = ['.']\n"), threat.MGPKG103, threat.Suspicious),
		one("package: a zipped source distribution of two folders", zipped("demo-1.0/setup.py", "", "other-1.0/setup.py", ""), threat.MGPKG107, threat.Suspicious),
		one("package: a zipped source distribution that leads outside", zipped("../x.py", "x = 1\n"), threat.ARV100, threat.Malicious),
		twin("a class of the package", "class A:\n    def work(self):\n        import os\n        os.system('true')\n", made),
		twin("a class that takes its state", "class A:\n    def __setstate__(self, state):\n        d = dict(state)\n        d.pop('old', None)\n        self.__dict__.update(d)\n", state),
		twin("a class with a base elsewhere in the package", "from .b import B\nclass A(B):\n    pass\n", state, "demo/b.py", "from demo import c\nclass B(c.C): pass\n", "demo/c.py", "class C(dict): pass\n"),
		twin("a class beside code that runs in a space of its own", "def f(x):\n    return eval(x, {})\nclass A: pass\n", made),
		one("twin: a class of a source distribution", sdist("src/demo/__init__.py", "", "src/demo/a.py", "class A: pass\n", "src/demo/a.pkl", made), "", threat.Clean),
		one("package: a function of a source distribution", sdist("src/demo/a.py", run, "src/demo/a.pkl", "cdemo.a\nrun\n(S'true'\ntR."), threat.PKL101, threat.Suspicious),
		one("package: test data of a source distribution", sdist("setup.py", "", "tests/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.MGPKG104, threat.Suspicious),
		one("package: what a maker of documentation left in a source distribution", sdist("setup.py", "", "docs/.doctrees/a.doctree", "\x80\x02cother\nA\n)\x81."), threat.MGPKG104, threat.Suspicious),
		one("package: test data of a name that setup.py puts together", sdist("setup.py", "import pickle\npickle.load(open('tests/' + 'a' + '.pkl', 'rb'))\n", "tests/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: test data that setup.py reads", sdist("setup.py", "import pickle\npickle.load(open('tests/a.pkl', 'rb'))\n", "tests/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: test data with an archive that leads outside", sdist("tests/bad.tar", string(BuildTar(TarEntry{Name: "../x", Content: []byte("x")}))), threat.MGPKG104, threat.Suspicious),
		one("package: an archive that leads outside", sdist("demo/bad.tar", string(BuildTar(TarEntry{Name: "../x", Content: []byte("x")}))), threat.ARV100, threat.Malicious),
		twin("a class that the module takes from another", "from demo.b import B as A\n", state, "demo/b.py", "class B: x = 1\n"),
		twin("a member of an enumeration", "import enum\nclass A(str, enum.Enum):\n    TRUE = 'true'\n", called),
		twin("a class that its own method makes", "class A:\n    def __init__(self, x):\n        self.set(x)\n    def set(self, x):\n        self.x = str(x)\n", called),
		twin("a data class", "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass A:\n    k: list = field(default_factory=list)\n", state),
		twin("a class that shows itself", "class A:\n    def __repr__(self):\n        return f'<{type(self).__name__} {self.k!r}>'\n", state),
		evil("a pickle of a module that the package does not have", "class A: pass\n", "\x80\x02cdemo.b\nA\n)\x81."),
		evil("a pickle of a class that its module does not have", "class B: pass\n", made),
		evil("a pickle of a class in a string", "x = '''\nclass A: pass\n'''\n", made),
		evil("a pickle of a class in a function", "def f():\n    class A: pass\n", made),
		evil("a pickle that calls a function of the package", run, "cdemo.a\nrun\n(S'true'\ntR."),
		evil("a pickle that holds a function of the package", run, "\x80\x02cdemo.a\nrun\n."),
		evil("a pickle that calls a method of a class", "class A:\n    @staticmethod\n    def run(x): pass\n", "\x80\x04\x8c\x06demo.a\x8c\x05A.run\x93X\x01\x00\x00\x00x\x85R."),
		evil("a class whose state runs", run+"class A:\n    def __setstate__(self, s):\n        run(s)\n", state),
		evil("a class whose state runs in its base", run+"class B:\n    def __setstate__(self, s): run(s)\nclass A(B): pass\n", state),
		evil("a class whose state runs in a method", "import os\nclass A:\n    def __setstate__(self, s): self.go(s)\n    def go(self, s): os.system(s)\n", state),
		evil("a class whose state runs in a property", "import os\nclass A:\n    def __setstate__(self, s):\n        self.s = s\n        self.p\n    @property\n    def p(self): os.system(self.s)\n", state),
		evil("a class whose state calls what is in it", "class A:\n    def __setstate__(self, s): getattr(s, 'f')(s)\n", state),
		evil("a class whose state calls a name of its own", "class A:\n    def __setstate__(self, s):\n        f = s\n        f(1)\n", state),
		evil("a class whose state sorts by what is in it", "class A:\n    def __setstate__(self, s): sorted(s, key=s.f)\n", state),
		evil("a class whose state calls a method of a module", "import requests\nclass A:\n    def __setstate__(self, s): requests.get(s)\n", state),
		evil("a class whose state calls a default", "import requests\nclass A:\n    def __setstate__(self, s, r=requests): r.get(s)\n", state),
		evil("a class whose state is a function", run+"class A:\n    __setstate__ = run\n", state),
		evil("a class whose state is a lambda", run+"class A:\n    __setstate__ = lambda self, s: run(s)\n", state),
		evil("a class whose state is set later", run+"class A: pass\nA.__setstate__ = run\n", state),
		evil("a class whose state is set by name", run+"class A: pass\nsetattr(A, '__setstate__', run)\n", state),
		evil("a class that runs when it is shown", "import os\nclass A:\n    def __repr__(self): return f'{os.system(self.k)}'\n", "\x80\x02c__builtin__\nstr\n(cdemo.a\nA\n)\x81}X\x01\x00\x00\x00kK\x01sbtR."),
		evil("a class that runs when a list of it is shown", "import os\nclass A:\n    def __repr__(self): return os.system(self.k)\n", "\x80\x02c__builtin__\nstr\n(]cdemo.a\nA\n)\x81atR."),
		twin("a class that shows itself by what is not known", "import os\nclass A:\n    def __repr__(self): return f'{os.getpid()} {self.k}'\n", state),
		evil("a class that runs when it is called", run+"class A:\n    def __init__(self, x): run(x)\n", called),
		evil("a class that runs when an attribute is set", "import os\nclass A:\n    @property\n    def k(self): pass\n    @k.setter\n    def k(self, x): os.system(x)\n", slots),
		evil("a class with an attribute that runs when it is set", run+"class D:\n    def __set__(self, o, x): run(x)\nclass A:\n    k = D()\n", slots),
		evil("a class that is another thing later", run+"class A: pass\nA = run\n", called),
		evil("a class that is another thing in a list", run+"class A: pass\nx, A = 1, run\n", called),
		evil("a class that an import replaces", "class A: pass\nfrom os import system as A\n", called),
		evil("a class that an import of everything replaces", "class A: pass\nfrom demo.b import *\n", called, "demo/b.py", run+"A = run\n"),
		evil("a class that a name replaces", run+"class A: pass\nglobals()['A'] = run\n", called),
		evil("a class that executed text replaces", run+"class A: pass\nexec('A = run')\n", called),
		evil("a class that evaluated text replaces", run+"class A: pass\neval('(A := run)', globals())\n", called),
		evil("a class that a function replaces", run+"class A: pass\ndef f():\n    global A\n    A = run\nf()\n", called),
		evil("a class under a decorator", run+"def swap(c): return run\n@swap\nclass A: pass\n", called),
		evil("a class of a metaclass", run+"class M(type):\n    def __call__(self, x): run(x)\nclass A(metaclass=M): pass\n", called),
		evil("a class with a base of somebody else", "import other\nclass A(other.B): pass\n", state),
		evil("a class with a library beside its source", "class A: pass\n", made, "demo/a.cpython-312-x86_64-linux-gnu.so", "x"),
		one("package: a pickle of a folder that is named like a module of Python", wheel("statistics/__init__.py", "class A: pass\n", "demo/a.pkl", "\x80\x02cstatistics\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: a pickle of a folder that is named like another project", wheel("spacy/__init__.py", "class A: pass\n", "demo/a.pkl", "\x80\x02cspacy\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: test data with a name that nobody knows", wheel("demo/__init__.py", "", "demo/tests/data/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.MGPKG104, threat.Suspicious),
		one("package: test data with a name that everybody knows", wheel("demo/__init__.py", "", "demo/tests/data/a.pkl", "cposix\nsystem\n(S'true'\ntR."), threat.PKL100, threat.Malicious),
		one("package: test data that the package itself names", wheel("demo/__init__.py", "import pickle\npickle.load(open('demo/tests/data/a.pkl', 'rb'))\n", "demo/tests/data/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: test data that tests read which the package imports", wheel("demo/__init__.py", "from .tests import data\n", "demo/tests/__init__.py", "import pickle\ndata = pickle.load(open('demo/tests/a.pkl', 'rb'))\n", "demo/tests/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: tests beside packages, which are as good as any", wheel("tests/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
	}
}
