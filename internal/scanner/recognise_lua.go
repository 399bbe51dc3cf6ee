package scanner

import (
	"strings"
)

// luaFormats are files of Torch7 (torch7/File.lua, serialization): numbers of 32 bits and strings with a length before them, each
// object led by its type: 0 nil, 1 number, 2 string, 3 table, 4 class, 5 boolean, 6 to 8 functions.
func luaFormats() []recogniser {
	is := func(matches func(h *header) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) { return matches(h), nil }
	}
	return []recogniser{
		{name: "torch", title: "Torch7 object", by: "type tag, index, and a class, table or function", matches: is(isTorch7)},
		{name: "torch", title: "Torch7 object in text form", by: "the same as decimal lines", matches: is(func(h *header) bool {
			lines := strings.SplitN(string(h.head[:min(len(h.head), 256)]), "\n", 7)
			return len(lines) > 6 && lines[0] == "4" && lines[1] == "1" && strings.HasPrefix(lines[3], "V ") && strings.Contains(lines[5], ".")
		})},
		{name: "lua", title: "Lua bytecode", by: "ESC Lua or ESC LJ at 0", matches: is(func(h *header) bool {
			return h.has(0, "\x1bLua") || h.has(0, "\x1bLJ")
		})},
	}
}

// isTorch7 recognises the binary form.
func isTorch7(h *header) bool {
	kind, index, length := h.u32(0), h.u32(4), h.u32(8)
	if index == 0 || index > 1<<20 || int64(length) > h.size {
		return false
	}
	switch kind {
	case 3: // a table: its size, then a key, which is a number or a string
		key := h.u32(12)
		return length > 0 && length < 1<<20 && (key == 1 && h.u64(16)&0xffff == 0 && h.u64(16) != 0 || key == 2 && h.printableString(16))
	case 4: // a class: its version, then its name
		return length == 3 && h.has(12, "V ") && h.printableString(15)
	case 6, 7, 8: // a function: its bytecode
		return h.has(12, "\x1bL")
	}
	return false
}

// printableString tells whether a string of Torch7 stands at an offset: its length, then letters.
func (h *header) printableString(at int) bool {
	n := int(h.u32(at))
	if n < 1 || n > 256 || len(h.head) < at+4+n {
		return false
	}
	for _, c := range h.head[at+4 : at+4+n] {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}
