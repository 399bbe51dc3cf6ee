package pypackage

import (
	"bytes"
	"fmt"
)

// words looks for many words in a text at once: one pass, whatever their number. It sees no difference between upper and lower case.
type words struct {
	// filter has a bit for each hash of four bytes with which a word begins.
	filter [1 << hashBits / 64]uint64
	// byStart are the words by their first four bytes.
	byStart map[uint32][]word
}

// word is a word in lower case, and the sets that it belongs to.
type word struct {
	text string
	sets uint64
}

// hashBits make the filter small enough for a processor's nearest memory, and wide enough to let hardly anything through.
const (
	hashBits = 15
	wordHead = 4
)

// newWords prepares a search for up to 64 sets of words, each of at least four bytes of ASCII in lower case.
func newWords(sets [][]string) *words {
	w := &words{byStart: map[uint32][]word{}}
	for i, set := range sets {
		for _, text := range set {
			if len(text) < wordHead || i >= 64 {
				panic(fmt.Sprintf("word %q of set %d cannot be looked for", text, i))
			}
			var head uint32
			for j := range wordHead {
				head = head>>8 | uint32(text[j])<<24
			}
			h := hashOf(head)
			w.filter[h/64] |= 1 << (h % 64)
			w.byStart[head] = append(w.byStart[head], word{text, 1 << i})
		}
	}
	return w
}

func hashOf(head uint32) uint32 { return head * 0x9e3779b1 >> (32 - hashBits) }

// in returns the sets of which a word is in the text, one bit for each.
func (w *words) in(text []byte) (found uint64) {
	var head uint32
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		head = head>>8 | uint32(c)<<24
		if h := hashOf(head); w.filter[h/64]&(1<<(h%64)) == 0 || i+1 < wordHead {
			continue
		}
		for _, candidate := range w.byStart[head] {
			start := i + 1 - wordHead
			if end := start + len(candidate.text); found&candidate.sets == 0 && end <= len(text) && equalFold(text[start:end], candidate.text) {
				found |= candidate.sets
			}
		}
	}
	return found
}

// equalFold tells whether a text is a word of ASCII in lower case, in any case.
func equalFold(text []byte, word string) bool {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// asciiLower lowers A to Z, so that offsets stay what they are.
func asciiLower(text []byte) []byte {
	low := bytes.Clone(text)
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return low
}
