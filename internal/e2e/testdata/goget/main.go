// Goget prints what is at an address, as any program in Go would.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	res, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(os.Stdout, res.Body); err != nil || res.StatusCode != http.StatusOK {
		fmt.Fprintln(os.Stderr, res.Status, err)
		os.Exit(1)
	}
}
