package tfops

import "testing"

func TestClasses(t *testing.T) {
	for op, want := range map[string]Class{
		"WriteFile": Writes, "SaveV2": Saves, "EagerPyFunc": HostCode, "DebugIdentityV3": Network, "RemoteCall": Remote, "ReadFile": Reads,
		"RestoreV2": Restores, "TPUExecute": Opaque, "DecodeProtoV2": Parses, "PrintV2": Prints, "Abs": Harmless,
		"": Unknown, "writefile": Unknown, "WriteFile ": Unknown, "NoSuchOperator": Unknown,
	} {
		if got := ClassOf(op); got != want {
			t.Errorf("%q %v, want one that %v", op, got, want)
		}
	}
}

func TestAnOperatorHasOneClass(t *testing.T) {
	seen := map[string]Class{}
	for _, row := range table() {
		for _, op := range row.ops {
			if other, twice := seen[op]; twice {
				t.Errorf("%s %v and %v", op, other, row.class)
			}
			seen[op] = row.class
		}
	}
}

// TestEveryClassedOperatorIsRegistered holds the classes to the names that TensorFlow and the libraries register: a name that is
// misspelled here would never be found in a model. Operators that only builds for devices register are in no package at hand.
func TestEveryClassedOperatorIsRegistered(t *testing.T) {
	device := map[string]bool{"TRTEngineOp": true, "InitializeTRTResource": true, "SerializeTRTResource": true, "NeuronOp": true, "IPUCustomOp": true}
	for _, row := range table() {
		for _, op := range row.ops {
			if !operators.Has(op) && !device[op] {
				t.Errorf("%s, which %v, is registered nowhere", op, row.class)
			}
		}
	}
	if operators.Len() < 2000 {
		t.Errorf("only %d operators are known", operators.Len())
	}
}
