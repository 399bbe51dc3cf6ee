package scantest

import (
	"strings"

	"modelgate/internal/indextest"
	"modelgate/internal/threat"
)

// packagePathCases are executable lines of .pth files that honest projects ship, and the same lines where they do not belong.
func packagePathCases(one func(string, indextest.File, threat.ID, threat.Level) Case) []Case {
	of := func(project, file, text string) indextest.File {
		return indextest.Wheel(project, "1.0", map[string]string{file: text + "\n"})
	}
	const (
		hook      = "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();"
		oldHook   = "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'stdlib') == 'local'; enabled and __import__('_distutils_hack').add_shim(); "
		futures   = `import sys; exec('try:\n    import future_fstrings\nexcept ImportError:\n    pass\nelse:\n    future_fstrings.register()\n')`
		begin     = "import sys, types, os;has_mfs = sys.version_info > (3, 5);p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('demo',));"
		namespace = begin + "importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');" +
			"m = has_mfs and sys.modules.setdefault('demo', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('demo', [os.path.dirname(p)])));" +
			"m = m or sys.modules.setdefault('demo', types.ModuleType('demo'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)"
		inner = "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google', 'cloud'));importlib = __import__('importlib.util');__import__('importlib.machinery');" +
			"m = sys.modules.setdefault('google.cloud', importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec('google.cloud', [os.path.dirname(p)])));" +
			"m = m or sys.modules.setdefault('google.cloud', types.ModuleType('google.cloud'));mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p);m and setattr(sys.modules['google'], 'cloud', m)"
	)
	twin := func(name string, f indextest.File) Case { return one("twin: "+name, f, "", threat.Clean) }
	evil := func(name string, f indextest.File) Case {
		return one("package: "+name, f, threat.MGPKG100, threat.Malicious)
	}
	seed := of("setuptools", "distutils-precedence.pth", hook)
	return []Case{
		twin("the hook of setuptools", seed),
		twin("the hook of old setuptools", of("setuptools", "distutils-precedence.pth", oldHook)),
		twin("the wheel of setuptools in another", indextest.Wheel("virtualenv", "1.0", map[string]string{"virtualenv/seed/" + seed.Name: string(seed.Bytes)})),
		twin("a namespace package of old setuptools", of("demo", "demo-1.0-py3.7-nspkg.pth", namespace)),
		twin("a namespace package in another", of("google-cloud-demo", "google_cloud_demo-1.0-py3.12-nspkg.pth", inner)),
		twin("the hook of a project", of("future-fstrings", "aaaaa_future_fstrings.pth", futures)),
		evil("the hook of setuptools and more on its line", of("setuptools", "distutils-precedence.pth", hook+" print(1)")),
		evil("the hook of setuptools in another project, which brings what it imports", of("demo", "distutils-precedence.pth", hook)),
		evil("the hook of a project in another one", of("demo", "aaaaa_future_fstrings.pth", futures)),
		evil("a namespace package with more on its line", of("demo", "demo-1.0-py3.7-nspkg.pth", namespace+";print(1)")),
		evil("a namespace package of another project", of("demo", "other-1.0-py3.7-nspkg.pth", namespace)),
		evil("a namespace package that is a module of Python", of("demo", "demo-1.0-py3.7-nspkg.pth", strings.ReplaceAll(namespace, "'demo'", "'json'"))),
		evil("a namespace package of several names", of("demo", "demo-1.0-py3.7-nspkg.pth", strings.Replace(namespace, "ModuleType('demo')", "ModuleType('demo2')", 1))),
		evil("a namespace package that sets a module of Python", of("google-cloud-demo", "google_cloud_demo-1.0-py3.12-nspkg.pth", strings.ReplaceAll(inner, "modules['google']", "modules['os']"))),
		evil("a line that only tools on the machine write", of("demo", "_editable_impl_demo.pth", "import _editable_impl_demo")),
	}
}
