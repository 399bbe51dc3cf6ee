package scantest

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"modelgate/internal/threat"
)

// xgbJSON is a model of one tree of three nodes.
func xgbJSON(left, right string) string {
	return `{"learner": {"attributes": {"note": "os.system is but a word"}, "gradient_booster": {"model": {"trees": [{"left_children": ` + left +
		`, "right_children": ` + right + `, "split_conditions": [0.5, 1E0, -1E0]}]}, "name": "gbtree"}, "objective": {"name": "binary:logistic"}}, "version": [3, 2, 0]}`
}

// ubKey is a key of UBJSON.
func ubKey(s string) string {
	return "L" + string(binary.BigEndian.AppendUint64(nil, uint64(len(s)))) + s
}

// ubInts is a list of 32-bit integers.
func ubInts(v ...uint32) string {
	out := "[$l#L" + string(binary.BigEndian.AppendUint64(nil, uint64(len(v))))
	for _, n := range v {
		out += string(binary.BigEndian.AppendUint32(nil, n))
	}
	return out
}

// xgbUBJSON is the same model in UBJSON.
func xgbUBJSON(left, right string) []byte {
	tree := "{" + ubKey("left_children") + left + ubKey("right_children") + right + ubKey("note") + "Si\x02hi" + "}"
	return []byte("{" + ubKey("learner") + "{" + ubKey("trees") + "[" + tree + "]}" + ubKey("version") + "[#i\x03i\x03i\x02i\x00" + "}")
}

// xgbBinary is a model of one tree in the binary form.
func xgbBinary(child uint32) []byte {
	le := binary.LittleEndian
	out := append([]byte("binf"), make([]byte, 136)...)
	out[4+3] = 0x3f
	for _, s := range []string{"binary:logistic", "gbtree"} {
		out = append(le.AppendUint64(out, uint64(len(s))), s...)
	}
	out = append(append(out, words(1)...), make([]byte, 156)...)
	out = append(append(out, words(1, 3)...), make([]byte, 140)...)
	for _, node := range [][3]uint32{{0xffffffff, child, 2}, {0, 0xffffffff, 0xffffffff}, {0, 0xffffffff, 0xffffffff}} {
		out = append(out, words(node[0], node[1], node[2], 0, 0)...)
	}
	return append(append(out, make([]byte, 3*16)...), words(0)...)
}

// lightText is a model of LightGBM with one tree and further lines.
func lightText(more string) string {
	return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=binary sigmoid:1\n" +
		"feature_names=os.system __import__\nfeature_infos=[0:1] none\ntree_sizes=120\n\n" +
		"Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=0.5\ndecision_type=2\nleft_child=-1\nright_child=-2\n" +
		"leaf_value=0.1 -0.1\nleaf_count=5 5\nshrinkage=1\n\n\n" + more
}

const lightEnd = "end of trees\n\nfeature_importances:\nos.system=1\n\nparameters:\n[boosting: gbdt]\n[data: /home/a/train.csv]\n[input_model: ]\nend of parameters\n\npandas_categorical:[[\"a\", \"b\"]]\n"

// treeCases are boosted trees of XGBoost and LightGBM.
func treeCases() []Case {
	one := func(name, path string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	pickle := pk4(pkSystem())
	left, right := "[1, -1, -1]", "[2, -1, -1]"
	minus := uint32(0xffffffff)
	uLeft, uRight := ubInts(1, minus, minus), ubInts(2, minus, minus)
	coded := func(model []byte) []byte {
		return []byte("bs64\t" + base64.StdEncoding.EncodeToString(model[4:]) + "\n")
	}
	long := strings.Replace(string(xgbUBJSON(uLeft, uRight)), "[$l#L\x00\x00", "[$l#L\x7f\x00", 1)
	return []Case{
		one("twin: xgboost: a model in JSON", "model.json", "", threat.Clean, []byte(xgbJSON(left, right))),
		one("xgboost: a child that is no node, in JSON", "model.json", threat.MGFMT400, threat.Suspicious, []byte(xgbJSON("[1, 70000, -1]", right))),
		one("xgboost: a tree with one child too few, in JSON", "model.json", threat.MGFMT400, threat.Suspicious, []byte(xgbJSON(left, "[2, -1]"))),
		one("xgboost: a key that stands twice", "model.json", threat.MGFMT403, threat.Suspicious, []byte(strings.Replace(xgbJSON(left, right), `"version"`, `"learner": {}, "version"`, 1))),
		one("xgboost: JSON that goes on behind its end", "model.json", threat.MGFMT400, threat.Suspicious, []byte(xgbJSON(left, right)+` {"a": 1}`)),
		one("xgboost: JSON nested without end", "model.json", threat.MGFMT400, threat.Suspicious, []byte(`{"version": 1, "learner": `+strings.Repeat("[", 300)+strings.Repeat("]", 300)+"}")),
		one("twin: xgboost: a model in UBJSON", "model.ubj", "", threat.Clean, xgbUBJSON(uLeft, uRight)),
		one("xgboost: a child that is no node, in UBJSON", "model.ubj", threat.MGFMT400, threat.Suspicious, xgbUBJSON(ubInts(7, minus, minus), uRight)),
		one("xgboost: a list of more numbers than any file has", "model.ubj", threat.MGFMT400, threat.Suspicious, []byte(long)),
		one("xgboost: a pickle behind UBJSON", "model.ubj", threat.PKL100, threat.Malicious, append(xgbUBJSON(uLeft, uRight), pickle...)),
		one("twin: xgboost: a model in the binary form", "model.bin", "", threat.Clean, xgbBinary(1)),
		one("xgboost: a child that is no node, in the binary form", "model.bin", threat.MGFMT400, threat.Suspicious, xgbBinary(9)),
		one("xgboost: a pickle behind the binary form", "model.bin", threat.PKL100, threat.Malicious, append(xgbBinary(1), pickle...)),
		one("twin: xgboost: a model in base64", "model.txt", "", threat.Clean, coded(xgbBinary(1))),
		one("xgboost: a pickle behind a model in base64", "model.txt", threat.PKL100, threat.Malicious, coded(append(xgbBinary(1), pickle...))),
		one("xgboost: a pickle under the name of a model", "model.ubj", threat.PKL100, threat.Malicious, pickle),
		one("twin: lightgbm: a model", "model.txt", "", threat.Clean, []byte(lightText(lightEnd))),
		one("twin: lightgbm: a model without parameters", "model.txt", "", threat.Clean, []byte(lightText("end of trees\n\npandas_categorical:null\n"))),
		one("lightgbm: a line that is none", "model.txt", threat.MGFMT400, threat.Suspicious, []byte(lightText("import os\n"+lightEnd))),
		one("lightgbm: a child that is no node", "model.txt", threat.MGFMT400, threat.Suspicious, []byte(strings.Replace(lightText(lightEnd), "left_child=-1", "left_child=900", 1))),
		one("lightgbm: a feature that is none", "model.txt", threat.MGFMT400, threat.Suspicious, []byte(strings.Replace(lightText(lightEnd), "split_feature=0", "split_feature=70", 1))),
		one("lightgbm: a model that breaks off", "model.txt", threat.MGFMT400, threat.Suspicious, []byte(lightText(""))),
		one("lightgbm: bytes behind the model", "model.txt", threat.MGFMT402, threat.Suspicious, append([]byte(lightText(lightEnd)), 0, 1, 2, 3)),
		one("lightgbm: a pickle behind the model", "model.txt", threat.PKL100, threat.Malicious, append([]byte(lightText(lightEnd)), pickle...)),
		one("lightgbm: categories that are no JSON", "model.txt", threat.MGFMT400, threat.Suspicious, []byte(lightText("end of trees\n\npandas_categorical:[__import__('os')]\n"))),
		one("lightgbm: a pickle under the name of a model", "model.lgb", threat.PKL100, threat.Malicious, pickle),
		one("twin: lightgbm: a dump in JSON", "model.json", "", threat.Clean, []byte(`{"name": "tree", "version": "v4", "num_class": 1, "feature_names": ["eval"], "tree_info": [{"tree_index": 0, "tree_structure": {"split_index": 0, "left_child": {"leaf_value": 1}, "right_child": {"leaf_value": 2}}}]}`)),
		one("lightgbm: a key that stands twice in a dump", "model.json", threat.MGFMT403, threat.Suspicious, []byte(`{"name": "tree", "version": "v4", "tree_info": [], "tree_info": [1]}`)),
	}
}
