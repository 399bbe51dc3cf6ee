package paths

import (
	"strings"
	"testing"

	"modelgate/internal/threat"
)

func TestNamesThatEscape(t *testing.T) {
	for why, name := range map[string]string{
		"a name that goes up":                              "../evil",
		"a name that goes up twice":                        "../../etc/passwd",
		"a name that goes up in the middle":                "a/../../b",
		"a name that is inside only once cleaned":          "a/../b",
		"a name that ends above":                           "a/..",
		"an absolute name":                                 "/etc/passwd",
		"a drive letter":                                   `C:\evil`,
		"a drive letter without a slash":                   "c:evil",
		"a UNC path":                                       `\\host\share\x`,
		"a UNC path with slashes":                          "//host/share",
		"an extended-length path":                          `\\?\C:\x`,
		"a home directory":                                 "~/.bashrc",
		"a bare home directory":                            "~",
		"backslashes":                                      `..\..\evil`,
		"mixed slashes":                                    `a\../..\b`,
		"percent escapes":                                  "%2e%2e/evil",
		"percent escapes of slashes":                       "..%2fevil",
		"percent escapes of percent escapes":               "%252e%252e%252fevil",
		"percent escapes of backslashes":                   "..%5Cevil",
		"an escaped absolute name":                         "%2fetc/passwd",
		"JSON escapes":                                     `a/\u002e\u002e/b`,
		"a NUL byte":                                       "model\x00.bin",
		"a file URL":                                       "file:etc/passwd",
		"a file URL with slashes":                          "file:///etc/passwd",
		"a web URL":                                        "https://example.com/x",
		"a scheme in capitals":                             "HTTP://example.com",
		"an unknown scheme":                                "gopher+x://example.com",
		"a data URL":                                       "data:text/plain,x",
		"dots and a blank, which Windows takes for parent": ".. /evil",
		"three dots":                                       ".../evil",
		"dots at the end":                                  "a/.. ",
	} {
		if f, ok := Judge(name); ok || !f.Escapes {
			t.Errorf("%s escapes: Judge(%q) = %+v, %v", why, name, f, ok)
		}
	}
}

func TestNamesThatAreOdd(t *testing.T) {
	for why, name := range map[string]string{
		"a control character":    "a\nb",
		"an escape sequence":     "a\x1b[31mb",
		"a Windows device":       "aux",
		"a device with a suffix": "dir/NUL.txt",
		"a numbered device":      "com1.bin",
		"a trailing dot":         "model.bin.",
		"a trailing blank":       "model.bin ",
		"a direction override":   "model\u202enib.exe",
		"an endless name":        strings.Repeat("a", maxLength+1),
	} {
		if f, ok := Judge(name); ok || f.Escapes {
			t.Errorf("%s is odd and stays inside: Judge(%q) = %+v, %v", why, name, f, ok)
		}
	}
}

func TestHonestNames(t *testing.T) {
	for _, name := range []string{
		"", "model.safetensors", "archive/data/0", "./a", "a/./b", "a//b", "dir/", ".data/extern_modules", "..data/x", "a..b/c",
		"tensor:0", "model.layers.0:1/x", "naïve/模型.bin", "100%.txt", "100%25.txt", "auxiliary/con_head", "~backup", "file~", "a~/b",
		"console.txt", "x/.git", "\xff\xfe.bin", "https", "e:x/y"[2:], strings.Repeat("a", maxLength),
	} {
		if f, ok := Judge(name); !ok {
			t.Errorf("Judge(%q) = %+v, want no fault", name, f)
		}
	}
}

func TestLinks(t *testing.T) {
	for _, row := range []struct {
		why, name, target string
		ok                bool
	}{
		{"a neighbour", "a/b", "c", true},
		{"one directory up, still inside", "a/b", "../c", true},
		{"up to the root itself", "a/b/c", "../..", true},
		{"above the root", "a/b", "../../c", false},
		{"above the root and back", "a/b", "../../a/c", false},
		{"above the root from the top", "b", "../c", false},
		{"absolute", "a/b", "/etc/passwd", false},
		{"with backslashes", "a/b", `..\..\c`, false},
		{"a drive", "a/b", `C:\x`, false},
		{"a name that would be odd", "a/b", "aux", true},
	} {
		if f, ok := JudgeLink(row.name, row.target); ok != row.ok {
			t.Errorf("a link to %s: JudgeLink(%q, %q) = %+v, %v", row.why, row.name, row.target, f, ok)
		}
	}
}

func TestFindings(t *testing.T) {
	if f, bad := Entry("../x", 7); !bad || f.Threat != threat.ARV100 || f.Level != threat.Malicious || f.Offset != 7 {
		t.Errorf("a member that escapes: %+v, %v", f, bad)
	}
	if f, bad := Reference("../x", 7); !bad || f.Threat != threat.MGPATH100 || f.Level != threat.Malicious {
		t.Errorf("a reference that escapes: %+v, %v", f, bad)
	}
	if f, bad := Entry("nul", 7); !bad || f.Threat != threat.MGFMT400 || f.Level != threat.Suspicious {
		t.Errorf("an odd member: %+v, %v", f, bad)
	}
	if f, bad := Link("a", "/x\x00", 7); !bad || f.Threat != threat.ARV100 || f.Evidence != `a -> /x\x00` {
		t.Errorf("a link that escapes: %+v, %v", f, bad)
	}
	if _, bad := Entry("x", 0); bad {
		t.Error("an honest member has a finding")
	}
}

func TestKeys(t *testing.T) {
	same := []string{"Dir/Model.bin", "dir/model.bin", "./dir//model.bin", `dir\model.bin`, "dir/model.bin.", "dir /model.bin ", "dir/ｍodel.bin"}
	for _, name := range same {
		if got := Key(name); got != "dir/model.bin" {
			t.Errorf("Key(%q) = %q", name, got)
		}
	}
	if Key("a/b") == Key("a/c") || Key("a.b") == Key("ab") {
		t.Error("different names have one key")
	}
}

func FuzzJudge(f *testing.F) {
	for _, seed := range []string{"../x", "%2e%2e%2f", `\u002e`, "a/../../b", "~", "C:", "file:", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		fault, ok := Judge(name)
		if ok != (fault.Reason == "") {
			t.Fatalf("Judge(%q) = %+v, %v", name, fault, ok)
		}
		if ok && (strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../")) {
			t.Fatalf("Judge(%q) lets it pass", name)
		}
		Key(name)
		JudgeLink(name, name)
	})
}
