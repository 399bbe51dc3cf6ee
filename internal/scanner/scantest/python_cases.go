package scantest

import (
	"encoding/base64"
	"fmt"
	"slices"

	"modelgate/internal/threat"
)

// Source is a Python file, evil or honest.
type Source struct {
	Name string
	Text string
	// Want is what must be found: MG-PY-100, MG-PY-101, or MG-PY-500 if nothing is.
	Want threat.ID
}

// Sources are the techniques of Python source that comes with a model, and honest neighbours of them.
func Sources() []Source {
	var out []Source
	for _, group := range []struct {
		want threat.ID
		rows [][2]string
	}{
		{threat.MGPY100, slices.Concat(importTime(), hiddenSources(), indirectSources())},
		{threat.MGPY101, doubtfulSources()},
		{threat.MGPY500, slices.Concat(honestSources(), harmlessTwins())},
	} {
		for _, r := range group.rows {
			out = append(out, Source{r[0], r[1], group.want})
		}
	}
	return out
}

// importTime act as soon as they are imported, or when a loader makes an object.
func importTime() [][2]string {
	return [][2]string{
		{"a call at module level", "import os\nos.system('true')\n"},
		{"an alias of a module", "import os as o\no.system('true')\n"},
		{"an alias of a function", "from os import system as s\ns('true')\n"},
		{"everything of a module", "from os import *\nsystem('true')\n"},
		{"a submodule's parent", "import os.path\nos.system('true')\n"},
		{"a variable", "import os\nf = os.system\nf('true')\n"},
		{"a call in a class body", "import os\nclass A:\n    x = os.system('true')\n"},
		{"a decorator", "import os\n@os.system\ndef f(): pass\n"},
		{"a default argument", "import os\ndef f(x=os.system('true')): pass\n"},
		{"a branch", "import os\nif True:\n    os.system('true')\n"},
		{"a try", "import os\ntry:\n    x\nexcept Exception:\n    os.system('true')\n"},
		{"a comprehension", "import os\n[os.system(c) for c in ['true']]\n"},
		{"a lambda that is called", "import os\n(lambda: os.system('true'))()\n"},
		{"a field of an f-string", "import os\nx = f'{os.system(\"true\")}'\n"},
		{"an annotation", "import os\ndef f(x: os.system('true')): pass\n"},
		{"a metaclass", "import os\nclass A(metaclass=os.system): pass\n"},
		{"an element of a dict", "import os\nd = {'a': os.system}\nd['a']('true')\n"},
		{"an element of a dict by get", "import os\n{'a': print, 'b': os.system}.get('b')('true')\n"},
		{"every element of a dict", "import os\nd = {0: os.system}\nfor f in d.values():\n    f('true')\n"},
		{"source in C that is compiled", "from torch.utils.cpp_extension import load_inline\nload_inline('x', cpp_sources='int x;')\n"},
		{"a base class", "import os\nclass A(type(str(os.system('true')), (), {})): pass\n"},
		{"a function that is called", "import os\ndef f():\n    os.system('true')\ndef g():\n    f()\ng()\n"},
		{"a constructor", "import subprocess\nclass M:\n    def __init__(self, c):\n        subprocess.run(['true'])\n"},
		{"a method that a constructor calls", "import subprocess\nclass M:\n    def __init__(self, c):\n        self.go()\n    def go(self):\n        subprocess.Popen('true')\n"},
		{"from_pretrained", "import subprocess\nclass M:\n    @classmethod\n    def from_pretrained(cls, p):\n        subprocess.check_output('true')\n"},
		{"forward", "import os\nclass M:\n    def forward(self, x):\n        os.popen('true')\n"},
		{"a match", "import os\nmatch 1:\n    case 1:\n        os.system('true')\n"},
		{"a with", "import subprocess\nwith subprocess.Popen('true') as p:\n    pass\n"},
		{"an assignment expression", "import os\nif (x := os.system('true')):\n    pass\n"},
		{"a module that others keep", "import torch\ntorch.os.system('true')\n"},
		{"a function handed to another", "import os\nlist(map(os.system, ['true']))\n"},
		{"a thread", "import os, threading\nthreading.Thread(target=os.system, args=('true',)).start()\n"},
		{"a partial", "import os, functools\nfunctools.partial(os.system, 'true')()\n"},
		{"a socket", "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', 1))\n"},
		{"a request to a constant address", "import requests\nrequests.get('http://127.0.0.1/x')\n"},
		{"native code", "import ctypes\nctypes.CDLL('libc.so.6').getpid()\n"},
		{"a file written outside", "open('/tmp/x', 'w').write('x')\n"},
		{"a file removed outside", "import os\nos.remove('/tmp/x')\n"},
		{"a continued line", "import os\nos.\\\nsystem('true')\n"},
		{"carriage returns", "import os\ros.system('true')\r"},
		{"a byte order mark", "\ufeffimport os\nos.system('true')\n"},
		{"a name in letters that Python folds", "import os\nos.ｓystem('true')\n"},
		{"a program's end that runs always", "import os\nif __name__ != '__main__':\n    os.system('true')\n"},
		{"a payload before the source breaks", "import os\nos.system('true')\n)(\n"},
	}
}

// hiddenSources put together or decode what they call.
func hiddenSources() [][2]string {
	b64 := base64.StdEncoding.EncodeToString([]byte("import os\nos.system('true')"))
	return [][2]string{
		{"getattr", "import os\ngetattr(os, 'system')('true')\n"},
		{"getattr with pieces", "import os\ngetattr(os, 'sys' + 'tem')('true')\n"},
		{"getattr with a name that is not known", "import os\ngetattr(os, x)('true')\n"},
		{"__import__", "__import__('os').system('true')\n"},
		{"__import__ with a name backwards", "__import__('so'[::-1]).system('true')\n"},
		{"import_module", "import importlib\nimportlib.import_module('o' 's').system('true')\n"},
		{"the namespace of built-ins", "__builtins__['exec']('import os; os.system(\"true\")')\n"},
		{"the dict of built-ins", "__builtins__.__dict__['__import__']('os').system('true')\n"},
		{"globals", "import os\nglobals()['os'].system('true')\n"},
		{"the namespace of a module by get", "import os\nvars(os).get('system')('true')\n"},
		{"an attribute by __getattribute__", "import os\nobject.__getattribute__(os, 'system')('true')\n"},
		{"the globals of a foreign function", "import torch\ntorch.nn.Module.__init__.__globals__['os'].system('true')\n"},
		{"the built-in functions of a frame", "import sys\nsys._getframe().f_builtins['exec']('import os; os.system(1)')\n"},
		{"the frame of an exception", "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_builtins['exec']('import os; os.system(1)')\n"},
		{"the module of a built-in function", "print.__self__.eval('__import__(\"os\").system(1)')\n"},
		{"the loaded modules of another module", "import warnings\nwarnings.sys.modules['os'].system('true')\n"},
		{"an attribute of a class", "import os\nclass A:\n    f = os.system\nA.f('true')\n"},
		{"a dict that is filled", "import os\nd = {}\nd['a'] = os.system\nd['a']('true')\n"},
		{"the loaded modules", "import sys\nsys.modules['os'].system('true')\n"},
		{"the dict of a module", "import os\nos.__dict__['system']('true')\n"},
		{"vars of a module", "import os\nvars(os)['system']('true')\n"},
		{"an attribute getter", "import os, operator\noperator.attrgetter('system')(os)('true')\n"},
		{"resolve_name", "import pkgutil\npkgutil.resolve_name('os:system')('true')\n"},
		{"exec of a constant", "exec('import os\\nos.system(\"true\")')\n"},
		{"eval of a constant", "eval('__import__(\"os\").system(\"true\")')\n"},
		{"exec of what compile makes", "exec(compile('import os\\nos.system(\"true\")', 'x', 'exec'))\n"},
		{"exec in exec", "exec('exec(\"import os; os.system(1)\")')\n"},
		{"exec of base64", fmt.Sprintf("import base64\nexec(base64.b64decode('%s'))\n", b64)},
		{"exec of base64 that is decoded to text", fmt.Sprintf("from base64 import b64decode as d\nexec(d(b'%s').decode('utf-8'))\n", b64)},
		{"exec of hexadecimal", "exec(bytes.fromhex('696d706f7274206f730a6f732e73797374656d28317d'[:-2] + '29').decode())\n"},
		{"exec of rot13", "import codecs\nexec(codecs.decode('vzcbeg bf; bf.flfgrz(1)', 'rot13'))\n"},
		{"exec of characters", "exec(''.join(map(chr, [105,109,112,111,114,116,32,111,115,59,111,115,46,115,121,115,116,101,109,40,49,41])))\n"},
		{"exec of a comprehension", "exec(''.join(chr(c ^ 1) for c in [104,108,113,110,115,117,33,110,114,58,110,114,47,114,120,114,117,100,108,41,48,40]))\n"},
		{"exec of bytes", "exec(bytes([105,109,112,111,114,116,32,111,115,59,111,115,46,115,121,115,116,101,109,40,49,41]))\n"},
		{"exec of text backwards", "exec(')1(metsys.so;so tropmi'[::-1])\n"},
		{"exec of format", "exec('import {0}; {0}.system(1)'.format('os'))\n"},
		{"exec of a percent sign", "exec('import %s; %s.system(1)' % ('os', 'os'))\n"},
		{"exec of an f-string", "m = 'os'\nexec(f'import {m}; {m}.system(1)')\n"},
		{"the hook of an object for names it lacks", "import os\nclass A:\n    def __getattr__(s, n): return getattr(os, n)\nA().system('true')\n"},
		{"exec under another name", "e = exec\ne('import os; os.system(1)')\n"},
		{"a name that is hidden by a parameter", "def f(exec): pass\nexec('import os; os.system(1)')\n"},
	}
}

// doubtfulSources could do harm, or hide what they do.
func doubtfulSources() [][2]string {
	return [][2]string{
		{"a program started in a function that nobody calls", "import subprocess\ndef convert(p):\n    subprocess.run(['ffmpeg', p])\n"},
		{"a program's end", "import os\nif __name__ == '__main__':\n    os.system('true')\n"},
		{"code of a repository that only the configuration names", "from transformers import AutoModel\nclass M:\n    def __init__(self, c):\n        AutoModel.from_pretrained(c.name, trust_remote_code=True)\n"},
		{"the same in a dict of arguments", "from transformers import AutoModel\nk = dict(trust_remote_code=True)\nclass M:\n    def __init__(self, c):\n        AutoModel.from_pretrained(c.name, **k)\n"},
		{"a checkpoint in a function that nobody calls", "import torch\ndef load(p):\n    return torch.load(p)\n"},
		{"eval of what is not known in a function that nobody calls", "def f(x):\n    return eval(x)\n"},
		{"a request to a constant address in a function that nobody calls", "import requests\ndef f():\n    return requests.get('http://example.com/x')\n"},
		{"arrays that may be pickles", "import numpy as np\nclass M:\n    def __init__(self, p):\n        np.load(p, allow_pickle=True)\n"},
		{"a class derived from a process that nothing makes", "import subprocess\nclass A(subprocess.Popen): pass\n"},
		{"the path of modules", "import sys\nsys.path.insert(0, '/tmp/x')\n"},
		{"an address of the Hub", "import os\nos.environ['HF_ENDPOINT'] = 'https://example.com'\n"},
		{"a module by its file", "import importlib.util as u\ns = u.spec_from_file_location('x', 'weights.bin')\ns.loader.exec_module(u.module_from_spec(s))\n"},
		{"exec of a file", "exec(open('weights.bin').read())\n"},
		{"a repository of torch.hub", "import torch\ntorch.hub.load('a/b', 'x')\n"},
		{"exec of what is not known", "import zlib\nexec(zlib.decompress(open('x', 'rb').read()))\n"},
		{"a marshalled function", "import marshal\nexec(marshal.loads(b'x'))\n"},
		{"a name that is not known", "import importlib\nimportlib.import_module(x)\n"},
		{"a walk over all classes", "x = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0]('true')\n"},
		{"a walk over all classes from the order of resolution", "x = ''.__class__.__mro__[1].__subclasses__()[100]('true')\n"},
		{"a walk over all classes from the base", "x = object.__subclasses__()[100]('true')\n"},
		{"a checkpoint in a constructor", "import torch\nclass M:\n    def __init__(self, p):\n        torch.load(p)\n"},
		{"source that does not tokenize", "x = 'abc\n"},
		{"source that does not parse", "x = = 1\n"},
		{"an encoding that hides", "# coding: utf-7\nx = 1\n"},
		{"rot13", "# vim: set fileencoding=rot13 :\nvzcbeg bf\n"},
		{"an encoding in the second line", "#!/usr/bin/python\n# -*- coding: utf_7 -*-\nx = 1\n"},
		{"UTF-16", "\xff\xfei\x00m\x00p\x00o\x00r\x00t\x00 \x00o\x00s\x00\n\x00"},
		{"an encoding that is not kept", "x = '\xff'\n"},
		{"a hook at the end", "import atexit\natexit.register(print)\n"},
		{"what the Hub is asked for at import", "from huggingface_hub import hf_hub_download\nhf_hub_download('a/b', 'c')\n"},
		{"files moved at import", "import shutil\nshutil.rmtree('cache')\n"},
		{"deep nesting", "x = " + nest(1000) + "\n"},
	}
}

func nest(n int) string {
	out := make([]byte, 0, 2*n)
	for range n {
		out = append(out, '(')
	}
	for range n {
		out = append(out, ')')
	}
	return string(out)
}

// honestSources differ from evil ones in the one thing that matters.
func honestSources() [][2]string {
	return [][2]string{
		{"dangerous words in text", "'''os.system('true')'''\n# os.system('true')\nx = 'os.system(\"true\")'\n"},
		{"a method that is called system", "class A:\n    def system(self): pass\nA().system()\n"},
		{"paths and environment", "import os\nx = os.path.join(os.environ.get('HOME', ''), 'x')\n"},
		{"evaluation mode", "import torch\nclass M(torch.nn.Module):\n    def forward(self, x):\n        self.eval()\n        return torch.compile(self)(x)\n"},
		{"a vocabulary that is read and written", "import os, json\nclass T:\n    def __init__(self, f):\n        with open(f, encoding='utf-8') as h:\n            self.v = json.load(h)\n    def save_vocabulary(self, d):\n        with open(os.path.join(d, 'v.json'), 'w') as h:\n            h.write('x')\n"},
		{"a regular expression that is compiled", "import re\np = re.compile('x')\n"},
		{"a pipe's constant", "import subprocess\nx = subprocess.PIPE\n"},
		{"a dict of functions", "import torch\nd = {'relu': torch.relu, 0: print}\ny = d['relu'](d.get(0)(1))\nfor f in d.values():\n    f(1)\n"},
		{"a metaclass that is harmless", "import abc\nclass A(metaclass=abc.ABCMeta): pass\n"},
		{"a walk over one's own classes", "class A: pass\nr = {c.__name__: c for c in A.__subclasses__()}\n"},
		{"an element of the globals of a function", "def f(): pass\nx = f.__globals__['f']\nd = {}\nd['a'] = f\nd['a']()\n"},
		{"the hook of an object for names that another has", "class A:\n    def __getattr__(s, n): return getattr(s.inner, n)\nA().system('true')\n"},
		{"a checkpoint of nothing but weights", "import torch\nclass M:\n    def __init__(self, p):\n        torch.load(p, weights_only=True)\n"},
		{"arrays that are none", "import numpy as np\nclass M:\n    def __init__(self, p):\n        np.load(p, allow_pickle=False)\n        np.load(p, mmap_mode='r')\n"},
		{"another model without its code", "from transformers import AutoModel\nk = dict(trust_remote_code=False)\nclass M:\n    def __init__(self, c):\n        AutoModel.from_pretrained(c.name, **k)\n"},
		{"a request in a function that nobody calls", "import requests\ndef f(url):\n    return requests.get(url, stream=True)\n"},
		{"a copy of a vocabulary", "import shutil, os\nclass T:\n    def save_vocabulary(self, d):\n        shutil.copyfile(self.vocab_file, os.path.join(d, 'v.txt'))\n"},
		{"getattr of an object", "class A:\n    def __init__(self, c):\n        self.x = getattr(c, 'hidden_size', 1)\n"},
		{"exec of harmless text", "exec('x = 1')\n"},
		{"base64 that is not run", "import base64\nx = base64.b64decode('aW1wb3J0IG9z')\n"},
		{"every syntax", "from __future__ import annotations\nimport a.b as c, d\nx: int = 1\nx += 1\ny = [*x, 1]\nz = {**x, 'a': 1}\ndef f[T](a, /, b: int = 1, *args, c, **kw) -> T:\n    global x\n    yield from a\n    return (yield)\nasync def g():\n    async with a as b, c: await d\n    async for i in j: pass\n    return [i async for i in j if i if j]\nwith (open(x) as f, g() as h): pass\nlambda *a, b=1, **k: (a, b)\ntry: pass\nexcept* (A, B) as e: raise X from e\nelse: pass\nfinally: pass\nmatch x:\n    case [A(b=1), *_] if y: pass\n    case {'a': 1, **r} | None: pass\ntype X[T] = list[T]\nwhile x: break\nelse: pass\ndel x, y\nassert x, 'y'\nfor i, *j in k: continue\nx[1:2, ::3, ...]\nf'{x!r:>{y}} {x=} {{}} {d[\"a\"]}' rf'\\d{x}' b'x' b'y'\n0x1F + 0b1 + 1_000 + 1e-5 + 1j\nx = a if b else c\nnot x in y is not z\nprint(*a, **b, end='')\n@d.e(1)\nclass K(B, metaclass=M): x = 1; y = 2\n"},
		{"words that declare no encoding", "x = 1\ny = 2\n# coding: utf-7\n"},
		{"an empty file", ""},
	}
}

// pythonCases are versions in which a configuration makes the loader import the file.
func pythonCases() []Case {
	var out []Case
	config := []byte(`{"model_type": "x", "auto_map": {"AutoModel": "modeling_x.M"}}`)
	for _, s := range Sources() {
		c := Case{
			Name: "python: " + s.Name, Want: s.Want,
			Files: map[string][]byte{"config.json": config, "modeling_x.py": []byte(s.Text)},
		}
		switch s.Want {
		case threat.MGPY100:
			c.Level = threat.Malicious
		case threat.MGPY101:
			c.Level = threat.Suspicious
		default:
			c.Twin = true
		}
		out = append(out, c)
	}
	out = append(
		out,
		Case{
			Name: "python: code that nothing imports", Path: "train.py", Bytes: []byte("import os\nos.system('true')\n"),
			Want: threat.MGPY101, Level: threat.Suspicious,
		},
		Case{
			Name: "python: code that imported code imports", Want: threat.MGPY100, Level: threat.Malicious,
			Files: map[string][]byte{
				"config.json": config, "modeling_x.py": []byte("from .other import y\n"), "other.py": []byte("import os\nos.system('true')\n"),
			},
		},
		Case{
			Name: "python: a constructor that trusts the code of another repository", Want: threat.TMT300, Level: threat.Suspicious,
			Files: map[string][]byte{"config.json": config, "modeling_x.py": []byte(
				"from transformers import AutoModel\nclass M:\n    def __init__(self, c):\n        self.m = AutoModel.from_pretrained('other/repo', trust_remote_code=True)\n")},
		},
		Case{
			Name: "python: a constructor that loads another model without its code", Twin: true,
			Files: map[string][]byte{"config.json": config, "modeling_x.py": []byte(
				"from transformers import AutoModel\nclass M:\n    def __init__(self, c):\n        self.m = AutoModel.from_pretrained('other/repo')\n")},
		},
		Case{
			Name: "python: words in a text file", Path: "notes.txt", Bytes: []byte("import os\nos.system('true')\n"), Twin: true,
		},
	)
	return out
}
