package tesseract

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// role is what a parameter does with its value.
type role uint8

const (
	unknown  role = iota
	harmless      // a text that stays one: characters, a title
	writes        // a file that the engine writes
	reads         // a file that it reads
	joins         // names that become part of the path of a file beside the data
	switches      // whether it writes or reads files of fixed names, or starts its viewer, ScrollView
)

// roles are the parameters whose value is a text, and the switches that reach out of the engine, by name (tesseract --print-parameters,
// release 5.3.0). The others take a number or a truth value, whatever they are called.
var roles = func() map[string]role {
	out := map[string]role{}
	for r, names := range map[role]string{
		harmless: `document_title classify_font_name dotproduct editor_image_win_name editor_word_name classify_learn_debug_str word_to_debug
			tessedit_char_blacklist tessedit_char_whitelist tessedit_char_unblacklist applybox_exposure_pattern chs_leading_punct
			chs_trailing_punct1 chs_trailing_punct2 outlines_odd outlines_2 numeric_punctuation unrecognised_char ok_repeated_ch_non_alphanum_wds
			conflict_set_I_l_1 file_type page_separator`,
		writes: `debug_file tessedit_write_params_to_file output_ambig_words_file`,
		reads:  `user_words_file user_patterns_file`,
		joins:  `user_words_suffix user_patterns_suffix tessedit_load_sublangs`,
		switches: `tessedit_write_images tessedit_dump_pageseg_images equationdetect_save_bi_image equationdetect_save_spt_image
			equationdetect_save_seed_image equationdetect_save_merged_image classify_save_adapted_templates classify_use_pre_adapted_templates
			interactive_display_mode`,
	} {
		for name := range strings.FieldsSeq(names) {
			out[name] = r
		}
	}
	return out
}()

// viewed tells of a parameter that it shows something in the viewer.
var viewed = regexp.MustCompile(`(^|_)(display|show)_`)

func roleOf(name string) role {
	if r := roles[name]; r != unknown || !viewed.MatchString(name) {
		return r
	}
	return switches
}

// Bounds of settings: of all of them, of a line that every reader takes whole, and of one that any reader does. Readers go on in the middle
// of longer ones as if a new line began there, some after 260 bytes and some after 4096.
const (
	maxSettings = 1 << 20
	shortLine   = 256
	longLine    = 4096
)

// settings judges every line of the settings.
func settings(f *source.File, p part, s source.Sink) error {
	if p.size > maxSettings {
		return source.Malformedf(p.at, "settings of %d bytes", p.size)
	}
	text := make([]byte, p.size)
	if n, err := f.ReadAt(text, p.at); err != nil && int64(n) < p.size {
		return err
	}
	at := p.at
	for line := range bytes.Lines(text) {
		judge(string(line), at, s)
		if len(line) > shortLine {
			inside(string(line), at, s)
		}
		at += int64(len(line))
	}
	return nil
}

// inside judges what a reader of short lines may find within a long one.
func inside(line string, at int64, s source.Sink) {
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		if roles[name] == harmless {
			continue
		}
		for from := 1; ; from += len(name) {
			i := strings.Index(line[from:], name)
			if i < 0 {
				break
			}
			from += i
			judge(line[from:min(len(line), from+longLine)], at+int64(from), s)
		}
	}
}

// judge judges a line: a name, blanks, and a value up to the end. Lines that begin with # are remarks.
func judge(line string, at int64, s source.Sink) {
	line, _, _ = strings.Cut(line, "\x00")
	line = strings.TrimRight(line, "\r\n")
	if strings.HasPrefix(line, "#") {
		return
	}
	name, value := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, value = line[:i], strings.TrimLeft(line[i:], " \t")
	}
	if value == "" {
		return
	}
	found := func(id threat.ID, words string) {
		f := finding.New(id, at, words)
		f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, name, "tesseract", source.Evidence(line)
		s.Find(f)
	}
	switch roleOf(name) {
	case harmless:
	case writes:
		if value != "/dev/null" {
			found(threat.MGOP301, "The engine writes a file at a path that its data names, as soon as the data is loaded.")
		}
	case reads:
		if f, bad := paths.Reference(value, at); bad {
			s.Find(f)
			return
		}
		found(threat.MGOP302, "The engine reads another file that its data names.")
	case joins:
		if strings.ContainsAny(value, `/\`) {
			if f, bad := paths.Reference(value, at); bad {
				s.Find(f)
				return
			}
			found(threat.MGOP302, "The engine reads another file that its data names.")
		}
	case switches:
		if isTrue(value) {
			found(threat.MGOP302, "The engine writes or reads files beside what it is given, or starts its viewer, as its data says.")
		}
	case unknown:
		if first, _, _ := strings.Cut(value, " "); !plain.MatchString(first) {
			found(threat.MGOP300, "The parameter is none of those whose value is a text, so nobody knows what the engine does with it.")
		}
	}
}

// plain is a number or a truth value.
var plain = regexp.MustCompile(`^([-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?\.?|[TtFfYyNn]|[Tt]rue|[Ff]alse|TRUE|FALSE|[Yy]es|[Nn]o)\t*$`)

// isTrue tells whether a value turns a switch on: the first character decides, or a number that is not 0.
func isTrue(value string) bool {
	return strings.ContainsAny(value[:1], "TtYy") || strings.ContainsAny(value[:1], "+-.0123456789") && strings.ContainsAny(value, "123456789")
}
