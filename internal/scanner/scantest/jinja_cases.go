package scantest

import (
	"encoding/json"
	"strings"

	"modelgate/internal/threat"
)

// Template is a Jinja template, evil or honest.
type Template struct {
	Name string
	Text string
	// Level is what a template that loaders render has: Malicious for an escape, Suspicious for what cannot be proved
	// harmless, Clean for the honest.
	Level threat.Level
}

// Templates are the techniques of templates, each with a name that is a sentence, and honest neighbours of them.
func Templates() []Template {
	var out []Template
	for _, group := range []struct {
		level threat.Level
		rows  [][2]string
	}{
		{threat.Malicious, append(escapes(), foldedEscapes()...)},
		{threat.Suspicious, oddTemplates()},
		{threat.Clean, honestTemplates()},
	} {
		for _, r := range group.rows {
			out = append(out, Template{r[0], r[1], group.level})
		}
	}
	return out
}

// escapes reach Python's internals by names that stand there.
func escapes() [][2]string {
	return [][2]string{
		{"a walk over subclasses", `{% for c in [].__class__.__base__.__subclasses__() %}{% if c.__name__ == 'x' %}{{ c()._module.__builtins__['print']('x') }}{% endif %}{% endfor %}`},
		{"the globals of a built-in function", `{{ cycler.__init__.__globals__.os.getpid() }}`},
		{"an attribute as a subscript", `{{ ''['__class__'] }}`},
		{"the filter attr", `{{ ''|attr('__class__') }}`},
		{"the filter attr by keyword", `{{ ''|attr(name='__class__') }}`},
		{"map with an attribute", `{{ [x]|map(attribute='__class__')|list }}`},
		{"map with a dotted attribute", `{{ [x]|map(attribute='a.__class__.b')|list }}`},
		{"map with the filter attr", `{{ [x]|map('attr', '__class__')|list }}`},
		{"selectattr", `{{ messages|selectattr('__class__')|list }}`},
		{"rejectattr", `{{ messages|rejectattr('__class__', 'equalto', 1)|list }}`},
		{"groupby", `{{ messages|groupby('__class__') }}`},
		{"sort by an attribute", `{{ messages|sort(attribute='role,__class__') }}`},
		{"sum of an attribute", `{{ messages|sum('__class__') }}`},
		{"unique by an attribute", `{{ messages|unique(attribute='__class__')|list }}`},
		{"join of an attribute", `{{ messages|join(',', '__class__') }}`},
		{"a field of format", `{{ '{0.__class__}'.format(x) }}`},
		{"a field in the specification of a field", `{{ '{:{0.__class__}}'.format(x) }}`},
		{"a field of format_map", `{{ '{a.__class__}'.format_map({'a': x}) }}`},
		{"the method format by the filter attr", `{{ ('{0.__class__}'|attr('format'))(x) }}`},
		{"the frame of a generator", `{{ x.gi_frame.f_back }}`},
		{"the globals of a function of Python 2", `{{ x.func_globals }}`},
		{"the order of resolution of a class", `{{ x.mro() }}`},
		{"the context of a template", `{{ self._TemplateReference__context }}`},
		{"an attribute of self that is no block", `{{ self.environment }}`},
		{"an attribute of lipsum", `{{ lipsum.modules }}`},
		{"an attribute of a loop that is none of its own", `{% for m in messages %}{{ loop.iterator }}{% endfor %}`},
		{"popen as an attribute", `{{ x.os.popen('echo') }}`},
		{"system as a call", `{{ x.os.system('echo') }}`},
		{"system under another name", `{% set f = x.os.system %}{{ f('echo') }}`},
		{"system by a subscript", `{{ x['system']('echo') }}`},
		{"__import__ as a function", `{{ __import__('os') }}`},
		{"eval as a function", `{{ eval('1') }}`},
		{"an escape in a branch that is never taken", `{% if false %}{{ x.__class__ }}{% endif %}`},
		{"an escape in a loop's filter", `{% for m in messages if m.__class__ %}{% endfor %}`},
		{"an escape in the default of a macro", `{% macro m(a=x.__class__) %}{{ a }}{% endmacro %}`},
		{"an escape in a call block", `{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x.__class__ }}{% endcall %}`},
		{"an escape in a filter block", `{% filter attr('__class__') %}text{% endfilter %}`},
		{"an escape behind a set block", `{% set x | attr('__class__') %}text{% endset %}`},
		{"an escape in a with", `{% with a = x.__class__ %}{{ a }}{% endwith %}`},
		{"an escape in a block", `{% block b %}{{ x.__class__ }}{% endblock b %}`},
		{"an escape in a generation block", `{% generation %}{{ x.__class__ }}{% endgeneration %}`},
		{"an escape in a test", `{{ 1 if x is sameas x.__class__ }}`},
		{"an escape in an argument", `{{ f(a=x.__class__) }}`},
		{"an escape in a slice", `{{ x[x.__class__:] }}`},
		{"an escape before the template breaks", `{{ x.__class__ }}{% if %}`},
		{"an escape in white space control", "{%- set a = x.__class__ -%}"},
	}
}

// foldedEscapes put the name together from pieces.
func foldedEscapes() [][2]string {
	return [][2]string{
		{"hexadecimal escapes", `{{ ''['\x5f\x5fclass\x5f\x5f'] }}`},
		{"Unicode escapes", `{{ ''['\u005f_class__'] }}`},
		{"octal escapes", `{{ ''['\137\137class__'] }}`},
		{"characters by name", `{{ ''['\N{LOW LINE}_class__'] }}`},
		{"adjacent literals", `{{ ''['__cla' 'ss__'] }}`},
		{"concatenation by tilde", `{{ ''|attr('__cla' ~ 'ss__') }}`},
		{"concatenation by plus", `{{ ''['__cla' + 'ss__'] }}`},
		{"repetition", `{{ ''['_' * 2 ~ 'class' ~ '_' * 2] }}`},
		{"the operator %", `{{ ''['%s%s' % ('__class', '__')] }}`},
		{"the operator % with characters", `{{ ''['%c%cclass__' % (95, 95)] }}`},
		{"the filter format", `{{ ''['%s%s'|format('__class', '__')] }}`},
		{"the method format", `{{ ''['{}class{}'.format('__', '__')] }}`},
		{"the method format with keywords", `{{ ''['{a}class{a}'.format(a='__')] }}`},
		{"the method format with characters", `{{ ''['{0:c}{0:c}class__'.format(95)] }}`},
		{"join of a list", `{{ ''[['__', 'class', '__']|join] }}`},
		{"join of the keys of a dict", `{{ ''[dict(__cla=1, ss__=2)|join] }}`},
		{"the first key of a dict", `{{ ''[dict(__class__=1)|list|first] }}`},
		{"the method join", `{{ ''[''.join(['__class', '__'])] }}`},
		{"the filter reverse", `{{ ''['__ssalc__'|reverse] }}`},
		{"a slice backwards", `{{ ''['__ssalc__'[::-1]] }}`},
		{"a slice", `{{ ''['xx__class__xx'[2:-2]] }}`},
		{"an index into a list", `{{ ''[['a', '__class__'][1]] }}`},
		{"an index into a string", `{{ ''['_x'[0] ~ '_class__'] }}`},
		{"a value of a dict", `{% set d = {'a': '__class__'} %}{{ ''[d.a] }}`},
		{"get of a dict", `{% set d = {'a': '__class__'} %}{{ ''[d.get('a')] }}`},
		{"the filter replace", `{{ ''['..class..'|replace('.', '_')] }}`},
		{"the method replace", `{{ ''['XclassX'.replace('X', '__')] }}`},
		{"the filter lower", `{{ ''['__CLASS__'|lower] }}`},
		{"the filter trim", `{{ ''[' __class__ '|trim] }}`},
		{"the method strip", `{{ ''['-__class__-'.strip('-')] }}`},
		{"the filter string", `{{ ''['__class__'|string] }}`},
		{"a variable", `{% set a = '__cla' %}{% set b = a ~ 'ss__' %}{{ ''|attr(b) }}`},
		{"a variable of an outer scope that is set later", `{% for i in x %}{% if a %}{{ ''[a] }}{% endif %}{% set a = '__class__' %}{% endfor %}`},
		{"a set block", `{% set a %}__class__{% endset %}{{ ''[a] }}`},
		{"a set block with parts", `{% set a %}__{{ 'class' }}__{% endset %}{{ ''[a] }}`},
		{"a namespace", `{% set ns = namespace(a='__class__') %}{{ ''[ns.a] }}`},
		{"a namespace under another name", `{% set ns = namespace() %}{% set o = ns %}{% set ns.a = '__class__' %}{{ ''[o.a] }}`},
		{"one branch of an inline if", `{{ ''['a' if x else '__class__'] }}`},
		{"a macro's parameter", `{% macro m(n) %}{{ x[n] }}{% endmacro %}{{ m('__class__') }}`},
		{"what a macro returns", `{% macro m() %}__class__{% endmacro %}{{ x[m()] }}`},
		{"what the caller returns", `{% macro m() %}{{ x[caller()] }}{% endmacro %}{% call m() %}__class__{% endcall %}`},
		{"a loop over constants", `{% for n in ['__class__', '__mro__'] %}{{ x[n] }}{% endfor %}`},
		{"a list that is appended to", `{% set l = [] %}{% set _ = l.append('__class__') %}{{ x[l[0]] }}`},
		{"the filter default", `{{ x[undefined|default('__class__')] }}`},
		{"split", `{{ x['a,__class__'.split(',')[1]] }}`},
		{"a with", `{% with n = '__class__' %}{{ x[n] }}{% endwith %}`},
		{"entities", `{{ x['&#95;&#95;class&#95;&#95;'|striptags] }}`},
	}
}

// oddTemplates do what nobody can prove harmless.
func oddTemplates() [][2]string {
	return [][2]string{
		{"a loop of a power", `{% for i in range(10 ** 9) %}{% endfor %}`},
		{"repetition by a power", `{{ 'a' * 10 ** 9 }}`},
		{"include", `{% include 'x' %}`},
		{"import", `{% import 'x' as y %}`},
		{"from import", `{% from 'x' import y %}`},
		{"extends", `{% extends 'x' %}`},
		{"an unknown tag", `{% load x %}`},
		{"nested loops over large ranges", `{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}`},
		{"a loop over a huge range", `{% for i in range(999999999) %}x{% endfor %}`},
		{"a string repeated without measure", `{{ 'x' * 999999999 }}`},
		{"a macro that calls itself without data", `{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}`},
		{"macros that call each other without data", `{% macro a() %}{{ b(1) }}{% endmacro %}{% macro b(x) %}{{ a() }}{% endmacro %}`},
		{"a name of an attribute that is data", `{{ x|attr(messages[0].content) }}`},
		{"a name of an attribute that is put together", `{{ x['__' ~ messages[0].content ~ '__'] }}`},
		{"a name that is collected in a loop", `{% set ns = namespace(s='') %}{% for c in ['_','_','c','l','a','s','s','_','_'] %}{% set ns.s = ns.s ~ c %}{% endfor %}{{ x[ns.s] }}`},
		{"a name out of the letters of an object", `{{ x[(lipsum|string)[18] ~ 'class'] }}`},
		{"a private attribute", `{{ x._private }}`},
		{"a template that does not end", `{% if x %}`},
		{"a string that does not end", `{{ 'x }}`},
		{"an expression that is none", `{{ 1 + }}`},
		{"a filter by a name that is data", `{{ [x]|map(messages[0].content)|list }}`},
		{"nesting without end", strings.Repeat("{{ (", 1) + strings.Repeat("(", 5000) + "x }}"},
	}
}

// honestTemplates differ from evil ones in the one thing that matters.
func honestTemplates() [][2]string {
	return [][2]string{
		{"a power", `{% for i in range(2 ** 3) %}{{ 'a' * 2 ** 2 }}{% endfor %}`},
		{"a name with underscores as output", `{{ '__class__' }}`},
		{"a name with underscores in a comparison", `{% if message.content == '__class__' %}x{% endif %}`},
		{"a name with underscores in text", `Never write __class__.__globals__ or os.system('x').`},
		{"a name with underscores in a comment", `{# x.__class__ #}x`},
		{"a name with underscores in a raw block", `{% raw %}{{ x.__class__ }}{% endraw %}`},
		{"a name with underscores in an item of a list", `{% set l = ['__class__'] %}{{ l|join(',') }}`},
		{"a system message", `{% if messages[0]['role'] == 'system' %}{{ messages[0].content }}{% endif %}`},
		{"an item called system", `{{ prompts['system'] }}{{ prompts.system }}`},
		{"a namespace", `{% set ns = namespace(found=false) %}{% for m in messages %}{% set ns.found = true %}{% endfor %}{{ ns.found }}`},
		{"attributes of loops", `{% for m in messages %}{{ loop.index0 }}{{ loop.first }}{{ loop.previtem }}{{ loop.cycle('a', 'b') }}{% endfor %}`},
		{"selectattr by role", `{{ messages|selectattr('role', 'equalto', 'user')|list }}{{ tools|map(attribute='function.name')|join(', ') }}`},
		{"a call of a block", `{% block title %}x{% endblock %}{{ self.title() }}`},
		{"slices and methods", `{% for m in messages[1:] %}{{ m.content.split('</think>')[-1].lstrip('\n') }}{% endfor %}`},
		{"pairs of a dict", `{% for k, v in tool.parameters.items() %}{{ k ~ ': ' ~ v|tojson(indent=2) }}{% endfor %}`},
		{"a subscript that is data", `{% for k in tool %}{{ tool[k] }}{% endfor %}`},
		{"raising an exception", `{{ raise_exception('roles must alternate') }}{{ strftime_now('%d %b %Y') }}`},
		{"generation", `{% generation %}{{ m.content }}{% endgeneration %}`},
		{"break and continue", `{% for m in messages %}{% if m %}{% continue %}{% else %}{% break %}{% endif %}{% endfor %}`},
		{"a macro that calls itself with data", `{% macro m(x) %}{% for y in x.children %}{{ m(y) }}{% endfor %}{% endmacro %}{{ m(tools) }}`},
		{"a loop over a small range", `{% for i in range(10) %}{% for j in range(10) %}x{% endfor %}{% endfor %}`},
		{"an index that is counted", `{% set ns = namespace(i=0) %}{% for m in messages %}{% set ns.i = ns.i + 1 %}{{ messages[ns.i] }}{% endfor %}`},
		{"a field of format that is plain", `{{ '{0} and {name}'.format(x, name=y) }}`},
		{"braces in strings", `{{ '{{' }}{{ "%}" }}`},
		{"an if as a filter's argument", `{{ 'a' if x is defined and x is not none else 'b' }}`},
		{"a template without tags", `plain`},
		{"nothing", ``},
	}
}

// jinjaCases put a choice of templates under every name and key that loaders render, and all of them into one of those.
func jinjaCases() []Case {
	var out []Case
	for _, t := range Templates() {
		c := Case{Name: "template: " + t.Name, Path: "chat_template.jinja", Bytes: []byte(t.Text), Level: t.Level, Twin: t.Level == threat.Clean}
		switch t.Level {
		case threat.Malicious:
			c.Want = threat.MGTPL100
		case threat.Suspicious:
			c.Want = threat.MGTPL101
		case threat.Clean, threat.Unscannable:
			c.Name = "template twin: " + t.Name
		}
		out = append(out, c)
	}
	const evil, honest = `{{ ''['__cla' ~ 'ss__'] }}`, `{{ '__cla' ~ 'ss__' }}`
	for _, pair := range []struct {
		text string
		twin bool
	}{{evil, false}, {honest, true}} {
		out = append(out, templatePlaces(pair.text, pair.twin)...)
	}
	return out
}

// templatePlaces are the places that can hold a template.
func templatePlaces(text string, twin bool) []Case {
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	q := string(quoted)
	name, level, plain, gguf := "an escape", threat.Malicious, threat.MGTPL100, threat.GGUF101
	if twin {
		name, level, plain, gguf = "an honest template", threat.Clean, threat.ID(""), threat.ID("")
	}
	var out []Case
	add := func(where, path, content string) {
		out = append(out, Case{Name: "template: " + name + " in " + where, Path: path, Bytes: []byte(content), Want: plain, Level: level, Twin: twin})
	}
	add("tokenizer_config.json", "tokenizer_config.json", `{"tokenizer_class": "X", "chat_template": `+q+`}`)
	add("a list of templates", "tokenizer_config.json", `{"chat_template": [{"name": "default", "template": "x"}, {"name": "tool_use", "template": `+q+`}]}`)
	add("processor_config.json", "processor_config.json", `{"processor_class": "X", "chat_template": `+q+`}`)
	add("chat_template.json", "chat_template.json", `{"chat_template": `+q+`}`)
	add("an object of templates", "tokenizer_config.json", `{"chat_template": {"default": `+q+`}}`)
	add("the second of two keys", "tokenizer_config.json", `{"chat_template": "x", "\u0063hat_template": `+q+`}`)
	out[len(out)-1].Level, out[len(out)-1].Twin = max(level, threat.Suspicious), false
	add("additional_chat_templates", "additional_chat_templates/tool.jinja", text)
	for _, key := range []string{"tokenizer.chat_template", "tokenizer.chat_template.tool_use"} {
		g := GGUF{Pairs: []GGUFPair{{Key: key, Value: text}}}
		out = append(out, Case{
			Name: "template: " + name + " in GGUF under " + key, Path: "model.gguf", Bytes: BuildGGUF(g), Want: gguf, Level: level, Twin: twin,
		})
	}
	return out
}
