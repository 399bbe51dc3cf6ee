// Command bench measures what modelgate claims, beside the alternative, in one run on one machine. Machines differ and
// are shared: read ratios and CPU seconds, not times. It needs bin/modelgate (make build) and installs what else it
// needs.
//
//	go run ./bench [-only warm,small,cold,remote,pickle,peers,herd,pages,wheel,installs,proxy]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one measured line: what was measured, what came out, what is claimed, and whether it holds.
type row struct {
	what, measured, claim string
	holds                 bool
}

// benchmark is one of the things that are measured.
type benchmark struct {
	name string
	run  func(context.Context) ([]row, error)
}

func benchmarks() []benchmark {
	return []benchmark{
		{"warm", warmDownload},
		{"small", smallRequests},
		{"cold", coldClients},
		{"remote", remoteVerdicts},
		{"pickle", picklePace},
		{"peers", peers},
		{"herd", packageHerd},
		{"pages", packagePages},
		{"wheel", packageWarm},
		{"installs", packageInstalls},
		{"proxy", forwardProxy},
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == proxyUnderTest {
		if err := serveProxyUnderTest(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	only := flag.String("only", "", "comma-separated names of benchmarks; all if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tMEASURED\tCLAIM\tHOLDS")
	missed := 0
	for _, b := range benchmarks() {
		if len(wanted) > 0 && !slices.Contains(wanted, b.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s\n", b.name)
		rows, err := b.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		for _, r := range rows {
			holds := "yes"
			if !r.holds {
				holds = "NO"
				missed++
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.measured, r.claim, holds)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d claims do not hold on this machine", missed)
	}
	return nil
}
