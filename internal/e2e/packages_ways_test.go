//go:build real

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modelgate/internal/testenv"
)

// developer is somebody who works on a project, with an empty home and an environment of their own, and whose one index is the gate.
type developer struct {
	*client
	index       string
	pip, uv     string
	python      string // of the environment
	environment string
}

func newDeveloper(t *testing.T, g *gateway) *developer {
	t.Helper()
	c := newClient(t, g.url)
	keep := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "NO_COLOR=1", "COLUMNS=400", "PIP_CONFIG_FILE=/dev/null", "PIP_NO_INPUT=1", "UV_NO_PROGRESS=1"}
	index := g.url + "/pypi/simple/"
	c.env = append(keep, "PIP_INDEX_URL="+index, "UV_DEFAULT_INDEX="+index, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1", "UV_NO_CACHE=1")
	d := &developer{client: c, index: index, environment: filepath.Join(c.home, "env")}
	d.pip, d.uv = testenv.Python(t, testenv.Pip26), filepath.Join(filepath.Dir(testenv.Python(t, testenv.UV)), "uv")
	d.python = filepath.Join(d.environment, "bin", "python")
	d.must(t, d.pip, "-m", "venv", "--without-pip", d.environment)
	return d
}

// must runs a program that has to succeed, and returns what it wrote.
func (d *developer) must(t *testing.T, program string, args ...string) string {
	t.Helper()
	got := d.run(t, "", program, args...)
	if got.code != 0 {
		t.Fatalf("%s %s ended with %d:\n%s", filepath.Base(program), strings.Join(args, " "), got.code, tail(got.all(), 6000))
	}
	return got.all()
}

// write writes a file of the project.
func (d *developer) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(d.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// imports fails the test if the environment cannot import something.
func (d *developer) imports(t *testing.T, modules ...string) {
	t.Helper()
	d.must(t, d.python, "-c", "import "+strings.Join(modules, ", "))
}

// project is one that is built by setuptools and needs a few small packages.
const project = `[build-system]
requires = ["setuptools>=80"]
build-backend = "setuptools.build_meta"

[project]
name = "work"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["requests==2.34.2", "click==8.5.1"]

[tool.setuptools]
py-modules = ["work"]
`

func TestPopularPackagesInstallWithPip(t *testing.T) {
	for _, i := range installers() {
		if i.name == "pip 26" {
			installPopular(t, i)
		}
	}
}

func TestEveryWayToInstall(t *testing.T) {
	ways := []struct {
		name string
		run  func(t *testing.T, d *developer)
	}{
		{"pip download", func(t *testing.T, d *developer) {
			d.must(t, d.pip, "-m", "pip", "download", "--dest", "wheels", "requests==2.34.2")
			if files, _ := filepath.Glob(filepath.Join(d.home, "wheels", "*.whl")); len(files) < 4 {
				t.Errorf("%d wheels", len(files))
			}
		}},
		{"pip with a file of hashes", func(t *testing.T, d *developer) {
			d.write(t, "in.txt", "requests==2.34.2\n")
			d.must(t, d.uv, "pip", "compile", "--generate-hashes", "--python", d.python, "--output-file", "locked.txt", "in.txt")
			d.must(t, d.pip, "-m", "pip", "--python", d.python, "install", "--require-hashes", "--requirement", "locked.txt")
			d.imports(t, "requests")
		}},
		{"uv with a file of hashes", func(t *testing.T, d *developer) {
			d.write(t, "in.txt", "requests==2.34.2\n")
			d.must(t, d.uv, "pip", "compile", "--generate-hashes", "--python", d.python, "--output-file", "locked.txt", "in.txt")
			d.must(t, d.uv, "pip", "sync", "--require-hashes", "--python", d.python, "locked.txt")
			d.imports(t, "requests")
		}},
		{"uv lock and uv sync", func(t *testing.T, d *developer) {
			d.write(t, "pyproject.toml", project)
			d.write(t, "work.py", "import click, requests\n")
			d.must(t, d.uv, "lock", "--python", d.python)
			d.must(t, d.uv, "sync", "--frozen", "--python", d.python)
			d.must(t, d.uv, "run", "--frozen", "python", "-c", "import work")
			lock, err := os.ReadFile(filepath.Join(d.home, "uv.lock"))
			if err != nil || !strings.Contains(string(lock), "/pypi/files/") || !strings.Contains(string(lock), "sha256:") {
				t.Errorf("lock: %v\n%.2000s", err, lock)
			}
		}},
		{"pip, editable", func(t *testing.T, d *developer) {
			d.write(t, "pyproject.toml", project)
			d.write(t, "work.py", "import click, requests\n")
			d.must(t, d.pip, "-m", "pip", "--python", d.python, "install", "--editable", ".")
			d.imports(t, "work")
		}},
		{"uv, editable", func(t *testing.T, d *developer) {
			d.write(t, "pyproject.toml", project)
			d.write(t, "work.py", "import click, requests\n")
			d.must(t, d.uv, "pip", "install", "--python", d.python, "--editable", ".")
			d.imports(t, "work")
		}},
		{"pip builds a source distribution in isolation", func(t *testing.T, d *developer) {
			d.must(t, d.pip, "-m", "pip", "--python", d.python, "install", "--no-binary", "six,iniconfig", "six==1.17.0", "iniconfig==2.3.1")
			d.imports(t, "six", "iniconfig")
		}},
		{"uv builds a source distribution in isolation", func(t *testing.T, d *developer) {
			d.must(t, d.uv, "pip", "install", "--python", d.python, "--no-binary", "six", "--no-binary", "iniconfig", "six==1.17.0", "iniconfig==2.3.1")
			d.imports(t, "six", "iniconfig")
		}},
		{"poetry", func(t *testing.T, d *developer) {
			poetry := filepath.Join(filepath.Dir(testenv.Python(t, testenv.Poetry)), "poetry")
			d.env = append(d.env, "VIRTUAL_ENV="+d.environment, "POETRY_NO_INTERACTION=1", "PATH="+filepath.Dir(d.python)+":"+os.Getenv("PATH"))
			d.write(t, "pyproject.toml", project+"\n[tool.poetry]\npackage-mode = false\n\n[[tool.poetry.source]]\nname = \"gate\"\nurl = \""+d.index+"\"\npriority = \"primary\"\n")
			d.must(t, poetry, "lock")
			d.must(t, poetry, "install")
			d.imports(t, "requests", "click")
		}},
	}
	g := realGate(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			way.run(t, newDeveloper(t, g))
			noAlarms(t, g)
		})
	}
}

// TestInstallersWaitLong has verdicts around the time that uv waits in silence, and beyond it several times.
func TestInstallersWaitLong(t *testing.T) {
	for _, i := range installers() {
		for _, after := range []time.Duration{14 * time.Second, 29 * time.Second, 31 * time.Second, 60 * time.Second, 120 * time.Second} {
			waits(t, i, after)
		}
	}
}
