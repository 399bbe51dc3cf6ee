package shell

import "testing"

func TestCommandsAreJudged(t *testing.T) {
	for line, bad := range map[string]bool{
		"bash -i >& /dev/tcp/127.0.0.1/1 0>&1":                     true,
		"sh -i 5<> /dev/udp/127.0.0.1/1":                           true,
		"apt-get update && nc -e /bin/sh 127.0.0.1 1":              true,
		"/usr/bin/ncat --exec /bin/sh 127.0.0.1 1":                 true,
		"echo dHJ1ZQ== | base64 -d | sh":                           true,
		"echo dHJ1ZQ==|base64 --decode|sudo bash":                  true,
		`["sh", "-c", "wget -qO- http://127.0.0.1:8080/x | bash"]`: true,
		"curl http://[::1]/x | python3 -":                          true,
		"curl -LsSf https://example.com/install.sh | sh":           false,
		"curl http://127.0.0.1/health":                             false,
		"nc -z 127.0.0.1 1":                                        false,
		"base64 -d x > y; sh z":                                    false,
		"pip install torch":                                        false,
		"echo 'nc -e'":                                             false,
		"":                                                         false,
		"|||;;&&()":                                                false,
	} {
		if got := Judge(line); (got != "") != bad {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// FuzzJudge holds that a command stays what it is behind a harmless one.
func FuzzJudge(f *testing.F) {
	f.Add("echo x | base64 -d | sudo env sh")
	f.Add("curl http://127.0.0.1 || [ -x y ] && `nc -e`")
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) < maxLine/2 && Judge(line) != Judge("true\n"+line) {
			t.Errorf("%q and %q", Judge(line), Judge("true\n"+line))
		}
	})
}
