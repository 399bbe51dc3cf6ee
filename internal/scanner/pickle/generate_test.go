package pickle

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// generator writes streams that keep the stack plausible, so that loaders get far in them. Every construction opcode, every
// spelling of strings and every way of the memo has its share.
type generator struct {
	r     *rand.Rand
	out   []byte
	depth []int // values above each open mark; the first is the bottom
	memo  []uint64
}

func generate(r *rand.Rand) []byte {
	g := &generator{r: r, depth: []int{0}}
	if r.IntN(3) > 0 {
		g.out = append(g.out, opProto, byte(r.IntN(6)))
	}
	for range 5 + r.IntN(60) {
		g.op()
	}
	for len(g.depth) > 1 {
		g.close()
	}
	if g.depth[0] == 0 {
		g.push(opNone)
	}
	return append(g.out, opStop)
}

func (g *generator) top() *int { return &g.depth[len(g.depth)-1] }

func (g *generator) push(b ...byte) {
	g.out = append(g.out, b...)
	*g.top()++
}

var someNames = [][2]string{
	{"os", "system"},
	{"posix", "system"},
	{"builtins", "eval"},
	{"__builtin__", "eval"},
	{"collections", "OrderedDict"},
	{"m", "a.b"},
	{"logging", "os.system"},
	{"copy_reg", "_reconstructor"},
	{"nuclear\xc3\xa9", "x"},
	{"a", "b"},
	{"", "x"},
	{"x", ""},
	{"m\r", "n\r"},
	{"m n", "o p"},
	{"numpy", "dtype"},
	{"os", "sys tem"},
}

func (g *generator) op() {
	switch n := g.r.IntN(24); {
	case n < 6:
		g.constant()
	case n < 8:
		g.name()
	case n < 11:
		g.store()
	case n == 11:
		g.out = append(g.out, opMark)
		g.depth = append(g.depth, 0)
	case n == 12 && len(g.depth) > 1:
		g.close()
	case n == 13:
		g.push([]byte{opEmptyList, opEmptyDict, opEmptyTuple, opEmptySet}[g.r.IntN(4)])
	case n == 14 && *g.top() > 0:
		g.out = append(g.out, opPop)
		*g.top()--
	case n == 15 && *g.top() > 0:
		g.push(opDup)
	case n == 16:
		g.out = append(g.out, opProto, byte(g.r.IntN(6)))
	case n == 17 && *g.top() > 0:
		g.out = append(g.out, opTuple1)
	case n == 18 && *g.top() > 1:
		g.out = append(g.out, opTuple2)
		*g.top()--
	case n == 19 && *g.top() > 0:
		g.push(opEmptyTuple)
		g.out = append(g.out, []byte{opReduce, opNewObj, opBuild}[g.r.IntN(3)])
		*g.top()--
	case n == 20:
		g.inst()
	case n == 21 && *g.top() > 0:
		g.out = append(g.out, opBinPersID)
	case n == 22 && *g.top() > 0:
		g.constant()
		g.out = append(g.out, opAppend)
		*g.top()--
	case n == 23:
		g.rare()
	}
}

// rare writes one of the instructions that few streams have.
func (g *generator) rare() {
	switch g.r.IntN(7) {
	case 0: // transport only, where it ends before anything is read across its border
		g.out = binary.LittleEndian.AppendUint64(append(g.out, opFrame), uint64(g.r.IntN(3)*g.r.IntN(20)))
	case 1:
		g.push(append(binary.LittleEndian.AppendUint64([]byte{opByteArray8}, 2), "xy"...)...)
	case 2:
		g.push(opExt1, byte(g.r.IntN(256)))
	case 3:
		g.push(append(binary.LittleEndian.AppendUint32([]byte{opLong4}, 3), 1, 2, 3)...)
	case 4:
		g.push([]byte{opNextBuffer, opReadOnlyBuffer}[g.r.IntN(2)])
	case 5:
		if *g.top() > 0 {
			g.push(opEmptyTuple)
			g.out = append(g.out, opEmptyDict, opNewObjEx)
			*g.top()--
		}
	default:
		g.push(opEmptyDict)
		g.text("a")
		g.constant()
		g.out = append(g.out, opSetItem)
		*g.top() -= 2
	}
}

// close ends a mark in one of the ways that there are.
func (g *generator) close() {
	n := *g.top()
	g.depth = g.depth[:len(g.depth)-1]
	below := *g.top()
	switch k := g.r.IntN(8); {
	case k == 0 && n%2 == 0:
		g.push(opDict)
	case k == 1:
		g.push(opList)
	case k == 2 && below > 0:
		g.out = append(g.out, opAppends)
	case k == 3 && below > 0 && n%2 == 0:
		g.out = append(g.out, opSetItems)
	case k == 4 && n > 0:
		g.push(opObj)
	case k == 5:
		g.out = append(g.out, opPopMark)
	case k == 6 && below > 0:
		g.out = append(g.out, opAddItems)
	default:
		g.push(opTuple)
	}
}

// text writes a string in one of its spellings.
func (g *generator) text(s string) {
	switch g.r.IntN(7) {
	case 0:
		g.push(append([]byte{opShortBinUnicode, byte(len(s))}, s...)...)
	case 1:
		g.push(append(binary.LittleEndian.AppendUint32([]byte{opBinUnicode}, uint32(len(s))), s...)...)
	case 2:
		g.push(append(binary.LittleEndian.AppendUint64([]byte{opBinUnicode8}, uint64(len(s))), s...)...)
	case 3:
		g.push(append([]byte{opShortBinString, byte(len(s))}, s...)...)
	case 4:
		g.push(append(binary.LittleEndian.AppendUint32([]byte{opBinString}, uint32(len(s))), s...)...)
	case 5:
		b := []byte{opUnicode}
		for _, r := range s {
			if g.r.IntN(3) == 0 || r > 0x7f || r == '\r' {
				b = fmt.Appendf(b, "\\u%04x", r)
			} else {
				b = append(b, byte(r))
			}
		}
		g.push(append(b, '\n')...)
	default:
		b := []byte{opString, '\''}
		for i := range len(s) {
			switch g.r.IntN(4) {
			case 0:
				b = fmt.Appendf(b, "\\x%02x", s[i])
			case 1:
				b = fmt.Appendf(b, "\\%03o", s[i])
			default:
				b = append(b, s[i])
			}
		}
		g.push(append(b, '\'', '\n')...)
	}
}

func (g *generator) name() {
	n := someNames[g.r.IntN(len(someNames))]
	if g.r.IntN(2) == 0 {
		g.push(append([]byte{opGlobal}, n[0]+"\n"+n[1]+"\n"...)...)
		return
	}
	g.text(n[0])
	if g.r.IntN(3) == 0 { // the operand goes through the memo
		i := byte(g.r.IntN(200))
		g.out = append(g.out, opBinPut, i, opPop, opBinGet, i)
	}
	g.text(n[1])
	g.out = append(g.out, opStackGlobal)
	*g.top()--
}

func (g *generator) inst() {
	n := someNames[g.r.IntN(len(someNames))]
	g.out = append(g.out, opMark)
	g.depth = append(g.depth, 0)
	if g.r.IntN(2) == 0 {
		g.constant()
	}
	g.depth = g.depth[:len(g.depth)-1]
	g.push(append([]byte{opInst}, n[0]+"\n"+n[1]+"\n"...)...)
}

// store uses the memo, by numbers that need not be in order.
func (g *generator) store() {
	if len(g.memo) > 0 && g.r.IntN(2) == 0 {
		i := g.memo[g.r.IntN(len(g.memo))]
		switch {
		case g.r.IntN(3) == 0:
			g.push(fmt.Appendf([]byte{opGet}, "%d\n", i)...)
		case i < 256:
			g.push(opBinGet, byte(i))
		default:
			g.push(binary.LittleEndian.AppendUint32([]byte{opLongBinGet}, uint32(i))...)
		}
		return
	}
	if *g.top() == 0 {
		return
	}
	i := uint64(g.r.IntN(40))
	switch g.r.IntN(5) {
	case 0:
		g.out = fmt.Appendf(append(g.out, opPut), "%s\n", []string{fmt.Sprint(i), fmt.Sprintf(" %d ", i), fmt.Sprintf("+%d", i), fmt.Sprintf("0_%d", i)}[g.r.IntN(4)])
	case 1:
		i += uint64(g.r.IntN(5000))
		g.out = binary.LittleEndian.AppendUint32(append(g.out, opLongBinPut), uint32(i))
	case 2:
		g.out = append(g.out, opMemoize)
		i = uint64(g.r.IntN(8)) // a guess, so that reads may miss
	default:
		g.out = append(g.out, opBinPut, byte(i))
	}
	g.memo = append(g.memo, i)
}

func (g *generator) constant() {
	switch g.r.IntN(12) {
	case 0:
		g.push(opNone)
	case 1:
		g.push(opBinInt1, byte(g.r.IntN(256)))
	case 2:
		g.push([]byte("I0x1f\n")...)
	case 3:
		g.push([]byte("L12L\n")...)
	case 4:
		g.push([]byte("F1.5\n")...)
	case 5:
		g.push(opLong1, 2, 1, 0xff)
	case 6:
		g.push(opShortBinBytes, 3, 1, 2, 3)
	case 7:
		g.push(opNewTrue)
	default:
		g.text([]string{"a", "os", "system", "id", "posix", "é", "x.y"}[g.r.IntN(7)])
	}
}

// mutate changes a few bytes: flips, cuts, doublings.
func mutate(r *rand.Rand, data []byte) []byte {
	out := append([]byte(nil), data...)
	for range 1 + r.IntN(3) {
		if len(out) < 2 {
			return out
		}
		i := r.IntN(len(out))
		switch r.IntN(5) {
		case 0:
			out[i] ^= 1 << r.IntN(8)
		case 1:
			out[i] = byte(r.IntN(256))
		case 2:
			out = append(out[:i], out[i+1:]...)
		case 3:
			out = out[:i]
		default:
			n := min(len(out)-i, 1+r.IntN(8))
			out = append(out[:i+n], append([]byte(nil), out[i:]...)...)
		}
	}
	return out
}
