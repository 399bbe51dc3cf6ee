package scanner

import "modelgate/internal/scanner/hdf5"

// hdf5Rows are the rows of HDF5 and of what Keras keeps in it. A file is of exactly one of them.
func hdf5Rows() []Format {
	const links = "links, storage and virtual datasets that read other files, filters that load plug-ins, user blocks, values that are pickles or programs, contradictions"
	const limits = "numbers are not read; of bytes and texts, datasets up to 4 MiB are, and 64 MiB of a file"
	return []Format{
		{
			Name: "keras_legacy_h5", Title: "Keras 1 and 2 models in HDF5 (also keras_legacy)", Version: 2,
			Recognised: "HDF5 with the attribute model_config and no keras_version from 3 on",
			Threats:    "the configuration, by the rules for Keras; " + links, Limits: limits,
			Probe: hdf5.ProbeLegacy, Scan: hdf5.Scan,
		},
		{
			Name: "keras3_h5", Title: "Keras 3 models in HDF5", Version: 2,
			Recognised: "HDF5 with the attribute model_config and a keras_version from 3 on",
			Threats:    "the configuration, by the rules for Keras; " + links, Limits: limits,
			Probe: hdf5.ProbeKeras3, Scan: hdf5.Scan,
		},
		{
			Name: "keras_weights", Title: "Keras weights in HDF5", Version: 2,
			Recognised: "HDF5 with the attribute layer_names, or with groups vars of numbered variables",
			Threats:    links, Limits: limits,
			Probe: hdf5.ProbeWeights, Scan: hdf5.Scan,
		},
		{
			Name: "hdf5", Title: "HDF5", Version: 2,
			Recognised: "signature at 0, 512, 1024 and so on",
			Threats:    links, Limits: limits,
			Probe: hdf5.ProbePlain, Scan: hdf5.Scan,
		},
	}
}
