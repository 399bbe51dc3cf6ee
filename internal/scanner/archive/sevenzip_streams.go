package archive

// streams reads what describes packed streams, folders and their parts.
func (p *parser7z) streams() (*streams7z, error) {
	s := &streams7z{}
	divided := false
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			if !divided {
				s.divide()
			}
			return s, p.err
		case idPackInfo:
			p.packInfo(s)
		case idUnpackInfo:
			p.unpackInfo(s)
		case idSubStreams:
			p.subStreams(s)
			divided = true
		default:
			p.fail("unknown property %#x of streams", id)
		}
	}
	return nil, p.err
}

// divide gives each folder one part.
func (s *streams7z) divide() {
	s.parts = make([][]part7z, len(s.folders))
	for i := range s.folders {
		f := &s.folders[i]
		s.parts[i] = []part7z{{f.size(), f.crc, f.hasCRC}}
	}
}

func (p *parser7z) packInfo(s *streams7z) {
	s.position = p.number()
	n := p.count("packed streams")
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			return
		case idSize:
			s.packs = make([]uint64, 0, min(n, len(p.b)))
			for range n {
				if p.err != nil {
					return
				}
				s.packs = append(s.packs, p.number())
			}
		case idCRC:
			p.digests(n)
		default:
			p.fail("unknown property %#x of packed streams", id)
		}
	}
}

func (p *parser7z) unpackInfo(s *streams7z) {
	for p.err == nil {
		switch id := p.byte(); id {
		case idEnd:
			return
		case idFolder:
			n := p.count("folders")
			if p.byte() != 0 {
				p.fail("folders in another stream")
			}
			for i := 0; i < n && p.err == nil; i++ {
				s.folders = append(s.folders, p.folder())
			}
		case idUnpackSize:
			for i := range s.folders {
				p.sizes(&s.folders[i])
			}
		case idCRC:
			sums, has := p.digests(len(s.folders))
			for i := range s.folders {
				s.folders[i].crc, s.folders[i].hasCRC = sums[i], has[i]
			}
		default:
			p.fail("unknown property %#x of folders", id)
		}
	}
}

// sizes reads one size for each output of a folder's coders.
func (p *parser7z) sizes(f *folder7z) {
	outs := uint64(0)
	for _, c := range f.coders {
		outs += c.outs
	}
	for range outs {
		if p.err != nil {
			return
		}
		f.sizes = append(f.sizes, p.number())
	}
}

// folder reads coders and how they are connected.
func (p *parser7z) folder() folder7z {
	const most = 32 // coders, and streams of a coder; 7-Zip's own limit
	var f folder7z
	ins, outs := uint64(0), uint64(0)
	n := p.number()
	if n < 1 || n > most {
		p.fail("a folder of %d coders", n)
		return f
	}
	for i := uint64(0); i < n && p.err == nil; i++ {
		flags := p.byte()
		c := coder7z{id: string(p.take(uint64(flags & 0xf))), outs: 1}
		in := uint64(1)
		if flags&0x10 != 0 {
			in, c.outs = p.number(), p.number()
		}
		if flags&0xc0 != 0 || in < 1 || in > most || c.outs < 1 || c.outs > most {
			p.fail("a coder of %d inputs and %d outputs", in, c.outs)
			return f
		}
		if flags&0x20 != 0 {
			c.properties = p.take(p.number())
		}
		ins, outs = ins+in, outs+c.outs
		f.coders = append(f.coders, c)
	}
	for i := uint64(1); i < outs && p.err == nil; i++ {
		p.number()
		f.bound = append(f.bound, p.number())
	}
	if ins+1 < outs {
		p.fail("a folder of %d inputs and %d outputs", ins, outs)
		return f
	}
	f.packed = int(ins + 1 - outs)
	if f.packed > 1 {
		for range f.packed {
			p.number()
		}
	}
	return f
}

// subStreams reads how folders are divided into files.
func (p *parser7z) subStreams(s *streams7z) {
	s.divide()
	total := len(s.folders)
	sized := false
	for p.err == nil {
		id := p.byte()
		switch id {
		case idNumUnpack:
			total = 0
			for i := range s.parts {
				n := p.count("files in a folder")
				if total += n; total > 10*most7z || uint64(n) > most7z {
					p.fail("%d files in folders", total)
					return
				}
				s.parts[i] = make([]part7z, n)
			}
			s.whole()
		case idSize:
			sized = true
			p.partSizes(s)
		case idCRC:
			p.partDigests(s)
		case idEnd:
			if !sized && total > len(s.folders) {
				p.fail("files in folders without sizes")
			}
			return
		default:
			p.fail("unknown property %#x of files in folders", id)
		}
	}
}

// whole gives a folder's size and checksum to its only part.
func (s *streams7z) whole() {
	for i, parts := range s.parts {
		if f := &s.folders[i]; len(parts) == 1 {
			parts[0] = part7z{f.size(), f.crc, f.hasCRC}
		}
	}
}

// partSizes reads the sizes of all parts of a folder but the last, which has the rest.
func (p *parser7z) partSizes(s *streams7z) {
	for i, parts := range s.parts {
		left := s.folders[i].size()
		for j := range parts {
			if j < len(parts)-1 {
				parts[j].size = p.number()
			} else {
				parts[j].size = left
			}
			if parts[j].size > left {
				p.fail("files of more bytes than their folder")
				return
			}
			left -= parts[j].size
		}
	}
}

// partDigests reads the checksums of parts that are not a whole folder whose checksum is known.
func (p *parser7z) partDigests(s *streams7z) {
	var open []*part7z
	for i, parts := range s.parts {
		if len(parts) == 1 && s.folders[i].hasCRC {
			continue
		}
		for j := range parts {
			open = append(open, &parts[j])
		}
	}
	sums, has := p.digests(len(open))
	for i, part := range open {
		part.crc, part.hasCRC = sums[i], has[i]
	}
}
