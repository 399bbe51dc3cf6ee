package scantest

import "strings"

// pickleGadgets calls one dangerous name each: those of published advisories, and one of each family of the lists.
func pickleGadgets() []Case {
	var cases []Case
	for _, name := range strings.Fields(`
		os.system posix.popen nt.system os.execv os.posix_spawn os.startfile os.remove os.kill subprocess.run subprocess.Popen
		subprocess.getoutput _posixsubprocess.fork_exec pty.spawn commands.getoutput popen2.popen2 multiprocessing.Process
		multiprocessing.util.spawnv_passfds asyncio.create_subprocess_shell asyncio.unix_events._UnixSubprocessTransport._start
		asyncio.unix_events._UnixSelectorEventLoop distutils.spawn.spawn setuptools._distutils.spawn.spawn
		numpy.distutils.exec_command.exec_command platform.popen webbrowser.open imaplib.IMAP4_stream uuid._get_command_stdout
		_osx_support._read_output _aix_support._read_cmd_output _pyrepl.pager.pipe_pager test.support.script_helper.assert_python_ok
		ensurepip._run_pip pip.main pip._internal.main venv.create
		builtins.eval builtins.exec builtins.compile builtins.__import__ builtins.breakpoint builtins.print code.interact
		code.InteractiveInterpreter.runcode codeop.compile_command runpy.run_path runpy._run_code importlib.import_module
		importlib._bootstrap_external.SourceFileLoader imp.load_source pkgutil.resolve_name zipimport.zipimporter pydoc.pipepager
		pydoc.locate marshal.loads types.FunctionType types.CodeType types.MethodType cProfile.run cProfile.runctx profile.run
		profile.Profile.run profile.Profile.runctx trace.Trace.run trace.Trace.runctx timeit.timeit bdb.Bdb.run pdb.run
		doctest.debug_script idlelib.run.Executive.runcode idlelib.pyshell.ModifiedInterpreter.runcode
		idlelib.pyshell.ModifiedInterpreter.runcommand idlelib.debugobj.ObjectTreeItem.SetText
		idlelib.autocomplete.AutoComplete.get_entity idlelib.autocomplete.AutoComplete.fetch_completions
		idlelib.calltip.get_entity idlelib.calltip.Calltip.fetch_tip lib2to3.pgen2.grammar.Grammar.loads
		lib2to3.pgen2.pgen.ParserGenerator.make_label turtle.write_docstringdict unittest.mock._importer numpy.f2py.crackfortran.getlincoef
		numpy.f2py.crackfortran.myeval numpy.testing._private.utils.runstring pandas.eval pandas.core.computation.eval.eval
		jinja2.Template
		pickle.loads _pickle.loads cPickle.loads dill.loads cloudpickle.loads joblib.load jsonpickle.decode shelve.open yaml.unsafe_load
		numpy.load numpy.lib.npyio.load pandas.read_pickle torch.load torch.jit.load torch.hub.load torch.package.PackageImporter
		keras.models.load_model tensorflow.load_op_library transformers.dynamic_module_utils.get_class_from_dynamic_module
		_interpreters.create _xxsubinterpreters.run_string concurrent.interpreters.create _testcapi.run_in_subinterp _bootsubprocess.Popen
		argparse.FileType configparser.RawConfigParser.read gettext.c2py pip._vendor.distlib.scripts.ScriptMaker _sitebuiltins._Helper
		aifc.open _sqlite3.connect
		ctypes.CDLL _ctypes.dlopen cffi.FFI mmap.mmap
		builtins.open io.open _io.FileIO io.FileIO shutil.rmtree pathlib.Path.write_text linecache.getline fileinput.input
		distutils.file_util.write_file tarfile.open zipfile.ZipFile sqlite3.connect dbm.open logging.config.fileConfig
		logging.FileHandler site.main tensorflow.io.gfile.copy
		socket.socket ssl.create_default_context urllib.request.urlopen http.server.test ftplib.FTP smtplib.SMTP telnetlib.Telnet
		poplib.POP3 nntplib.NNTP xmlrpc.client.ServerProxy requests.get six.moves.urllib.request.urlopen httpx.get aiohttp.request paramiko.SSHClient
		logging.handlers.HTTPHandler huggingface_hub.hf_hub_download
		atexit.register signal.signal weakref.finalize _thread.start_new_thread sys.settrace sys.addaudithook sys.modules
		builtins.setattr copyreg.add_extension copyreg.pickle
		torch.utils.bottleneck.__main__.run_cprofile torch.utils.bottleneck.__main__.run_autograd_prof torch.utils.collect_env.run
		torch.utils.collect_env.run_and_read_all torch._dynamo.guards.GuardBuilder.get
		torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression torch.jit.unsupported_tensor_ops.execWrapper
		torch.utils._config_module.ConfigModule.load_config torch.utils.data.datapipes.utils.decoder.basichandlers
		torch._inductor.codecache.compile_file torch.distributed.rpc.rpc_sync torch.jit.annotations.parse_type_line
		torch.utils.cpp_extension.load_inline torch.utils.model_dump.get_model_info torch.ops.load_library
		sklearn.datasets.load_files sklearn.utils._testing.assert_run_python_script scipy.io.loadmat joblib.externals.loky.get_reusable_executor
		joblib._memmapping_reducer.JoblibBackend hydra.utils.get_method modelscan.settings.DEFAULT_SETTINGS
		logging.os.system random._os.system torch.os.system numpy.core.multiarray.os.system collections.abc.sys.modules
		collections.OrderedDict.__init__.__globals__ builtins.object.__subclasses__ sklearn.tree._tree.Tree.__class__`) {
		module, function := splitName(name)
		cases = append(cases, evilPickle("calls "+name, pk4(pkCall(pkStack(module, function), pkStr("id")))))
	}
	for _, name := range strings.Fields(`
		builtins.getattr operator.attrgetter functools.partial itertools.starmap builtins.map threading.Thread
		concurrent.futures.ThreadPoolExecutor os.path.join os.environ glob.glob platform.node getpass.getuser pyexpat.ParserCreate
		gc.get_objects locale.setlocale tempfile.mkstemp somewhere.unheard.of __torch__.Net`) {
		module, function := splitName(name)
		cases = append(cases, oddPickle("imports "+name, pk4(pkStack(module, function))))
	}
	return cases
}

// splitName splits a full name where its module ends: names with two parts or more that begin with a class or a module of
// another package are attribute paths.
func splitName(name string) (module, rest string) {
	for _, path := range []string{
		"logging.os.system", "random._os.system", "torch.os.system", "collections.abc.sys.modules", "collections.OrderedDict.__init__.__globals__",
		"builtins.object.__subclasses__",
	} {
		if name == path {
			i := strings.IndexByte(name, '.')
			return name[:i], name[i+1:]
		}
	}
	if head, ok := strings.CutSuffix(name, ".os.system"); ok {
		return head, "os.system"
	}
	parts := strings.Split(name, ".")
	for i, p := range parts[1:] {
		if c := strings.TrimLeft(p, "_"); c != "" && c[0] >= 'A' && c[0] <= 'Z' {
			return strings.Join(parts[:i+1], "."), strings.Join(parts[i+1:], ".")
		}
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], "."), parts[last]
}

// pickleChains reach their function over others.
func pickleChains() []Case {
	getattr := pkStack("builtins", "getattr")
	osModule := pkCall(pkStack("importlib", "import_module"), pkStr("os"))
	system := pkStack("os", "system")
	id := pkStr("id")
	return []Case{
		evilPickle("chain: import_module, getattr, call", pk4(pkCall(pkCall(getattr, osModule, pkStr("system")), id))),
		evilPickle("chain: resolve_name, call", pk4(pkCall(pkCall(pkStack("pkgutil", "resolve_name"), pkStr("os:system")), id))),
		evilPickle("chain: locate, methodcaller", pk4(pkCall(pkCall(pkStack("operator", "methodcaller"), pkStr("system"), id),
			pkCall(pkStack("pydoc", "locate"), pkStr("os"))))),
		evilPickle("chain: attrgetter, call", pk4(pkCall(pkCall(pkCall(pkStack("operator", "attrgetter"), pkStr("system")), osModule), id))),
		evilPickle("chain: partial, call", pk4(pkCall(pkCall(pkStack("functools", "partial"), system, id)))),
		evilPickle("chain: map", pk4(pkCall(pkStack("builtins", "list"), pkCall(pkStack("builtins", "map"), system, "]"+id+"a")))),
		evilPickle("chain: starmap", pk4(pkCall(pkStack("itertools", "starmap"), system, "]"+id+"\x85a"))),
		evilPickle("chain: reduce", pk4(pkCall(pkStack("_functools", "reduce"), system, "]"+id+"a"))),
		evilPickle("chain: operator.call", pk4(pkCall(pkStack("_operator", "call"), system, id))),
		evilPickle("chain: defaultdict of a dangerous factory", pk4(pkCall(pkStack("collections", "defaultdict"), pkStack("builtins", "breakpoint")))),
		evilPickle("chain: sys.modules, getitem, getattr", pk4(pkCall(pkCall(getattr,
			pkCall(pkStack("operator", "getitem"), pkStack("sys", "modules"), pkStr("os")), pkStr("system")), id))),
		evilPickle("chain: getitem of the built-in functions", pk4(pkCall(pkCall(pkStack("operator", "getitem"), pkStack("builtins", "__dict__"), pkStr("eval")), id))),
		evilPickle("chain: the table of built-in functions is changed", pk4(pkStack("builtins", "__dict__")+pkStr("len")+pkStack("builtins", "object")+"s")),
		evilPickle("chain: _ufunc_reconstruct imports a module", pk4(pkCall(pkStack("numpy.core", "_ufunc_reconstruct"), pkStr("os"), pkStr("system")))),
		evilPickle("chain: _rebuild_from_type_v2 calls its first argument", pk4(pkCall(pkStack("torch._tensor", "_rebuild_from_type_v2"),
			system, pkStack("torch", "Tensor"), pkTuple(id), "N"))),
		evilPickle("chain: __newobj__ of a class that acts", pk4(pkCall(pkStack("copyreg", "__newobj__"), pkStack("subprocess", "Popen"), id))),
		evilPickle("chain: type with three arguments makes a class", pk4(pkCall(pkStack("builtins", "type"), pkStr("X"), ")", "}"))),
		evilPickle("chain: payload, then a deliberate error", pk4(pkSystem()+"0"+pkCall(pkStack("builtins", "int"), pkStr("x")))),
		evilPickle("chain: getattr of something that can't be told", pk4(pkCall(getattr, "h\x09", pkStr("x")))),
		evilPickle("chain: setattr plants a method", pk4(pkCall(pkStack("builtins", "setattr"), pkStack("collections", "Counter"), pkStr("__del__"), system))),
		oddPickle("chain: a codec that anybody may register", pk4(pkCall(pkStack("_codecs", "encode"), pkStr("x"), pkStr("rot13")))),
		oddPickle("chain: _reconstructor of an unknown class", pk4(pkCall(pkStack("copyreg", "_reconstructor"), pkStack("somewhere", "C"),
			pkStack("builtins", "object"), "N"))),
		oddPickle("chain: a harmless class is called that should only be made", pk4(pkCall(pkStack("sklearn.linear_model._base", "LinearRegression"), id))),
	}
}
