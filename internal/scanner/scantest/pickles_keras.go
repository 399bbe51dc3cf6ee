package scantest

import "modelgate/internal/threat"

// kerasUnpickle is the bound method by which Keras 3 pickles a model.
func kerasUnpickle(module, class string) string {
	return pkCall(pkStack("builtins", "getattr"), pkStack(module, class), pkStr("_unpickle_model"))
}

// pkFile is a file in memory.
func pkFile(content string) string {
	return pkStack("_io", "BytesIO") + ")\x81" + pkTuple(content, "K\x00", "N") + "b"
}

// pickleKeras are models of Keras as pickles have them: what loads them loads whatever its argument holds.
func pickleKeras() []Case {
	sequential := kerasUnpickle("keras.src.models.sequential", "Sequential")
	inner := pkBytes(pk4(pkSystem()))
	bytecode := pkStack("tf_keras.src.saving.pickle_utils", "deserialize_model_from_bytecode")
	file := pkStack("_io", "BytesIO")
	return []Case{
		evilPickle("keras: a model whose file runs code", pk4(pkCall(sequential, pkFile(inner)))),
		evilPickle("keras: the same, its file made by a call", pk4(pkCall(sequential, pkCall(file, inner)))),
		evilPickle("keras: a model of Keras 2 whose bytes run code", pk4(pkCall(bytecode, inner))),
		oddPickle("keras: a model whose file is nothing that is known", pk4(pkCall(sequential, pkFile(pkBytes([]byte("nothing at all")))))),
		oddPickle("keras: a model of Keras 2 whose bytes are nothing that is known", pk4(pkCall(bytecode, pkBytes([]byte("nothing at all"))))),
		oddPickle("keras: a model without a file", pk4(pkCall(sequential))),
		oddPickle("keras: a file that comes back from the memo", pk4(file+")\x81\x94"+pkTuple(pkBytes(pk4("K\x01")), "K\x00", "N")+"b0"+pkCall(sequential, "h\x00"))),
		oddPickle("keras: a model of a class that Keras does not have", pk4(pkCall(kerasUnpickle("keras.src.models.sequential", "Nothing"), pkFile(pkBytes(pk4("K\x01")))))),
		oddPickle("keras: a model of somebody's own class", pk4(pkCall(kerasUnpickle("__main__", "Net"), pkFile(pkBytes(pk4("K\x01")))))),
		evilPickle("keras: an object of a configuration", pk4(pkCall(pkStack("keras.src.saving.serialization_lib", "deserialize_keras_object"), "}"))),
		evilPickle("keras: an object of a configuration, by Keras 2", pk4(pkCall(pkStack("tf_keras.src.saving.serialization_lib", "deserialize_keras_object"), "}"))),
		evilPickle("keras: a lambda made by its constructor", pk4(pkCall(pkStack("keras.src.layers.core.lambda_layer", "Lambda"), pkStack("numpy", "mean")))),
		evilPickle("keras: a model by its path", pk4(pkCall(pkStack("keras.models", "load_model"), pkStr("http://192.0.2.1/m.keras")))),
		twinPickle("keras: an optimizer's parts", pk4(pkStack("keras.src.regularizers.regularizers", "L2")+")\x81}"+pkStr("l2")+"K\x01sb")),
		oddPickle("dill: the variables of the program", pk4("c__builtin__\n__main__\n")),
		evilPickle("dill: a variable of the program is set", pk4("c__builtin__\n__main__\n"+pkStr("print")+"K\x01s")),
	}
}

// pickledArchives are archives of Keras inside pickles, in whose files the engine looks.
func pickledArchives(honest, evil []byte) []Case {
	sequential := kerasUnpickle("keras.src.models.sequential", "Sequential")
	old := func(archive []byte) []byte { // as protocol 2 writes it
		return []byte("\x80\x02c__builtin__\ngetattr\nckeras.src.models.sequential\nSequential\nX\x0f\x00\x00\x00_unpickle_model\x86Rc_io\nBytesIO\n)\x81" +
			"c_codecs\nencode\n" + pkStr(latin1(archive)) + pkStr("latin1") + "\x86RK\x00N\x87b\x85R.")
	}
	return []Case{
		{Name: "keras: a pickled model, a lambda", Path: "model.pkl", Bytes: pk4(pkCall(sequential, pkFile(pkBytes(evil)))), Want: threat.KERAS101, Level: threat.Malicious},
		{Name: "keras: a pickled model of protocol 2, a lambda", Path: "model.pkl", Bytes: old(evil), Want: threat.KERAS101, Level: threat.Malicious},
		{
			Name: "keras: a pickled model, an archive behind other bytes", Path: "model.pkl", Bytes: pk4(pkCall(sequential, pkFile(pkBytes(append([]byte("other bytes"), evil...))))),
			Want: threat.PKL101, Level: threat.Suspicious,
		},
		{Name: "keras: a pickled model, twin", Path: "model.pkl", Bytes: pk4(pkCall(sequential, pkFile(pkBytes(honest)))), Level: threat.Clean, Twin: true},
		{Name: "keras: a pickled model of protocol 2, twin", Path: "model.pkl", Bytes: old(honest), Level: threat.Clean, Twin: true},
	}
}
