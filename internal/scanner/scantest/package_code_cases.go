package scantest

import (
	"bytes"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"modelgate/internal/indextest"
	"modelgate/internal/threat"
)

// build is how a distribution file is made of names and contents in turn.
type build = func(files ...string) indextest.File

// packageCodeCases are what malicious packages do in places that run by themselves, and their honest neighbours. The code is inert: it would
// print or do nothing, and nothing runs it.
func packageCodeCases(one func(string, indextest.File, threat.ID, threat.Level) Case, wheel, sdist build) []Case {
	const run = "import os\nos.system('true')\n"
	packed := base64.StdEncoding.EncodeToString(deflated(run))
	pth := func(name, text string) indextest.File { return wheel(name, text) }
	module := func(text string) indextest.File { return wheel("demo/other.py", text) }
	litellm := "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', \"print('" + strings.Repeat("A", 34_628-90) + "')\"])\n"
	return []Case{
		one("twin: a pickle of a class that the package brings", wheel("demo/__init__.py", "class A: pass\n", "demo/a.pkl", "\x80\x02cdemo\nA\n)\x81."), "", threat.Clean),
		one("package: a pickle of a class that nobody knows", wheel("demo/__init__.py", "class A: pass\n", "demo/a.pkl", "\x80\x02cother\nA\n)\x81."), threat.PKL101, threat.Suspicious),
		one("package: litellm 1.82.8, a .pth file that starts the interpreter again", pth("litellm_init.pth", litellm), threat.MGPKG100, threat.Malicious),
		one("package: litellm 1.82.7, a payload in a module that nothing runs by itself",
			wheel("demo/proxy/proxy_server.py", "import base64\nb64 = '"+base64.StdEncoding.EncodeToString([]byte(run))+"'\ndef f():\n    exec(base64.b64decode(b64))\n"), threat.MGPKG102, threat.Suspicious),
		one("package: false SDK with a model in it", wheel("demo/utils/init.pt", "cposix\nsystem\n(S'true'\ntR."), threat.PKL100, threat.Malicious),
		one("package: an executed .pth line in purelib", pth("demo-1.0.data/purelib/a.pth", "import os\n"), threat.MGPKG100, threat.Malicious),
		one("package: an executed .pth line in platlib", pth("demo-1.0.data/platlib/a.pth", "import\tos\n"), threat.MGPKG100, threat.Malicious),
		one("package: an executed .pth line that data put into site-packages", pth("demo-1.0.data/data/lib/python3.12/site-packages/a.pth", "import os\n"), threat.MGPKG100, threat.Malicious),
		one("twin: a .pth file that data put where nobody looks", pth("demo-1.0.data/data/share/demo/a.pth", "./x\n"), "", threat.Clean),
		one("package: an executed .pth line of a source distribution", sdist("src/a.pth", "import os\n"), threat.MGPKG100, threat.Malicious),
		one("package: a line of a .pth file that only str.splitlines ends", pth("a.pth", "./demo\x0cimport os\n"), threat.MGPKG100, threat.Malicious),
		one("package: sitecustomize at the top of site-packages", wheel("sitecustomize.py", "x = 1\n"), threat.MGPKG104, threat.Suspicious),
		one("twin: sitecustomize in a package", wheel("demo/sitecustomize.py", "x = 1\n"), "", threat.Clean),
		one("package: decoded through an alias, over two lines", module("from base64 import b64decode as d\nx = d(b'cHJpbnQoMSk=')\nexec(x)\n"), threat.MGPKG102, threat.Suspicious),
		one("twin: decoded through an alias and printed", module("from base64 import b64decode as d\nx = d(b'cHJpbnQoMSk=')\nprint(x)\n"), "", threat.Clean),
		one("package: a name that is put together", module("import builtins, zlib\ngetattr(builtins, 'ex' + 'ec')(zlib.decompress(x))\n"), threat.MGPKG102, threat.Suspicious),
		one("package: reversed text that is executed", module("exec(')1(tnirp'[::-1])\n"), threat.MGPKG102, threat.Suspicious),
		one("package: rot13 that is executed", module("import codecs\ny = codecs.decode('cevag(1)', 'rot13')\nexec(y)\n"), threat.MGPKG102, threat.Suspicious),
		one("package: base32 that is executed", module("from base64 import *\nimport base64\nz = base64.b32decode('"+base32.StdEncoding.EncodeToString([]byte("print(1)"))+"')\neval(z)\n"), threat.MGPKG102, threat.Suspicious),
		one("package: numbers that are executed", module("exec(bytes([112, 114, 105, 110, 116, 40, 49, 41]))\n"), threat.MGPKG102, threat.Suspicious),
		one("package: an answer that is executed", module("import urllib.request as u\nr = u.urlopen('http://localhost/x').read()\nexec(r)\n"), threat.MGPKG102, threat.Suspicious),
		one("twin: an answer that is kept", module("import urllib.request as u\nr = u.urlopen('http://localhost/x').read()\nprint(r)\n"), "", threat.Clean),
		one("package: code in base64 and zlib that no call decodes here", module("blob = '"+packed+"'\n"), threat.MGPKG102, threat.Suspicious),
		one("package: code in hex that no call decodes here", module("blob = '"+hex.EncodeToString([]byte(run))+"'\n"), threat.MGPKG102, threat.Suspicious),
		one("twin: text in base64", module("blob = '"+base64.StdEncoding.EncodeToString([]byte("a picture of a boat, and nothing more"))+"'\n"), "", threat.Clean),
		one("package: setup.py that starts a program", sdist("setup.py", "import os as o\no.system('true')\n"), threat.MGPKG103, threat.Suspicious),
		one("package: setup.py whose step calls out", sdist("setup.py", "import urllib.request\nclass I(install):\n    def run(self):\n        urllib.request.urlopen('http://localhost')\n"), threat.MGPKG103, threat.Suspicious),
		one("twin: setup.py with a function that nothing calls", sdist("setup.py", "import os\ndef clean():\n    os.system('true')\n"), "", threat.Clean),
		one("package: an import that starts a program", wheel("demo/__init__.py", "import subprocess\nsubprocess.run(['true'])\n"), threat.MGPKG104, threat.Suspicious),
		one("twin: an import that defines how to start a program", wheel("demo/__init__.py", "import subprocess\ndef f():\n    subprocess.run(['true'])\n"), "", threat.Clean),
		one("package: the environment is sent", module("import os, requests\ndef f():\n    requests.post('http://localhost', json=dict(os.environ))\n"), threat.MGPKG104, threat.Suspicious),
		one("twin: a token of the environment is sent", module("import os, requests\ndef f():\n    requests.post('http://localhost', auth=os.environ['TOKEN'])\n"), "", threat.Clean),
		one("package: an encoding that hides code", module("# coding: rot13\nx = 1\n"), threat.MGPKG104, threat.Suspicious),
		one("package: a command that people take for another", wheel("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\nsudo = demo:main\n"), threat.MGPKG103, threat.Suspicious),
		one("twin: a command of its own", wheel("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo = demo:main\n"), "", threat.Clean),
		one("package: a build backend in the tree", sdist("pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n"), threat.MGPKG103, threat.Suspicious),
		one("twin: a build backend of somebody else", sdist("pyproject.toml", "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"), "", threat.Clean),
		one("package: compiled code without source", wheel("demo/__init__.py", "", "demo/x.pyc", "\xcb\x0d\x0d\x0a"), threat.MGPKG104, threat.Suspicious),
		one("twin: compiled code beside its source", wheel("demo/x.py", "", "demo/__pycache__/x.cpython-312.pyc", "\xcb\x0d\x0d\x0a"), "", threat.Clean),
		one("package: names that only differ by case in a source distribution", sdist("demo/A.py", "x = 2\n", "demo/a.py", "x = 1\n"), threat.MGPKG108, threat.Suspicious),
		one("package: names that only differ by case in a wheel", wheel("demo/A.py", "", "demo/a.py", "x = 1\n"), threat.MGPKG108, threat.Suspicious),
		one("package: a pickle in a literal", module(fmt.Sprintf("blob = '%s'\n", base64.StdEncoding.EncodeToString([]byte("\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")))), threat.PKL100, threat.Malicious),
	}
}

// deflated is a text in the format of zlib.
func deflated(text string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
