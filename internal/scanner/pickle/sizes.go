package pickle

import (
	"errors"
	"strconv"
	"strings"
)

// Bounds of what a call on the list may ask for. Honest pickles make arrays empty, or over as many bytes as they bring.
const (
	mostElements = 1 << 30   // of a container or an array that one instruction makes
	mostExponent = 1_000_000 // of a decimal number: its digits are written out by whoever turns it into an integer
)

// sizes notes calls of harmless names that cost whoever loads them more memory than the stream could bring.
func (m *machine) sizes(g *global, items []value) {
	switch g.check {
	case checkSized:
		m.shape(items)
	case checkBuffer:
		m.shape(items[:min(1, len(items))])
	case checkArray:
		m.shape(items[min(1, len(items)):min(2, len(items))])
	case checkDecimal:
		m.decimal(items)
	}
}

// shape judges the size of an array: numbers, or a tuple or list of numbers as the first argument.
func (m *machine) shape(items []value) {
	if len(items) == 0 {
		return
	}
	dims := items
	if inner, ok := m.nodes.items(items[0]); ok {
		dims = inner
	}
	product := int64(1)
	for _, d := range dims {
		n, ok := d.int()
		switch {
		case d.kind() == kBigInt, ok && n > mostElements:
			product = mostElements + 1
		case ok && n > 0:
			product *= n
		}
		if product > mostElements {
			m.bomb("an array is made of an enormous number of elements")
			return
		}
	}
}

// decimal judges numbers that are made of text: a short one may stand for more digits than memory holds.
func (m *machine) decimal(items []value) {
	if len(items) == 0 || !items[0].isText() {
		return
	}
	text, ok := m.content(items[0])
	if !ok {
		return // as long as it is large
	}
	i := strings.LastIndexAny(text, "eE")
	if i < 0 {
		return
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text[i+1:]), "_", ""), 10, 64)
	if errors.Is(err, strconv.ErrRange) || err == nil && (n > mostExponent || n < -mostExponent) {
		m.bomb("a number of a few characters stands for an enormous number of digits")
	}
}
