package e2e

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
)

// Names in the world that checks speak of.
const (
	modelID   = "org/model"
	pagedID   = "org/paged"
	datasetID = "org/data"
	spaceID   = "org/space"
	evilID    = "org/evil"
	bigID     = "org/big"
	wideID    = "org/wide" // some MiB, for clients that read several ranges at once
	ggufID    = "org/quants"
	slowID    = "org/slow"
	// evilDataID is a dataset with an evil file behind an honest name.
	evilDataID = "org/evil-data"
)

// pages is how many files the paged repository has.
const pages = 2300

// world is a stand-in Hub with a repository for everything that clients do.
type world struct {
	*hubtest.Hub
	model    *hubtest.Repo
	evil     *hubtest.Repo
	first    string                   // first commit of model, which tag v1.0 stands for
	pull     string                   // commit of its pull request 1
	contents map[string]hubtest.Files // by repository, at main
	old      hubtest.Files            // of model at first
}

// gguf is a valid GGUF file with one fact and no tensors: magic, version 3, counts, key, type 8 (string), value.
func gguf(name string) hubtest.Content {
	b := []byte("GGUF\x03\x00\x00\x00")
	b = binary.LittleEndian.AppendUint64(b, 0) // tensors
	b = binary.LittleEndian.AppendUint64(b, 2) // facts
	for _, kv := range [][2]string{{"general.architecture", "llama"}, {"general.name", name}} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(kv[0])))
		b = append(b, kv[0]...)
		b = binary.LittleEndian.AppendUint32(b, 8)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(kv[1])))
		b = append(b, kv[1]...)
	}
	return hubtest.Bytes(b)
}

const tokenizer = `{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,` +
	`"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,` +
	`"model":{"type":"WordLevel","vocab":{"[UNK]":0,"hello":1,"world":2},"unk_token":"[UNK]"}}`

// newWorld starts the stand-in Hub and fills it.
func newWorld(t *testing.T) *world {
	t.Helper()
	hub := hubtest.New(t)
	w := &world{Hub: hub, contents: map[string]hubtest.Files{}}
	hub.AddOrganization("org", true, "team")
	hub.AddUser("alice", aliceToken)
	hub.AddUser("bob", bobToken)

	files := hubtest.Files{
		"README.md":               hubtest.Text("---\nlicense: apache-2.0\n---\n# A model\n"),
		"config.json":             hubtest.Text(`{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}`),
		"tokenizer.json":          hubtest.Text(tokenizer),
		"tokenizer_config.json":   hubtest.Text(`{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}`),
		"model.safetensors":       hubtest.Safetensors(300_000, 1),
		"sub/deep/notes.txt":      hubtest.Text("notes"),
		"sub/né#%41 file.txt":     hubtest.Text("odd name"),
		"sub/empty.txt":           hubtest.Text(""),
		"sub/deep/other.txt":      hubtest.Text("other"),
		"sub/large in git.txt":    hubtest.Git([]byte(strings.Repeat("0123456789abcdef", 70_000))),
		"weights/one.safetensors": hubtest.Safetensors(1000, 2),
	}
	w.old = hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`), "model.safetensors": hubtest.Safetensors(5000, 3)}
	w.model = hub.AddModel(modelID, w.old).Card("license", "apache-2.0").Security("model.safetensors", "safe")
	w.first = w.model.Head()
	w.model.Tag("v1.0", w.first)
	w.model.Commit("everything", files)
	w.pull = w.model.CommitTo("refs/pr/1", "proposed", hubtest.Files{"proposed.txt": hubtest.Text("proposed")})
	w.contents[modelID] = files

	w.add(datasetID, hubtest.Files{
		"README.md": hubtest.Text("---\nlicense: mit\n---\n# Data\n"),
		"train.csv": hubtest.Text("text,label\nhello,1\nworld,0\n"),
	}, hub.AddDataset)
	w.add(spaceID, hubtest.Files{"app.py": hubtest.Text("print('hello')\n")}, hub.AddSpace)
	w.add("org/kernel", hubtest.Files{"build.toml": hubtest.Text("[general]\nname = \"kernel\"\n")}, hub.AddKernel)
	w.add("tiny", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "gpt2"}`)}, hub.AddModel)
	w.add("org/new", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "t5"}`)}, hub.AddModel)
	w.repo("org/new").Rename("org/newest")
	paged := hubtest.Files{}
	for i := range pages {
		paged[fmt.Sprintf("d%02d/f%04d.txt", i%40, i)] = hubtest.Text(fmt.Sprintf("file %d\n", i))
	}
	w.add(pagedID, paged, hub.AddDataset)

	open := hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`), "model.safetensors": hubtest.Safetensors(2000, 4)}
	w.add("org/private", open, hub.AddModel).Private().Reader("alice")
	w.add("org/gated", open, hub.AddModel).Gated(hubtest.Manual).Reader("alice")
	w.add("org/off", open, hub.AddModel).Disabled()

	w.add(wideID, hubtest.Files{"model.safetensors": hubtest.Safetensors(12<<20, 5)}, hub.AddModel)
	w.add(ggufID, hubtest.Files{"tiny-Q4_K_M.gguf": gguf("Q4_K_M"), "tiny-Q8_0.gguf": gguf("Q8_0")}, hub.AddModel)

	w.add(evilDataID, hubtest.Files{"README.md": hubtest.Text("# Data\n"), "train.csv": hubtest.Git(hubtest.InertPickle())}, hub.AddDataset)
	w.evil = w.add(evilID, hubtest.Files{
		"config.json":       hubtest.Text(`{"model_type": "bert"}`),
		"pytorch_model.bin": hubtest.Bytes(hubtest.InertPickle()),
	}, hub.AddModel)
	return w
}

// Tokens of users: alice may read what is private and gated, bob may not.
const (
	aliceToken = "hf_aliceAliceAliceAliceAliceAliceAliceAl"
	bobToken   = "hf_bobBobBobBobBobBobBobBobBobBobBobBobB"
)

// add adds a repository and remembers what is in it.
func (w *world) add(id string, files hubtest.Files, how func(string, hubtest.Files) *hubtest.Repo) *hubtest.Repo {
	w.contents[id] = files
	return how(id, files)
}

func (w *world) repo(id string) *hubtest.Repo { return w.Repo("models", id) }

// digests are the SHA-256 of files by path.
func digests(of ...hubtest.Files) map[string]string {
	out := map[string]string{}
	for _, files := range of {
		for path, c := range files {
			out[path] = c.SHA256()
		}
	}
	return out
}
