package hubtest

// InertPickle is a pickle that would evaluate "1 + 1" if it were loaded, which nothing here does: what it calls (builtins.eval) is
// what every scanner must see, what it says is harmless.
func InertPickle() []byte {
	return []byte("\x80\x02cbuiltins\neval\nX\x05\x00\x00\x001 + 1\x85R.")
}

// AddDemo adds a good model, demo/good, and an evil one, demo/evil: its weights are an InertPickle.
func (h *Hub) AddDemo() {
	h.AddOrganization("demo", true, "")
	config := Text(`{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}`)
	h.AddModel("demo/good", Files{
		"README.md":         Text("---\nlicense: apache-2.0\n---\n# A good model\n"),
		"config.json":       config,
		"model.safetensors": Safetensors(4<<20, 1),
	}).Card("license", "apache-2.0")
	h.AddModel("demo/evil", Files{
		"README.md":         Text("---\nlicense: apache-2.0\n---\n# An evil model\n"),
		"config.json":       config,
		"pytorch_model.bin": Bytes(InertPickle()),
	}).Card("license", "apache-2.0")
}
