package pypackage

import (
	"strings"
	"testing"
)

// FuzzOwnClasses asks of any source whether a class in it runs something when it is unpickled.
func FuzzOwnClasses(f *testing.F) {
	for _, text := range []string{
		"class A: pass\n", "class A(B, metaclass=M):\n  x = 1\n  @x.setter\n  def x(self, v=None): self.x(f'{v!r}')\nclass B(dict): pass\n", "class A(", "class A",
		"from . import *\nfrom .b import (A as A,\n", "import a.b as c, d\n@c.d(x=1)\nclass A:\n  async def __setstate__(self, s): return super(A, self).__setstate__(s)\n",
		"class A:\n def __init__", "class A:\n @\n def", "class A:\n  def __repr__(self): f'{", "A: B = C\nclass A(A): pass\n", "class A\n def:0", "class A:\n def:0", "class A:\n def f x(y): pass\n def __len__[T](\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newSources(&wheel{}, "demo")
		s.modules["demo.a"] = parseModule("demo.a", false, text)
		for _, called := range []bool{false, true} {
			if s.quiet(question{"demo.a", "A", called}) && !strings.Contains(text, "class") {
				t.Errorf("%q has a class", text)
			}
		}
	})
}
