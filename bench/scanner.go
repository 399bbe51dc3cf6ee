package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goBenchmark runs a Go benchmark and returns the metrics that it reports, by benchmark and unit.
func goBenchmark(ctx context.Context, pattern, pkg string) (map[string]map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", "1x", "-benchmem", pkg)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("benchmark %s: %w\n%s", pattern, err, out.String())
	}
	results := map[string]map[string]float64{}
	line := regexp.MustCompile(`(?m)^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	for _, m := range line.FindAllStringSubmatch(out.String(), -1) {
		metrics := map[string]float64{}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				metrics[fields[i+1]] = v
			}
		}
		results[m[1]] = metrics
	}
	if len(results) == 0 {
		return nil, errors.New("no result in:\n" + out.String())
	}
	return results, nil
}

// remoteVerdicts counts what a verdict on a large file costs when its bytes are far away. The metadata of HDF5 are scattered, so what is
// claimed of it is a part of its bytes.
func remoteVerdicts(ctx context.Context) ([]row, error) {
	results, err := goBenchmark(ctx, "^BenchmarkLargeRemoteFile$", "./internal/scanner")
	if err != nil {
		return nil, err
	}
	var rows []row
	for name, m := range results {
		file := strings.TrimPrefix(name, "BenchmarkLargeRemoteFile/")
		part := 100 * m["bytes"] / (m["GiB"] * (1 << 30))
		claim, holds := "under 8 requests and 1 MiB", m["requests"] < 8 && m["bytes"] < 1<<20
		if strings.HasSuffix(file, ".h5") {
			claim, holds = "under 1 % of the bytes", part < 1
		}
		rows = append(rows, row{
			fmt.Sprintf("verdict over ranges: %.0f GiB %s", m["GiB"], file), fmt.Sprintf("%.0f requests, %.0f KiB, %.3f %%", m["requests"], m["bytes"]/1024, part), claim, holds,
		})
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.what, b.what) })
	return rows, nil
}

// picklePace measures the pickle machine on half a gigabyte of small objects.
func picklePace(ctx context.Context) ([]row, error) {
	results, err := goBenchmark(ctx, "^BenchmarkObjects$", "./internal/scanner/pickle")
	if err != nil {
		return nil, err
	}
	m := results["BenchmarkObjects"]
	return []row{
		{"500 MB pickle of small objects: pace", fmt.Sprintf("%.0f M opcodes per CPU second", m["Mop/cpu-s"]), "over 40 M", m["Mop/cpu-s"] > 40},
		{"500 MB pickle of small objects: memory of the process", fmt.Sprintf("%.0f MiB", m["MiB-sys"]), "under 64 MiB", m["MiB-sys"] < 64},
	}, nil
}
