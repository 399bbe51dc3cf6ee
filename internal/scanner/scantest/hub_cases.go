package scantest

import (
	"strings"

	"modelgate/internal/threat"
)

// Config is a configuration in JSON, evil or honest.
type Config struct {
	Name, Path, Text string
	// Want is a threat that must be found, "" if nothing may be; Level is that of the file alone.
	Want  threat.ID
	Level threat.Level
}

// Configs are the techniques of configurations, and honest neighbours of them.
func Configs() []Config {
	return append(evilConfigs(), honestConfigs()...)
}

func evilConfigs() []Config {
	const evil, odd = threat.Malicious, threat.Suspicious
	return []Config{
		{"a target that starts programs", "config.json", `{"a": {"_target_": "os.system", "_args_": ["true"]}}`, threat.EXDIR100, evil},
		{"a target with escapes", "config.json", `{"\u005ftarget_": "o\u0073.system"}`, threat.EXDIR100, evil},
		{"a target deep down", "config.json", strings.Repeat(`{"a": [`, 200) + `{"_target_": "subprocess.run"}` + strings.Repeat(`]}`, 200), threat.EXDIR100, evil},
		{"a target that other modules keep", "config.json", `{"_target_": "torch.nn.modules.os.system"}`, threat.EXDIR100, evil},
		{"a target that looks up another", "config.json", `{"_target_": "hydra.utils.get_method", "path": "os.system"}`, threat.EXDIR100, evil},
		{"a target that is not known", "config.json", `{"_target_": "my.module.Thing"}`, threat.EXDIR101, odd},
		{"a target with parameters", "config.json", `{"target": "os.system", "params": {}}`, threat.EXDIR100, evil},
		{"a path to a class", "config.json", `{"class_path": "builtins.eval", "init_args": {}}`, threat.EXDIR100, evil},
		{"the first of two targets", "config.json", `{"_target_": "os.system", "_target_": "torch.nn.Linear"}`, threat.EXDIR100, evil},
		{"the second of two targets", "config.json", `{"_target_": "torch.nn.Linear", "_target_": "os.system"}`, threat.EXDIR100, evil},
		{"two harmless targets", "config.json", `{"_target_": "torch.nn.Linear", "_target_": "torch.nn.ReLU"}`, threat.MGFMT403, odd},
		{"two maps of code", "config.json", `{"auto_map": {}, "auto_map": {}}`, threat.MGFMT403, odd},
		{"an object of jsonpickle", "x.json", `{"py/object": "subprocess.Popen", "args": "true"}`, threat.MGOBJ100, evil},
		{"a function of jsonpickle", "x.json", `{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["true"]}]}`, threat.MGOBJ100, evil},
		{"a type of jsonpickle", "x.json", `{"py/type": "ctypes.CDLL"}`, threat.MGOBJ100, evil},
		{"text that jsonpickle evaluates", "x.json", `{"py/repr": "os/os.getpid()"}`, threat.MGOBJ100, evil},
		{"an object of jsonpickle that is not known", "x.json", `{"py/object": "my.module.Thing"}`, threat.MGOBJ101, odd},
		{"a module of sentence-transformers", "modules.json", `[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]`, threat.EXDIR100, evil},
		{"an unknown module of sentence-transformers", "modules.json", `[{"idx": 0, "name": "0", "path": "", "type": "my.module.Thing"}]`, threat.EXDIR101, odd},
		{"an activation function", "config.json", `{"in_features": 1, "activation_function": "os.system"}`, threat.EXDIR100, evil},
		{"the library of an adapter's model", "adapter_config.json", `{"peft_type": "LORA", "auto_mapping": {"base_model_class": "M", "parent_library": "my.library"}}`, threat.EXDIR101, odd},
		{"a component of a pipeline", "model_index.json", `{"_class_name": "P", "_diffusers_version": "0", "unet": ["os", "system"]}`, threat.EXDIR100, evil},
		{"a target behind a large vocabulary", "tokenizer.json", `{"model": {"vocab": {` + strings.Repeat(`"a": 1, `, 30_000) + `"b": 2}}, "x": {"_target_": "os.system"}}`, threat.EXDIR100, evil},
		{"a target before the document breaks", "x.json", `{"_target_": "os.system", "a": "` + strings.Repeat("x", 70_000) + `" ]`, threat.EXDIR100, evil},
	}
}

func honestConfigs() []Config {
	const clean = threat.Clean
	return []Config{
		{"a stock configuration", "config.json", `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "rope_theta": 1e5, "x": null, "activation_function": "gelu_new"}`, "", clean},
		{"commands as text", "config.json", `{"description": "os.system('rm -rf /')", "prompt": "!!python/object/apply:os.system"}`, "", clean},
		{"a harmless target", "config.json", `{"_target_": "torch.nn.Linear"}`, "", clean},
		{"a class of a diffusion model", "config.json", `{"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": {}}`, "", clean},
		{"a target that is data", "config.json", `{"target": "os.system"}`, "", clean},
		{"a type that is data", "config.json", `{"type": "os.system"}`, "", clean},
		{"modules of sentence-transformers", "modules.json", `[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]`, "", clean},
		{"a function of torch", "config.json", `{"activation_function": "torch.nn.modules.activation.Tanh"}`, "", clean},
		{"a pipeline", "model_index.json", `{"_class_name": "P", "_diffusers_version": "0", "unet": ["diffusers", "U"], "x": [null, null], "tokenizer": ["transformers", "T"]}`, "", clean},
		{"two keys that nobody acts on", "config.json", `{"a": 1, "a": 2, "vocab": {"x": 1, "x": 2}}`, "", clean},
		{"two targets in two objects", "config.json", `[{"_target_": "torch.nn.Linear"}, {"_target_": "torch.nn.Linear"}]`, "", clean},
		{"numbers that JSON lacks", "trainer_state.json", `{"loss": NaN, "best": Infinity, "worst": -Infinity}`, "", clean},
		{"plain data of jsonpickle", "x.json", `{"py/object": "collections.OrderedDict", "py/tuple": [1]}`, "", clean},
		{"code of the repository", "config.json", `{"auto_map": {"AutoModel": "modeling_x.M"}}`, threat.MGPY500, clean},
		{"remote code that is trusted", "config.json", `{"trust_remote_code": true}`, threat.MGPY500, clean},
		{"an adapter of a model with code", "adapter_config.json", `{"auto_mapping": {"parent_library": "transformers_modules.a.b"}}`, threat.MGPY500, clean},
		{"an adapter", "adapter_config.json", `{"auto_mapping": {"parent_library": "transformers.models.llama.modeling_llama"}, "base_model_name_or_path": "a/b"}`, "", clean},
	}
}

// hubCases are configurations at their places in a version.
func hubCases() []Case {
	var out []Case
	for _, c := range Configs() {
		made := Case{Name: "configuration: " + c.Name, Path: c.Path, Bytes: []byte(c.Text), Want: c.Want, Level: c.Level, Twin: c.Level == threat.Clean}
		if strings.Contains(c.Text, "modeling_x") {
			made.Path, made.Bytes = "", nil
			made.Files = map[string][]byte{c.Path: []byte(c.Text), "modeling_x.py": []byte("class M: pass\n")}
		}
		out = append(out, made)
	}
	out = append(append(out, recipeCases()...), brokenConfigs()...)
	return append(
		out,
		Case{
			Name: "configuration: code of another repository", Path: "config.json",
			Bytes: []byte(`{"auto_map": {"AutoModel": "other/repo--modeling_x.M"}}`), Want: threat.TMT300, Level: threat.Suspicious,
		},
		Case{
			Name: "configuration: code of another repository in a list", Path: "tokenizer_config.json",
			Bytes: []byte(`{"auto_map": {"AutoTokenizer": [null, "other/repo--tokenization_x.T"]}}`), Want: threat.TMT300, Level: threat.Suspicious,
		},
		Case{
			Name: "configuration: code that is missing", Path: "config.json",
			Bytes: []byte(`{"auto_map": {"AutoModel": "modeling_x.M"}}`), Want: threat.MGFMT400, Level: threat.Suspicious,
		},
		Case{
			Name: "configuration: code above the repository", Path: "config.json",
			Bytes: []byte(`{"auto_map": {"AutoModel": "/tmp/x.M"}}`), Want: threat.MGPATH100, Level: threat.Malicious,
		},
		Case{
			Name: "configuration: a pipeline with a component's code", Want: threat.MGPY100, Level: threat.Malicious,
			Files: map[string][]byte{
				"model_index.json": []byte(`{"_class_name": "P", "_diffusers_version": "0", "unet": ["my_unet", "U"]}`),
				"unet/my_unet.py":  []byte("import os\nos.system('true')\n"),
			},
		},
	)
}
