package torch

import (
	"encoding/json"
	"path"
	"strings"
)

// maxConfig is the largest list of weights that is read, in bytes.
const maxConfig = 16 << 20

// weightsConfig is how an exported program (torch.export.pt2_archive) lists its weights and constants, in members
// data/weights/NAME_weights_config.json and data/constants/NAME_constants_config.json.
type weightsConfig struct {
	Config map[string]struct {
		PathName  string `json:"path_name"`
		UsePickle bool   `json:"use_pickle"`
	} `json:"config"`
}

// exported notes the members that an exported program calls raw weights. Whoever lists them could lie, so they are looked at
// all the same; what nothing recognises is what it is said to be.
func (z *zipped) exported() error {
	for _, e := range z.view.Entries {
		name := e.Name()
		if !strings.HasSuffix(name, "_weights_config.json") && !strings.HasSuffix(name, "_constants_config.json") {
			continue
		}
		text, err := z.view.Content(e, maxConfig)
		if err != nil {
			return err
		}
		var list weightsConfig
		if json.Unmarshal(text, &list) != nil {
			continue // then nothing is accounted for
		}
		for _, w := range list.Config {
			if !w.UsePickle && plainKey(w.PathName) { // beside the list, nowhere else
				z.raw[path.Dir(name)+"/"+w.PathName] = true
			}
		}
	}
	return nil
}
