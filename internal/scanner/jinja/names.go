package jinja

import (
	"regexp"
	"strings"
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// internals are attributes of Python's frames, code, generators, functions and classes that lead out of any sandbox and
// are no data. Names with two underscores on both sides are not listed: all of them count.
var internals = words(`gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await
	f_back f_builtins f_code f_globals f_locals f_trace tb_frame tb_next tb_lasti
	func_globals func_code func_closure func_defaults func_dict im_class im_func im_self mro
	co_code co_consts co_names co_varnames popen builtins __import__`)

// actions are harmless as data and deadly as functions.
var actions = words(`system eval exec popen popen2 popen3 execfile execv execve execvp spawn spawnv posix_spawn __import__ check_output
	getoutput import_module`)

// globals are Jinja's own, with what may be asked of them. What they return is judged like any value.
var globals = map[string]map[string]bool{
	"self":      {},
	"cycler":    {},
	"lipsum":    {},
	"joiner":    {},
	"namespace": {},
	"range":     {},
	"dict":      {},
	"caller":    words("name arguments catch_kwargs catch_varargs caller"),
	"varargs":   words("count index"),
	"loop":      words(`index index0 revindex revindex0 first last length cycle depth depth0 previtem nextitem changed`),
}

// mangled matches the private attributes of a class as Python spells them, such as _TemplateReference__context.
var mangled = regexp.MustCompile(`^_[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*__[A-Za-z0-9]`)

// isDunder tells whether a name begins and ends with two underscores.
func isDunder(name string) bool {
	return len(name) > 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

// leadsOut tells whether an attribute of that name leads out of the template, whatever it is an attribute of.
func leadsOut(name string) bool {
	return isDunder(name) || internals[name] || mangled.MatchString(name)
}

// attributePlace says where a filter takes the name of an attribute: as which positional argument, and by which keyword.
type attributePlace struct {
	position int // -1 for none
	keyword  string
}

// attributeFilters are the filters that look up an attribute whose name is an argument.
var attributeFilters = map[string]attributePlace{
	"attr":       {0, "name"},
	"map":        {-1, "attribute"},
	"selectattr": {0, "attribute"},
	"rejectattr": {0, "attribute"},
	"groupby":    {0, "attribute"},
	"sort":       {2, "attribute"},
	"sum":        {0, "attribute"},
	"unique":     {1, "attribute"},
	"min":        {1, "attribute"},
	"max":        {1, "attribute"},
	"join":       {1, "attribute"},
}
