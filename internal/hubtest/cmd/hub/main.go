// Command hub runs the stand-in Hub for demonstrations, benchmarks and trying things by hand. It prints its address and runs
// until it is interrupted.
//
//	hub [-listen 127.0.0.1:9000] [-content 127.0.0.1:9001] [-synthetic org/big=1073741824]... [-folder org/mine=./folder]...
//
// It always has demo/good and demo/evil.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"modelgate/internal/hubtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "hub:", err)
		os.Exit(1)
	}
}

func run() error {
	var opts hubtest.Options
	var synthetic, folders pairs
	flag.StringVar(&opts.Listen, "listen", "127.0.0.1:0", "address of the Hub")
	flag.StringVar(&opts.Content, "content", "127.0.0.1:0", "address of the content network")
	flag.Var(&synthetic, "synthetic", "`id=bytes`: a model with a safetensors file of that size")
	flag.Var(&folders, "folder", "`id=path`: a model with the files of a folder")
	flag.Parse()

	hub, err := hubtest.Start(opts)
	if err != nil {
		return err
	}
	defer hub.Close()
	hub.AddDemo()
	for _, p := range synthetic {
		size, err := strconv.ParseInt(p.value, 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("size of %s: %q is not a number of bytes", p.id, p.value)
		}
		hub.AddModel(p.id, hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`), "model.safetensors": hubtest.Safetensors(size, 1)})
	}
	for _, p := range folders {
		files, err := folder(p.value)
		if err != nil {
			return err
		}
		hub.AddModel(p.id, files)
	}
	if _, err := fmt.Fprintf(os.Stdout, "HF_ENDPOINT=%s\n", hub.URL); err != nil {
		return fmt.Errorf("print address: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return nil
}

// folder takes the files of a folder, without those whose names begin with a dot.
func folder(dir string) (hubtest.Files, error) {
	files := hubtest.Files{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path) // stays open for as long as the Hub runs
		if err != nil {
			return err
		}
		st, err := f.Stat()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = hubtest.From(f, st.Size())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read folder of a model: %w", err)
	}
	return files, nil
}

// pair is id=value.
type pair struct{ id, value string }

// pairs collects a flag that may be given many times.
type pairs []pair

func (p *pairs) String() string { return "" }

// Set implements flag.Value.
func (p *pairs) Set(s string) error {
	id, value, ok := strings.Cut(s, "=")
	if !ok || id == "" || value == "" {
		return errors.New("want id=value")
	}
	*p = append(*p, pair{id, value})
	return nil
}
