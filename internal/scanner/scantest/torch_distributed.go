package scantest

import (
	"encoding/binary"
	"hash/crc32"

	"modelgate/internal/threat"
)

// Distributed is a file of a distributed checkpoint: one archive of torch.save behind the other, each of one member data.pkl.
func Distributed(pickles ...string) []byte {
	var out []byte
	for _, p := range pickles {
		out = append(out, distributedPart(p)...)
	}
	return out
}

// distributedPart is a checkpoint of one member, data.pkl, with the ZIP64 records that torch.save always writes.
func distributedPart(content string) []byte {
	le := binary.LittleEndian
	name := "archive/data.pkl"
	local := le.AppendUint32(nil, 0x04034b50)
	local = append(local, make([]byte, 10)...) // version, flags, method, time, date
	sizes := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, crc32.ChecksumIEEE([]byte(content))), uint32(len(content))), uint32(len(content)))
	local = append(local, sizes...)
	local = le.AppendUint32(local, uint32(len(name)))
	local = append(append(local, name...), content...)
	central := le.AppendUint32(nil, 0x02014b50)
	central = append(append(central, make([]byte, 12)...), sizes...)
	central = append(le.AppendUint16(central, uint16(len(name))), make([]byte, 16)...)
	central = append(central, name...)
	out := append(local, central...)
	record := uint64(len(out))
	out = le.AppendUint64(le.AppendUint32(out, 0x06064b50), 44)
	out = append(out, make([]byte, 12)...)
	for _, n := range []uint64{1, 1, uint64(len(central)), uint64(len(local))} {
		out = le.AppendUint64(out, n)
	}
	out = le.AppendUint64(append(le.AppendUint32(out, 0x07064b50), 0, 0, 0, 0), record)
	out = le.AppendUint32(append(le.AppendUint32(out, 1), 0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0), uint32(len(central)))
	return append(le.AppendUint32(out, uint32(len(local))), 0, 0)
}

// distributedCases hide a pickle where readers of a single archive do not look.
func distributedCases() []Case {
	const state, longer = "\x80\x02}X\x01\x00\x00\x00aK\x01s.", "\x80\x02}X\x06\x00\x00\x00longerK\x01s."
	return []Case{
		{
			Name: "torch: a payload in the first archive of a distributed checkpoint", Path: "__0_0.distcp", Bytes: Distributed(harmless, state, state),
			Want: threat.PYTCH100, Level: threat.Malicious,
		},
		{
			Name: "torch: a payload in the last archive of a distributed checkpoint", Path: "__0_0.distcp", Bytes: Distributed(state, longer, harmless),
			Want: threat.PYTCH100, Level: threat.Malicious,
		},
		{
			Name: "torch: other bytes in front of the archives of a distributed checkpoint", Path: "__0_0.distcp", Bytes: append([]byte("\x00\x01"), Distributed(state, state)...),
			Want: threat.MGFMT403, Level: threat.Suspicious,
		},
		{Name: "torch twin: a file of a distributed checkpoint", Path: "__0_0.distcp", Bytes: Distributed(longer, state, state), Twin: true},
	}
}
