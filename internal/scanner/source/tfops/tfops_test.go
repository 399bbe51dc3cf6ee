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
