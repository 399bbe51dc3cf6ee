package pycode

// instructions has the numbers of the instructions of a version that load, bind or call what has a name. Zero stands for an
// instruction that the version lacks. Their argument is the index of the name; shifted says that its lowest bit is something
// else: that the name is called with nothing bound to it.
type instructions struct {
	loadName, loadGlobal, loadAttr, loadMethod byte
	importName, importFrom                     byte
	storeName, storeGlobal                     byte
	loadFast, storeFast                        string // all instructions that do it
	loadDeref, storeDeref                      string
	loadConst, popTop                          byte
	pairs                                      [3]byte // LOAD_FAST_LOAD_FAST, STORE_FAST_LOAD_FAST, STORE_FAST_STORE_FAST
	call                                       string  // take a callee and as many values as the argument says
	callKeywords                               byte    // the same below a tuple of keywords
	callExtended                               byte
	extended                                   byte
	resume                                     byte
	prologue                                   string // may stand before RESUME
	never                                      string // are instructions of the version before or after
	quiet                                      string // change nothing between a name and its attribute or call
	caches                                     map[byte]int

	shiftGlobal, shiftAttr bool
	wide                   bool // arguments of two bytes, and none below 90
	countsKeywords         bool // the upper byte of the argument of a call is the number of keywords
}

// The sets of CPython 2.7, 3.0 to 3.5, 3.6 to 3.10, and of each version from 3.11 to 3.14.
var (
	set27 = instructions{
		loadName: 101, loadGlobal: 116, loadAttr: 106, importName: 108, importFrom: 109, storeName: 90, storeGlobal: 97,
		loadFast: "\x7c", storeFast: "\x7d", loadDeref: "\x88", storeDeref: "\x89", loadConst: 100, popTop: 1,
		call: "\x83", callExtended: 140, extended: 145, quiet: "\x02\x09", wide: true, countsKeywords: true,
	}
	set30 = with(set27, func(s *instructions) { s.extended, s.loadDeref = 144, "\x88\x94" })
	set36 = with(set30, func(s *instructions) {
		s.wide, s.countsKeywords = false, false
		s.loadMethod, s.call, s.callKeywords, s.callExtended = 160, "\x83\xa1", 141, 142
	})
	set311 = with(set36, func(s *instructions) {
		s.shiftGlobal, s.resume, s.prologue = true, 151, "\x95\x87\x4b\x01\x90"
		s.never = "\x03\x04\x05\x1a\x1b\x37\x79\x7f\x8d\x8f"
		s.loadDeref, s.storeDeref = "\x89\x94", "\x8a"
		s.call, s.callKeywords, s.quiet = "\xab", 0, "\x00\x02\x09\xa6\xac" // CACHE, PUSH_NULL, NOP, PRECALL, KW_NAMES
		s.caches = map[byte]int{116: 5, 106: 4, 160: 10, 166: 1, 171: 4}
	})
	set312 = with(set311, func(s *instructions) {
		s.shiftAttr, s.loadMethod = true, 0
		s.loadFast, s.loadDeref = "\x7c\x7f\x8f", "\x89\xb0"
		s.quiet, s.never = "\x00\x02\x09\xac", "\x0a\x46\x52\x54\x56\x58\x6f\x70\x94\xa0\xa6"
		s.caches = map[byte]int{116: 4, 106: 9, 171: 3}
	})
	set313 = instructions{
		loadName: 92, loadGlobal: 91, loadAttr: 82, importName: 75, importFrom: 74, storeName: 114, storeGlobal: 113,
		loadFast: "\x55\x56\x57", storeFast: "\x6e", loadDeref: "\x54\x59", storeDeref: "\x6d", loadConst: 83, popTop: 32,
		pairs: [3]byte{88, 111, 112}, call: "\x35", callKeywords: 57, callExtended: 54, extended: 71, resume: 149, prologue: "\x3e\x5e\x23\x20\x47", quiet: "\x00\x22\x1e",
		caches: map[byte]int{91: 4, 82: 9, 53: 3}, shiftGlobal: true, shiftAttr: true,
	}
	set314 = instructions{
		loadName: 93, loadGlobal: 92, loadAttr: 80, importName: 73, importFrom: 72, storeName: 116, storeGlobal: 115,
		loadFast: "\x54\x55\x56\x58", storeFast: "\x70", loadDeref: "\x53\x5a", storeDeref: "\x6f", loadConst: 82, popTop: 31,
		pairs: [3]byte{89, 113, 114}, call: "\x34", callKeywords: 55, callExtended: 4, extended: 69, resume: 128, prologue: "\x3c\x61\x22\x1f\x45", quiet: "\x00\x21\x1b\x1c",
		caches: map[byte]int{92: 4, 80: 9, 52: 3}, shiftGlobal: true, shiftAttr: true,
	}
)

func with(s instructions, change func(*instructions)) instructions {
	change(&s)
	return s
}

// sets returns the instruction sets that code may be of. Those in rest are possible too, but the code says otherwise. Sure is
// false if none is what the code looks like.
func sets(c *Code) (fit, rest []*instructions, sure bool) {
	var all []*instructions
	switch c.Layout {
	case Layout27:
		all = []*instructions{&set27}
	case Layout30:
		all = []*instructions{&set30, &set36}
	case Layout38:
		all = []*instructions{&set36}
	default:
		all = []*instructions{&set311, &set312, &set313, &set314}
	}
	for _, s := range all {
		switch fits := s.fits(c); {
		case fits && s.begins(c):
			fit = append(fit, s)
		case fits:
			rest = append(rest, s)
		}
	}
	if len(fit) == 0 {
		return all, nil, false
	}
	return fit, rest, true
}

// begins tells whether code begins as functions of the version do: cells are made, then RESUME tells the version by its number.
func (s *instructions) begins(c *Code) bool {
	if s.resume == 0 {
		return true
	}
	for i := 0; i < len(c.Instructions); i += 2 {
		if op := c.Instructions[i]; !in(s.prologue, op) {
			return op == s.resume
		}
	}
	return false
}

// fits tells whether all indices of names, locals and constants are in range, and what should be caches is zero.
func (s *instructions) fits(c *Code) bool {
	ok, skip := true, 0
	s.walk(c.Instructions, func(op byte, arg int) {
		if skip > 0 {
			skip--
			ok = ok && op == 0
			return
		}
		skip = s.caches[op]
		switch {
		case in(s.never, op):
			ok = false
		case op == s.loadGlobal && s.shiftGlobal, op == s.loadAttr && s.shiftAttr:
			ok = ok && arg>>1 < len(c.Names)
		case op == s.loadName, op == s.loadGlobal, op == s.loadAttr, op == s.importName, op == s.importFrom, op == s.storeName,
			op == s.loadMethod && op != 0:
			ok = ok && arg < len(c.Names)
		case op == s.loadConst:
			ok = ok && arg < len(c.Consts)
		}
	})
	return ok
}

// walk calls step for each instruction. Prefixes that extend an argument are part of it.
func (s *instructions) walk(code []byte, step func(op byte, arg int)) {
	arg := 0
	for i := 0; i < len(code); {
		op := code[i]
		n, width := 0, 2
		switch {
		case s.wide && op < 90:
			width = 1
		case s.wide && i+2 < len(code):
			n, width = int(code[i+1])|int(code[i+2])<<8, 3
		case i+1 < len(code):
			n = int(code[i+1])
		}
		i += width
		arg |= n
		if op == s.extended {
			arg = (arg << 8) & 0xffffff
			if s.wide {
				arg = (arg << 8) & 0xffffff
			}
			continue
		}
		step(op, arg)
		arg = 0
	}
}
