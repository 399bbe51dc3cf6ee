// Package hubtest is a stand-in for the Hugging Face Hub: it speaks the Hub's side of the protocol on loopback, with a
// content network (CDN) on a port of its own, as exactly as clients and the gate can tell.
//
// A test makes a Hub, puts repositories into it and points clients, or the gate, at its URL:
//
//	hub := hubtest.New(t)
//	repo := hub.AddModel("org/name", hubtest.Files{
//		"config.json":       hubtest.Text(`{"model_type": "bert"}`),
//		"model.safetensors": hubtest.Safetensors(1<<30, 7), // made as it is read
//	})
//	cut := hub.Inject(hubtest.Fault{Host: hubtest.CDN, Path: "model.safetensors", CutAfter: 1 << 20, Times: 1})
//	... HF_ENDPOINT=hub.URL ...
//	hub.Count(hubtest.CDN, "GET", "model.safetensors")
//
// What it does as the Hub does it: repositories of all four kinds with branches, tags, refs/pr/N, commits and short
// commits; small files behind a relative 307, large ones (LFS) behind a 302 to a signed address that expires; ETags that
// are the git SHA-1 of a blob or the SHA-256 of an LFS object; paging by Link; Xet's headers and hashes; tokens, private,
// gated, disabled and renamed repositories with the Hub's outcomes; LFS batch; ollama's manifests; search, whoami,
// organizations. What it refuses to do: write anything, speak git, store chunks of Xet (who asks for them is counted and
// turned away).
//
// Everything bad that an upstream can do is a Fault, and everything that was asked is kept in Requests.
package hubtest
