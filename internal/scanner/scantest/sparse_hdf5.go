package scantest

import (
	"fmt"

	"modelgate/internal/scanner/source/hdf5"
)

// SparseHDF5 is a file of weights of so many equal datasets of zeros, each behind its header, as h5py writes them: metadata lie all
// over the file.
func SparseHDF5(size int64, datasets int) *Sparse {
	s := &Sparse{}
	s.add(make([]byte, 96))
	each := uint64(size) / uint64(datasets) / 4096 * 4096
	w := &h5Writer{}
	// put writes an object header where the file ends now, and returns its address.
	put := func(all []H5Message) uint64 {
		at := uint64(s.Length)
		w.buf = nil
		w.header(all, false)
		s.add(w.buf)
		return at
	}
	links := []H5Message{{Type: hdf5.MsgLinkInfo, Data: le(uint8(0), uint8(0), uint64(h5None), uint64(h5None))}}
	for i := range datasets {
		const header = 256 // more than a header takes
		at := put([]H5Message{
			{Type: hdf5.MsgDataspace, Data: w.space([]uint64{each / 4})},
			{Type: hdf5.MsgDatatype, Flags: 1, Data: FloatType()},
			{Type: hdf5.MsgLayout, Data: le(uint8(3), uint8(1), uint64(s.Length+header), each)},
		})
		s.gap(int64(at) + header - s.Length + int64(each))
		links = append(links, H5Message{Type: hdf5.MsgLink, Data: linkMessage(H5Link{Name: fmt.Sprintf("kernel:%d", i)}, at)})
	}
	names := []H5Message{{Type: hdf5.MsgAttribute, Data: w.attribute(H5Attribute{Name: "layer_names", Value: "dense", Dims: []uint64{1}})}}
	root := put(append(names, links...))
	super := sum(le([]byte(hdf5.Signature), []byte{3, 8, 8, 0}, uint64(0), uint64(h5None), uint64(s.Length), root))
	copy(s.Parts[0], super)
	return s
}
