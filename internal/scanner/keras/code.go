package keras

import (
	"fmt"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pycode"
	"modelgate/internal/scanner/source/pynames"
)

// codeVerdict is what is thought of code: its worst name, and how bad.
type codeVerdict struct {
	grade  grade
	name   string
	reason string
}

func (v *codeVerdict) add(g grade, name, reason string) {
	if g > v.grade {
		v.grade, v.name, v.reason = g, name, reason
	}
}

// text says it to a person.
func (v *codeVerdict) text() string {
	switch v.grade {
	case dangerous:
		return fmt.Sprintf("The code of a lambda uses %s, which %s. Keras runs it while it restores the model.", source.Evidence(v.name), v.reason)
	case suspicious, custom:
		return fmt.Sprintf("The code of a lambda uses %s, %s.", source.Evidence(v.name), v.reason)
	case known:
	}
	return "The model carries the code of a lambda, in which nothing but computation was found."
}

// judgeCode judges every name that code and the code in it use. Module is the one whose names are global to it, if any.
func judgeCode(c *pycode.Code, module string) codeVerdict {
	var v codeVerdict
	chains, read := pycode.Chains(c)
	for _, ch := range chains {
		g, reason := gradeChain(ch)
		if ch.Module == "" && module != "" && g != known && g != dangerous {
			if f := pynames.FamilyOf(module + "." + ch.Path); f != pynames.None && f != pynames.Hub {
				g, reason = dangerous, does(f)
			}
		}
		if ch.Guess && g != dangerous {
			continue
		}
		v.add(g, ch.Name(), reason)
	}
	if !read {
		v.add(suspicious, "instructions", "which are of no version of Python that is known")
	}
	judgeNames(&v, c)
	return v
}

// judgeNames looks for attributes that lead out of whatever object they are taken from.
func judgeNames(v *codeVerdict, c *pycode.Code) {
	seen := map[*pycode.Code]bool{}
	for work := []*pycode.Code{c}; len(work) > 0; work = work[1:] {
		c := work[0]
		if seen[c] {
			continue
		}
		seen[c] = true
		work = append(work[:len(work):len(work)], c.Nested...)
		for _, name := range c.Names {
			switch {
			case escapes[name]:
				v.add(dangerous, name, "leads from any object to the whole of Python")
			case hidden[name]:
				v.add(suspicious, name, "which leads from an object to the rest of Python")
			case acts[name]:
				v.add(suspicious, name, "which does something other than compute, of whatever object it is")
			}
		}
	}
}

// escapes are attributes with one use; hidden those that have an honest one; acts are methods and functions of modules that start
// programs, whose object could not be followed.
var (
	escapes = words("__subclasses__ __globals__ __builtins__ func_globals f_globals f_builtins gi_frame cr_frame tb_frame f_back __loader__ __import__")
	hidden  = words("__base__ __bases__ __mro__ mro __code__ __closure__ __getattribute__ __dict__ __reduce__ __reduce_ex__ __self__ __func__ __wrapped__ __spec__")
	acts    = words(`system popen check_output check_call spawnl spawnv spawnlp execv execve execvp run_command Popen import_module load_module exec_module
		urlretrieve urlopen extractall write_file py_function numpy_function load_op_library tofile dump dumps savez savetxt writelines write_text
		write_bytes unlink sendall save save_weights load_weights load_model export run_cell fork kill TFSMLayer TorchModuleWrapper`)
)

// gradeChain grades one name of code. A global name is a built-in, or what the code of Keras around it has imported.
func gradeChain(ch pycode.Chain) (grade, string) {
	name := ch.Name()
	root, rest, _ := strings.Cut(name, ".")
	if real, ok := aliases[root]; ok && ch.Module == "" {
		name = strings.TrimSuffix(real+"."+rest, ".")
	}
	spelled, isKeras := canonical(name)
	if isKeras {
		return gradeKerasName(spelled)
	}
	switch root, rest, _ := strings.Cut(name, "."); {
	case root == "tensorflow":
		return gradeSymbol(rest)
	case name == "builtins" || root == "builtins" && safeBuiltins[rest], ch.Module == "" && safeBuiltins[root]:
		return known, ""
	case name == "sys.modules" || strings.HasPrefix(name, "sys.modules.") || name == "sys._getframe":
		return dangerous, "reaches every module of the program"
	case indirect[strings.TrimPrefix(name, "builtins.")]:
		return suspicious, "by which it can reach anything"
	}
	switch f := pynames.FamilyOf(name); f {
	case pynames.None, pynames.Hub:
	case pynames.Indirect:
		return suspicious, "which calls or looks up whatever its arguments say"
	default:
		return dangerous, does(f)
	}
	return gradeMath(name)
}

// indirect are built-ins that look up by name, which honest code uses too.
var indirect = words("getattr setattr delattr vars globals locals dir type object super")

// aliases are the names under which modules are imported everywhere, also by the modules of Keras whose globals a lambda sees.
var aliases = map[string]string{
	"K": "keras.backend", "backend": "keras.backend", "tf": "tensorflow", "np": "numpy", "ops": "keras.ops", "layers": "keras.layers",
	"python_types": "types", "losses": "keras.losses", "activations": "keras.activations", "jnp": "jax.numpy", "F": "torch.nn.functional", "nn": "tensorflow.nn",
}

// safeBuiltins are built-ins that compute.
var safeBuiltins = words(`abs all any bool bytes callable complex dict divmod enumerate float frozenset hash int isinstance issubclass iter len list map max
	min next pow range repr reversed round set slice sorted str sum tuple zip filter Ellipsis NotImplemented True False None print
	ValueError TypeError RuntimeError AssertionError IndexError KeyError NotImplementedError Exception`)

// gradeKerasName grades a name below keras.
func gradeKerasName(name string) (grade, string) {
	if name == "keras" {
		return known, ""
	}
	parts := strings.Split(name, ".")
	for i := 1; i+1 < len(parts); i++ { // modules of Keras keep those that they import
		switch rest := strings.Join(parts[i+1:], "."); parts[i] {
		case "tf", "tensorflow":
			return gradeSymbol(rest)
		case "np":
			return gradeMath("numpy." + rest)
		}
	}
	for i := 1; i < len(parts); i++ {
		if isGadget(strings.Join(parts[:i], "."), parts[i]) {
			return dangerous, "is a function of Keras that loads, fetches or writes what its arguments say"
		}
	}
	if f := pynames.FamilyOf(strings.TrimPrefix(name, "keras.")); f != pynames.None && len(parts) > 2 {
		return dangerous, does(f)
	}
	if f := pynames.FamilyOf(name); f != pynames.None {
		return dangerous, does(f)
	}
	last := parts[len(parts)-1]
	switch {
	case len(parts) == 2 && (kerasModules[last] || objects.Has(last) || backend.Has(last)):
		return known, ""
	case backend.Has(last) || objects.Has(last) || kerasModules[last] || last == "numpy" || last == "nn" || last == "shape":
		return known, ""
	case len(parts) > 3 && (objects.Has(parts[2]) || backend.Has(parts[2])): // an attribute of what a class or function is
		return known, ""
	}
	return suspicious, "which is not known to compute"
}

// kerasModules are modules of Keras that hold classes and functions.
var kerasModules = words("backend ops layers activations losses metrics initializers regularizers constraints optimizers models random engine core utils src")

// mathModules are modules of other libraries whose functions compute, but for those in mathActs.
var mathModules = words("numpy math cmath jax.numpy jax.nn jax.lax jax torch torch.nn.functional torch.nn numpy.linalg numpy.fft scipy.special operator")

var mathActs = words(`save savez savez_compressed savetxt load loadtxt genfromtxt fromfile fromregex memmap DataSource tofile dump dumps fromfunction frompyfunc
	vectorize f2py ctypeslib distutils testing hub jit package utils serialization ops classes distributed multiprocessing storage from_file
	compile _C export fx onnx attrgetter itemgetter methodcaller call pure_callback io_callback debug experimental`)

// gradeMath grades a name of a library that is there to compute.
func gradeMath(name string) (grade, string) {
	parts := strings.Split(name, ".")
	for n := len(parts); n > 0; n-- {
		if !mathModules[strings.Join(parts[:n], ".")] {
			continue
		}
		for _, p := range parts[n:] {
			if mathActs[p] || strings.HasPrefix(p, "_") {
				return suspicious, "which is not known to compute"
			}
		}
		return known, ""
	}
	return custom, "which is not known"
}
