package scantest

import "modelgate/internal/threat"

// nemoArchive is a tar of a configuration, a checkpoint and further members.
func nemoArchive(config string, checkpoint []byte, members ...TarEntry) []byte {
	return BuildTar(append([]TarEntry{{Name: "./model_config.yaml", Content: []byte(config)}, {Name: "./model_weights.ckpt", Content: checkpoint}}, members...)...)
}

// nemoCases are models of NeMo whose configuration, checkpoint or archive does more than to hold weights.
func nemoCases() []Case {
	const plain = "target: nemo.collections.asr.models.EncDecCTCModel\npreprocessor:\n  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor\n" +
		"optim:\n  _target_: torch.optim.AdamW\n  name: os.system\ntokenizer:\n  dir: tokenizer\n  model_path: nemo:tokenizer.model\n"
	one := func(name, path string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	honest, evil := pk4("}"), pk4(pkSystem())
	vocabulary := TarEntry{Name: "./tokenizer.model", Content: SentencePiece("<unk>", "the", "▁a")}
	return []Case{
		one("twin: nemo: a model with its tokenizer", "model.nemo", "", threat.Clean, nemoArchive(plain, honest, vocabulary)),
		one("twin: nemo: a compressed model", "model.nemo", "", threat.Clean, Gzip(nemoArchive(plain, honest, vocabulary))),
		one("nemo: CVE-2025-23304: a target that is a function of the system", "model.nemo", threat.EXDIR100, threat.Malicious,
			nemoArchive(plain+"decoder:\n  _target_: os.system\n  command: id\n", honest)),
		one("nemo: CVE-2025-23304 in a compressed model", "model.nemo", threat.EXDIR100, threat.Malicious,
			Gzip(nemoArchive(plain+"decoder:\n  _target_: subprocess.Popen\n", honest))),
		one("nemo: a target that nobody knows", "model.nemo", threat.EXDIR101, threat.Suspicious, nemoArchive(plain+"decoder:\n  _target_: company.models.Decoder\n", honest)),
		one("nemo: CVE-2025-33253: a checkpoint that runs a program", "model.nemo", threat.PKL100, threat.Malicious, nemoArchive(plain, evil)),
		one("nemo: CVE-2025-23249: a pickle as the vocabulary", "model.nemo", threat.PKL100, threat.Malicious, nemoArchive(plain, honest, TarEntry{Name: "./tokenizer.pkl", Content: evil})),
		one("nemo: CVE-2025-23250: a member that leaves the archive", "model.nemo", threat.ARV100, threat.Malicious, nemoArchive(plain, honest, TarEntry{Name: "../../evil.py", Content: []byte("x = 1\n")})),
		one("nemo: CVE-2025-23360: a member that is written through a link", "model.nemo", threat.ARV100, threat.Malicious,
			nemoArchive(plain, honest, TarEntry{Name: "./out", Type: '2', Link: "/etc"}, TarEntry{Name: "./out/cron", Content: []byte("x")})),
		one("nemo: a tag of Python in the configuration", "model.nemo", threat.EXDIR100, threat.Malicious, nemoArchive(plain+"x: !!python/object/apply:os.system [id]\n", honest)),
	}
}
