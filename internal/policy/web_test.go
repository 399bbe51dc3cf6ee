package policy

import (
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

func TestTheWebServesMoreThanModels(t *testing.T) {
	unknown := finding.New(threat.MGFMT404, 0, "no format")
	unknown.Role = finding.RoleUnknown
	encrypted := finding.New(threat.MGFMT404, 0, "An entry is encrypted.")
	program := finding.New(threat.MGEXE100, 0, "a program")
	evil := finding.New(threat.PKL100, 0, "a call")
	for why, row := range map[string]struct {
		formats  []string
		findings []finding.Finding
		want     model.Outcome
	}{
		"bytes of no known format":              {nil, []finding.Finding{unknown}, model.Allowed},
		"a program":                             {[]string{"executable"}, []finding.Finding{program}, model.Allowed},
		"an archive of programs":                {[]string{"zip", "executable"}, []finding.Finding{program, unknown}, model.Allowed},
		"an archive that cannot be read":        {[]string{"zip"}, []finding.Finding{encrypted}, model.Blocked},
		"a model with a program in it":          {[]string{"zip", "safetensors", "executable"}, []finding.Finding{program}, model.Blocked},
		"a model with strange bytes in it":      {[]string{"zip", "onnx"}, []finding.Finding{unknown}, model.Blocked},
		"a program and a pickle that does harm": {[]string{"tar", "executable", "pickle"}, []finding.Finding{program, evil}, model.Blocked},
	} {
		report := finding.FileReport{Formats: row.formats, Coverage: finding.Analysed}
		for _, f := range row.findings {
			report.Add(f)
		}
		version := model.Version{Source: model.Web, Name: "https://site.example/x", Revision: "1"}
		files := []finding.NamedReport{{Path: "x", Report: report}}
		j := Evaluate(DefaultGroup(Balanced, model.Web), finding.Report{Version: version, Files: files}, model.Metadata{})
		if j.Outcome != row.want {
			t.Errorf("%s: %s, want %s", why, j.Outcome, row.want)
		}
		version.Source = model.S3
		if j := Evaluate(DefaultGroup(Balanced, model.S3), finding.Report{Version: version, Files: files}, model.Metadata{}); j.Outcome != model.Blocked {
			t.Errorf("%s in a bucket of models: %s", why, j.Outcome)
		}
	}
}
