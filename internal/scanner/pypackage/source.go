package pypackage

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Bounds of one text: bytes that are read, and findings of one kind.
const (
	maxText = 8 << 20
	mostOf  = 20
)

// ProbeSource accepts Python text in packages, by its name: nothing else makes it run.
func ProbeSource(f *source.File) (bool, error) {
	return f.Family == source.FamilyPackage && isText(f.Path), nil
}

// ScanSource reads a text for the signs of malicious packages.
func ScanSource(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("python")
	size, err := f.Size()
	if err != nil {
		return err
	}
	text, err := readText(f, size)
	if err != nil {
		return err
	}
	if size > maxText {
		id := threat.MGPKG104
		if placeOf(f.Path) == placePath { // each of its lines may be one that is executed
			id = threat.MGPKG400
		}
		s.Find(found(id, "", maxText, "", fmt.Sprintf("The text has %d bytes, of which the first %d were read.", size, maxText)))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if placeOf(f.Path) == placePath {
		pathConfig(f, text, s)
	}
	signs(f.Path, text, s)
	coding(text, s)
	startup(f.Path, s)
	if err := behaviour(ctx, f, string(text), s); err != nil {
		return err
	}
	return ctx.Err()
}

// startup finds the modules that the interpreter imports at every start, where it looks for them.
func startup(name string, s source.Sink) {
	if placeOf(name) == placeStartup && atSiteTop(name) {
		s.Find(found(threat.MGPKG104, "", 0, name, fmt.Sprintf("The interpreter imports %s at every start.", source.Evidence(path.Base(name)))))
	}
}

func readText(f *source.File, size int64) ([]byte, error) {
	text := make([]byte, min(size, maxText))
	n, err := f.ReadAt(text, 0)
	if n < len(text) && err != nil {
		return nil, err
	}
	return text, nil
}

// sign is an expression that malicious packages match and honest ones hardly ever.
type sign struct {
	what string
	// needs are words in lower case of which every match holds one: looking for words is much cheaper than matching.
	needs []string
	expr  *regexp.Regexp
	// anywhere and early are the threats that it raises in code that nothing runs by itself, and where installing or importing runs it.
	anywhere, early threat.ID
}

// threat is what the sign means at a place. What is not about installing is judged at import as anywhere, unless it may block.
func (g sign) threat(where place) threat.ID {
	switch where {
	case placeSetup, placePath, placeStartup:
		return g.early
	case placeImport:
		if g.early == threat.MGPKG101 {
			return g.early
		}
		return g.anywhere
	default:
		return g.anywhere
	}
}

// allSigns is the table of signs. The first is the one whose precision was measured; it alone may block.
var allSigns = []sign{
	{
		"something that is decoded or downloaded on the same line is executed",
		[]string{"exec(", "eval("},
		regexp.MustCompile(`(?:exec|eval)\(.{0,300}?(?:b64decode|b32decode|a85decode|b85decode|b16decode|base64|decompress|Fernet|fromhex|unhexlify|marshal\.loads|codecs\.decode|urlopen|urlretrieve|requests\.(?:get|post)|httpx\.(?:get|post))`),
		threat.MGPKG102, threat.MGPKG101,
	},
	{
		"an address that malicious packages call back",
		[]string{"discord", "api.telegram.org", "webhook.site", "ngrok", "pipedream.net", "burpcollaborator", "oastify", "interact.sh", "requestbin", "transfer.sh", "pastebin.com"},
		regexp.MustCompile(`(?i)(?:discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot|webhook\.site/|ngrok\.io|ngrok-free\.app|pipedream\.net|burpcollaborator\.net|oastify\.com|interact\.sh|requestbin\.|transfer\.sh/|pastebin\.com/raw/)`),
		threat.MGPKG104, threat.MGPKG104,
	},
	{
		"a program that is started without its window, or by encoded commands",
		[]string{"powershell", "start-process", "create_no_window", "-executionpolicy"},
		regexp.MustCompile(`(?i)(?:powershell(?:\.exe)?["']?[\s,"'-]{1,40}.{0,120}?-(?:e|enc|encodedcommand|w|windowstyle)\b|Start-Process\b|CREATE_NO_WINDOW\s*[|)]|-ExecutionPolicy\s+Bypass)`),
		threat.MGPKG104, threat.MGPKG103,
	},
	{
		"the address of a program that is downloaded",
		[]string{".exe", ".ps1", ".bat", ".scr", ".msi", ".vbs", ".apk"},
		regexp.MustCompile(`(?i)https?://[^\s"'<>]{1,200}\.(?:exe|ps1|bat|scr|msi|vbs|apk)\b`),
		threat.MGPKG104, threat.MGPKG103,
	},
	{
		"files in which secrets are kept",
		[]string{".ssh/id_", ".aws/credentials", "local state", "login data", "wallet.dat", "metadata.google", "169.254.169.254"},
		regexp.MustCompile(`(?i)(?:\.ssh/id_(?:rsa|ed25519)|\.aws/credentials|Local State["'].{0,80}(?:Chrome|User Data)|Login Data\b.{0,80}(?:Chrome|User Data)|wallet\.dat|metadata\.google\.internal|169\.254\.169\.254)`),
		threat.MGPKG104, threat.MGPKG103,
	},
	{
		"a place that is run at every login",
		[]string{"currentversion", "start menu", "/etc/cron.d", "crontab", ".config/autostart", "launchagents"},
		regexp.MustCompile(`(?i)(?:CurrentVersion\\{1,4}Run\b|Start Menu\\{1,4}Programs\\{1,4}Startup|/etc/cron\.d/|crontab\s+-|\.config/autostart/|Library/LaunchAgents/)`),
		threat.MGPKG104, threat.MGPKG103,
	},
	{
		"a shell that is given to somebody else",
		[]string{"/dev/tcp", "bash -i", "nc -e", "ncat -e", "pty.spawn", "curl", "wget"},
		regexp.MustCompile(`(?:/dev/tcp/\d|bash -i\b.{0,40}>&|nc(?:at)? -e\b|pty\.spawn\(["']/bin|(?:curl|wget)\s[^|\n]{1,200}\|\s*(?:ba|z)?sh\b)`),
		threat.MGPKG104, threat.MGPKG103,
	},
	{
		"steps of the build that are replaced",
		[]string{"cmdclass"},
		regexp.MustCompile(`\bcmdclass\s*=`),
		"", threat.MGPKG103,
	},
}

// signs reads a text for every sign whose words are in it.
func signs(name string, text []byte, s source.Sink) {
	where, has := placeOf(name), signWords.in(text)
	var low []byte
	for i, sign := range allSigns {
		if id := sign.threat(where); id != "" && has&(1<<i) != 0 {
			if low == nil {
				low = asciiLower(text)
			}
			sign.find(id, text, low, s)
		}
	}
	hidden(text, s)
}

// signWords looks for the words of all signs.
var signWords = newWords(needsOf(allSigns))

func needsOf(signs []sign) (all [][]string) {
	for _, g := range signs {
		all = append(all, g.needs)
	}
	return all
}

// find reads a text line by line; low is the text in lower case.
func (g sign) find(id threat.ID, text, low []byte, s source.Sink) {
	at, number, count := 0, 0, 0
	for line := range bytes.Lines(text) {
		start := at
		at += len(line)
		number++
		if !hasAny(low[start:at], g.needs) {
			continue
		}
		m := g.expr.FindIndex(line)
		if m == nil || comment(line, m[0]) {
			continue
		}
		f := found(id, "", int64(start+m[0]), string(line[m[0]:m[1]]), fmt.Sprintf("Line %d has %s.", number, g.what))
		f.Excerpt = []string{fmt.Sprintf("%d: %s", number, strings.TrimSpace(string(line)))}
		s.Find(f)
		if count++; count >= mostOf {
			return
		}
	}
}

func hasAny(text []byte, words []string) bool {
	for _, w := range words {
		if bytes.Contains(text, []byte(w)) {
			return true
		}
	}
	return false
}

// comment tells whether a place in a line is behind a comment's mark: prose. A mark in a string before it is taken for one only if no
// quote stands before it.
func comment(line []byte, at int) bool {
	i := bytes.IndexByte(line[:at], '#')
	return i >= 0 && !bytes.ContainsAny(line[:i], `"'`)
}

// hidden finds text that people do not see: marks that turn the direction, and code far to the right.
func hidden(text []byte, s source.Sink) {
	at := 0
	said := map[string]bool{}
	say := func(what string, off int, evidence []byte) {
		if !said[what] {
			said[what] = true
			s.Find(found(threat.MGPKG104, "", int64(off), string(evidence[:min(len(evidence), 200)]), what))
		}
	}
	marked := bytes.IndexByte(text, directions[0][0]) >= 0
	for line := range bytes.Lines(text) {
		start := at
		at += len(line)
		if len(line) > farRight {
			if i := bytes.Index(line, blanks); i >= 0 {
				rest := bytes.TrimLeft(line[i:], " \t")
				if len(bytes.TrimSpace(rest)) > 0 && rest[0] != '#' && len(line)-len(rest) > farRight {
					say("Code stands far to the right, where editors do not show it.", start+len(line)-len(rest), rest)
				}
			}
		}
		if !marked {
			continue
		}
		for _, mark := range directions {
			if i := bytes.Index(line, []byte(mark)); i >= 0 && utf8.Valid(line) {
				say("A mark turns the direction of the text, so the code that is shown is not the code that runs.", start+i, line)
			}
		}
	}
}

// directions are the marks that turn the direction of a text. They begin with the same byte.
var directions = []string{"\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068"}

// farRight is the column behind which nobody looks for code.
const farRight = 500

var blanks = bytes.Repeat([]byte(" "), 200)
