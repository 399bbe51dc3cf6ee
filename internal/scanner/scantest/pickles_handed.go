package scantest

// pickleHanded never call what acts: they hand it to something harmless that will, or set it behind the back of a call that
// was judged already. Each is followed by its twin, as libraries write it.
func pickleHanded() []Case {
	partial := pkStack("functools", "partial")
	list := pkStack("builtins", "list")
	ufunc := pkStack("numpy.core", "_ufunc_reconstruct")
	mean := pkStack("numpy", "mean")
	state := func(fn string, args ...string) string { return pkTuple(fn, pkTuple(args...), "}", "N") + "b" }
	os := pkCall(partial, list) + state(ufunc, pkStr("os"), pkStr("system"))
	dict := pkStack("collections", "defaultdict")
	transformer := func(fn string) string {
		return pkStack("sklearn.preprocessing._function_transformer", "FunctionTransformer") + ")\x81}" + pkStr("func") + fn + "sb"
	}
	rebuild := pkStack("torch._tensor", "_rebuild_from_type_v2")
	tensor := pkStack("torch", "Tensor")
	objects := pkCall(pkStack("numpy", "dtype"), pkStr("O8"), "\x89", "\x88")
	array := pkStack("numpy", "ndarray")
	bits := pkStack("numpy.random._pickle", "__bit_generator_ctor")
	generator := pkStack("numpy.random._pickle", "__generator_ctor")
	million := pkCall(pkStack("builtins", "range"), "J\x40\x42\x0f\x00")
	deque := pkStack("collections", "deque")
	return []Case{
		oddPickle("handed: a partial gets another function by BUILD", pk4(os)),
		evilPickle("handed: a partial that got another function by BUILD is called", pk4(pkCall(os))),
		evilPickle("handed: a partial gets by BUILD what such a partial returned", pk4(pkCall(pkCall(partial, list)+state(pkCall(os), pkStr("id"))))),
		twinPickle("a partial gets its own function by BUILD", pk4(pkCall(partial, mean)+pkTuple(mean, ")", "}"+pkStr("axis")+"K\x00s", "N")+"b")),
		twinPickle("a partial of defaultdict, as factory", pk4(pkCall(dict, pkCall(partial, dict)+state(dict, list)))),
		oddPickle("handed: a partial of defaultdict with a factory of its own", pk4(pkCall(dict, pkCall(partial, dict)+state(dict, ufunc)))),
		oddPickle("handed: a function that is harmless for some arguments becomes a step of a pipeline", pk4(transformer(ufunc))),
		evilPickle("handed: what _ufunc_reconstruct returns, which is no universal function", pk4(transformer(
			pkCall(ufunc, pkStr("numpy"), pkStr("load"))))),
		evilPickle("handed: a module that NumPy imports", pk4(transformer(pkCall(ufunc, pkStr("numpy"), pkStr("os"))))),
		oddPickle("handed: a function of NumPy that calls others", pk4(transformer(pkCall(ufunc, pkStr("numpy"), pkStr("frompyfunc"))))),
		twinPickle("a universal function that is on no list", pk4(transformer(pkCall(ufunc, pkStr("numpy"), pkStr("heaviside"))))),
		twinPickle("a step of a pipeline", pk4(transformer(mean))),
		evilPickle("handed: _rebuild_from_type_v2 calls itself with a function", pk4(pkCall(rebuild, rebuild, tensor,
			pkTuple(ufunc, tensor, pkTuple(pkStr("os"), pkStr("system")), "N"), "N"))),
		oddPickle("handed: a function to numpy's generator", pk4(pkCall(generator, pkStr("id"), pkStack("logging", "getLogger")))),
		oddPickle("handed: a class to numpy's generator", pk4(pkCall(bits, pkStack("argparse", "Namespace")))),
		twinPickle("numpy's generators", pk4("]("+pkCall(generator, pkStr("PCG64"), bits)+pkCall(generator, pkCall(bits, pkStack("numpy.random._pcg64", "PCG64")))+"e")),
		oddPickle("an array of objects over bytes of the stream", pk4(pkCall(array, pkTuple("K\x01"), objects, pkBytes([]byte("AAAAAAAA"))))),
		oddPickle("the same by NEWOBJ", pk4(array+pkTuple(pkTuple("K\x01"), objects, pkBytes([]byte("AAAAAAAA")))+"\x81")),
		oddPickle("the same by NEWOBJ_EX", pk4(array+pkTuple(pkTuple("K\x01"))+"}"+pkStr("buffer")+pkBytes([]byte("AAAAAAAA"))+"s\x92")),
		twinPickle("an array without memory of its own", pk4(pkCall(array, pkTuple("K\x01"), objects))),
		oddPickle("a container of a range", pk4(pkCall(deque, million))),
		oddPickle("a container of a range, backwards", pk4(pkCall(list, pkCall(pkStack("builtins", "reversed"), million)))),
		twinPickle("a container of a list", pk4(pkCall(deque, "](K\x01K\x02e", "K\x05"))),
	}
}

// pickleLibraryTwins are what libraries write and no rule may take for more.
func pickleLibraryTwins() []Case {
	randint := pkStack("scipy.stats._discrete_distns", "randint_gen") + ")\x81}b\x94"
	return []Case{
		twinPickle("a distribution of SciPy", pk4(randint+"}"+pkStr("vecentropy")+pkStack("numpy", "vectorize")+")\x81}"+pkStr("pyfunc")+
			pkCall(pkStack("builtins", "getattr"), "h\x00", pkStr("_entropy"))+"sbs")),
		oddPickle("another method of a distribution of SciPy", pk4(randint+pkCall(pkStack("builtins", "getattr"), "h\x00", pkStr("fit")))),
		twinPickle("constants and classes as dill writes them", pk4("]("+pkCall(pkStack("dill._dill", "_eval_repr"), pkStr("range(0, 3)"))+
			pkCall(pkCall(pkStack("dill._dill", "_load_type"), pkStr("slice")), "K\x01", "K\x02", "N")+"e")),
		evilPickle("source that dill evaluates", pk4(pkCall(pkStack("dill._dill", "_eval_repr"), pkStr("range(0, 3) and print()")))),
		oddPickle("a class of dill that makes functions", pk4(pkCall(pkStack("dill._dill", "_load_type"), pkStr("FunctionType")))),
		twinPickle("an index of intervals", pk4(pkCall(pkStack("pandas.core.indexes.interval", "_new_IntervalIndex"), pkStack("pandas", "IntervalIndex"), "}"))),
		twinPickle("an array of characters", pk4(pkCall(pkStack("numpy._core.multiarray", "_reconstruct"), pkStack("numpy.char", "chararray"), pkTuple("K\x00"), pkBytes([]byte("b"))))),
	}
}
