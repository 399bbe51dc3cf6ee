package keras

import (
	"testing"

	"modelgate/internal/scanner/scantest"
)

func scan(t *testing.T, text string) *scantest.Recorder {
	t.Helper()
	var r scantest.Recorder
	f := scantest.NewFile([]byte(text))
	f.Family = "keras"
	if err := Scan(t.Context(), f, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestX(t *testing.T) {
	for _, s := range []string{
		`{"module":"os","class_name":"function","config":"system"}`,
		`{"class_name":"Dense","config":{"activation":"relu","kernel_initializer":{"class_name":"GlorotUniform","config":{}}}}`,
		`{"class_name":"Dense","config":{"activation":"my_act"}}`,
		`{"module":"keras.utils","class_name":"function","config":"get_file"}`,
		`{"module":"keras","class_name":"utils.get_file","config":{}}`,
		`{"class_name":"Lambda","config":{"function":["4wEAAAA=", null, null],"function_type":"lambda"}}`,
	} {
		r := scan(t, s)
		t.Log(s)
		for _, f := range r.Findings {
			t.Log("   ", f.Threat, f.Description)
		}
	}
}
