package hdf5

import "modelgate/internal/scanner/source"

// Superblock says where everything else begins.
type Superblock struct {
	At      int64 // in the stream: addresses count from here
	Version uint8
	// AddrSize and LengthSize are the sizes in bytes of addresses and lengths.
	AddrSize, LengthSize int
	// Base is where the file says that addresses count from. The library takes At whatever it says, others believe it.
	Base uint64
	// End is the address behind the last byte that belongs to the file.
	End uint64
	// Root is the address of the root group's object header.
	Root uint64
	// Extension is the address of an object header with further settings, Driver that of settings of a storage driver: a file
	// that has one may be only a part. Both may be Undefined.
	Extension, Driver uint64
}

// superblock reads the superblock at f.Super.At.
func (f *File) superblock() error {
	const most = 8 + 8 + 8 + 4*32 + 2*32 + 24 + 4 // with addresses of 32 bytes
	f.Super.AddrSize, f.Super.LengthSize = 8, 8
	b, err := f.block(0, uint64(min(most, f.size-f.Super.At)))
	if err != nil {
		return err
	}
	d := f.decode(b, f.Super.At)
	if string(d.take(8)) != Signature {
		return source.Malformedf(f.Super.At, "no superblock")
	}
	s := &f.Super
	s.Extension, s.Driver = Undefined, Undefined
	s.Version = d.version("the superblock", 0, 3)
	if s.Version < 2 {
		d.skip(4) // versions of free space and symbol table, a reserved byte, version of shared messages
	}
	s.AddrSize, s.LengthSize = int(d.u8()), int(d.u8())
	if d.err == nil && (!sized(s.AddrSize) || !sized(s.LengthSize)) {
		d.fail("addresses of %d and lengths of %d bytes", s.AddrSize, s.LengthSize)
		s.AddrSize, s.LengthSize = 8, 8
	}
	if s.Version < 2 {
		d.skip(1 + 2 + 2 + 4) // reserved, sizes of nodes, flags
		if s.Version == 1 {
			d.skip(4) // size of nodes of chunk indexes, reserved
		}
		s.Base = d.addr()
		d.addr() // free space
		s.End = d.addr()
		s.Driver = d.addr()
		d.length() // offset of the root's name
		s.Root = d.addr()
	} else {
		d.skip(1) // flags
		s.Base, s.Extension, s.End, s.Root = d.addr(), d.addr(), d.addr(), d.addr()
		d.sum("the superblock")
	}
	if d.err != nil {
		return d.err
	}
	// The stated end moves with the base, if the file does not lie where it was written for.
	if base := s.Base; base <= s.End && s.End != Undefined {
		s.End -= base
	}
	return nil
}

// sized tells whether a size of addresses or lengths is one that the library takes.
func sized(n int) bool { return n == 2 || n == 4 || n == 8 || n == 16 || n == 32 }
