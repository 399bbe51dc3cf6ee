// Modelgate is a gateway for model downloads that enforces scan verdicts inline. This package is wiring only: one
// file a command.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// version is set when a release is linked.
var version = "dev"

// Exit codes of every command.
const (
	exitOK      = 0
	exitBlocked = 1 // the model failed the rules
	exitError   = 2 // anything else: wrong arguments, no answer, no verdict
)

// globals are the flags of every command.
type globals struct {
	Config   string `help:"Configuration file (YAML)." env:"MODELGATE_CONFIG" placeholder:"FILE"`
	BaseURL  string `help:"Work against this server, http://gate:8080 or its API base …/aims, instead of alone." env:"MODEL_SECURITY_API_ENDPOINT" placeholder:"URL"`
	LogLevel string `help:"How much to log: critical, error, info, debug." enum:"critical,error,info,debug" default:"error"`
	Silent   bool   `help:"No progress and no remarks on the error stream."`
	Output   string `help:"text or json; text on a terminal, json elsewhere." enum:"auto,text,json" default:"auto"`
}

// commands is the command line.
type commands struct {
	globals

	Version kong.VersionFlag `short:"v" help:"Print the version."`

	Serve     serveCommand     `cmd:"" help:"Run the gateway."`
	Scan      scanCommand      `cmd:"" help:"Scan a model: of the Hub, or a local folder."`
	GetScan   getScanCommand   `cmd:"" help:"Show a scan by its UUID."`
	ListScans listScansCommand `cmd:"" help:"List scans, newest first."`
	CA        caCommand        `cmd:"" name:"ca" help:"Print what clients of the forward proxy must trust, and how each is told."`
	Health    healthCommand    `cmd:"" help:"Ask the running gateway whether it is ready."`
}

// exitCode is an error that carries the code to exit with; its message, if any, was already told.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// terminal is where a command writes; tests give their own.
type terminal struct {
	out, err io.Writer
	isTTY    bool // whether out is a terminal
}

func main() {
	term := terminal{out: os.Stdout, err: os.Stderr, isTTY: isTerminal(os.Stdout)}
	os.Exit(run(os.Args[1:], term))
}

// run is the program, without the process around it.
func run(args []string, term terminal) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("modelgate"),
		kong.Description("A gateway for model downloads that enforces scan verdicts inline."),
		kong.Writers(term.out, term.err),
		kong.Vars{"version": "modelgate " + version},
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(term),
	)
	if err != nil {
		fmt.Fprintf(term.err, "modelgate: %v\n", err)
		return exitError
	}
	ctx, err := parser.Parse(spreadValues(args))
	if exited >= 0 { // --help and --version were answered
		return exited
	}
	if err != nil {
		fmt.Fprintf(term.err, "modelgate: %v\n", err)
		return exitError
	}
	err = ctx.Run(&c.globals)
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintf(term.err, "modelgate: %v\n", err)
		return exitError
	}
}

// manyValued are the flags that take several values after one name: --allow-patterns "*.bin" "*.json".
func manyValued(flag string) bool {
	switch flag {
	case "--allow-patterns", "--ignore-patterns", "--source-types", "--eval-outcomes":
		return true
	default:
		return false
	}
}

// spreadValues repeats a many-valued flag before each of its values, which is how the parser wants them.
func spreadValues(args []string) []string {
	var out []string
	flag := ""
	for _, arg := range args {
		switch {
		case manyValued(arg):
			flag = arg
		case len(arg) > 0 && arg[0] == '-':
			flag = ""
			out = append(out, arg)
		case flag != "":
			out = append(out, flag+"="+arg)
		default:
			out = append(out, arg)
		}
	}
	return out
}
