package pickle

import (
	"os"
	"path/filepath"
	"testing"

	"modelgate/internal/scanner/source/pycode"
)

// TestCompiledCode judges what every version of Python makes of one dangerous and of one harmless source.
func TestCompiledCode(t *testing.T) {
	files, err := filepath.Glob("../source/pycode/testdata/*.marshal")
	if err != nil || len(files) < 18 {
		t.Fatalf("%d compiled files: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file) //#nosec G304 -- a fixture
		if err != nil {
			t.Fatal(err)
		}
		c, err := pycode.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		v, read := judgeCode(c)
		bad := filepath.Base(file)[:5] == "calls"
		if !read || bad != (v.grade == dangerous) || bad != (v.grade >= suspicious) {
			t.Errorf("%s: %+v", file, v)
		}
		for _, n := range c.Nested { // from the parts, as dill and cloudpickle write them
			if v := judgeParts(n, c.Layout); (v.grade == dangerous) != (bad && n.Names[0] != "__name__") {
				t.Errorf("%s: %+v from the parts of %v", file, v, n.Names)
			}
		}
	}
}

// TestMethodsAreNoBuiltins tells a method from the built-in function of the same name.
func TestMethodsAreNoBuiltins(t *testing.T) {
	method := &pycode.Code{Layout: pycode.Layout38, Instructions: []byte{116, 0, 160, 1, 83, 0}, Names: []string{"model", "eval"}}
	if v, _ := judgeCode(method); v.grade >= suspicious {
		t.Errorf("model.eval: %+v", v)
	}
	builtin := &pycode.Code{Layout: pycode.Layout38, Instructions: []byte{116, 0, 83, 0}, Names: []string{"eval"}}
	if v, _ := judgeCode(builtin); v.grade != dangerous {
		t.Errorf("eval: %+v", v)
	}
}
