package api

import (
	"strings"
	"testing"
)

func TestHubRepoNamesARepository(t *testing.T) {
	long := strings.Repeat("a", 96)
	for uri, good := range map[string]bool{
		"hf://org/name": true, "hf://" + long + "/" + long: true, "https://huggingface.co/" + long: true,
		"hf://org/" + long + "a": false, "https://huggingface.co/" + long + "a/name": false, "https://huggingface.co/": false,
		"hf://org/name/more": false, "hf://org/na..me": false, "hf://org/na--me": false, "https://huggingface.co/na me": false,
	} {
		if _, err := hubRepo(uri); (err == nil) != good {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
