package pickle

import "strings"

// The lists of dangerous names. A name stands for itself, for what hangs on it (a class for its methods) and for its twin
// with underscores; a module for all that is in it and below it.

// words makes a set of words.
func words(texts ...string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		for _, w := range strings.Fields(text) {
			set[w] = true
		}
	}
	return set
}

// dangerousModules are those of which no model needs anything, and of which much runs, writes, calls out or loads.
var dangerousModules = words(
	// Processes and shells.
	`os posix nt subprocess posixsubprocess bootsubprocess winapi pty commands popen2 pexpect ptyprocess sh plumbum fabric invoke
	multiprocessing distutils setuptools pkg_resources numpy.distutils webbrowser pyrepl osx_support aix_support
	test.support test.libregrtest ensurepip pip venv virtualenv msilib winreg antigravity asyncio.unix_events asyncio.windows_events
	asyncio.base_subprocess asyncio.subprocess asyncio.events asyncio.base_events asyncio.runners pipes`,
	// Code.
	`code codeop runpy importlib imp pkgutil zipimport pydoc pydoc_data marshal cProfile profile trace timeit bdb pdb doctest
	idlelib lib2to3 turtledemo turtle numpy.f2py numpy.testing numpy.compat.py3k jinja2 mako IPython ipykernel jedi lsprof
	pyclbr compileall py_compile modulefinder rlcompleter tkinter cgitb cython Cython pyximport numexpr sympy.parsing
	sympy.utilities.lambdify pandas.core.computation torch.fx.graph_module torch.fx.experimental hypothesis pytest nose
	xxsubinterpreters interpreters concurrent.interpreters testcapi testinternalcapi testlimitedcapi sitebuiltins frozen_importlib frozen_importlib_external symtable`,
	// Loaders of a second stage.
	`pickle cPickle pickletools jsonpickle shelve yaml ruamel ruamel_yaml hickle klepto dbm gdbm
	pandas.io pandas.compat.pickle_compat torch.hub torch.package torch.serialization torch.jit.annotations
	torch.jit.frontend torch.jit.unsupported_tensor_ops torch.utils.cpp_extension torch.utils.collect_env
	torch.utils.bottleneck torch.utils.model_dump torch.utils.config_module torch.utils.data.datapipes torch.utils.model_zoo
	torch.inductor torch.dynamo torch.distributed.rpc torch.distributed.nn.api torch.distributed.launch
	torch.distributed.run torch.distributed.elastic torch.distributed.launcher torch.multiprocessing torch.onnx.verification
	torch.testing torch.ops torch.classes torch.utils.benchmark torch.utils.tensorboard torch.export
	transformers.dynamic_module_utils transformers.utils.hub
	keras.saving keras.src.saving tf_keras.saving tf_keras.src.saving keras.utils.file_utils keras.src.utils.file_utils keras.utils.data_utils
	tensorflow.io tensorflow.python.lib.io tensorflow.saved_model sklearn.datasets sklearn.utils.testing
	scipy.io scipy.weave scipy.lib.testutils joblib.externals.loky joblib.memmapping_reducer joblib.parallel joblib.memory
	joblib.externals.cloudpickle sklearn.externals.joblib.parallel sklearn.externals.joblib.memory`,
	// Native code and memory.
	`ctypes cffi ffi mmap gdb`,
	// Files.
	`shutil linecache fileinput tarfile zipfile zipapp sqlite3 dbhash logging.config site sitecustomize usercustomize
	filecmp netrc mailbox gzip bz2 lzma aifc wave sunau`,
	// Network.
	`socket ssl urllib urllib2 urllib3 urlparse http httplib ftplib smtplib smtpd telnetlib poplib imaplib nntplib xmlrpc xmlrpclib
	socketserver SocketServer asyncore asynchat requests httpx aiohttp httpcore paramiko websocket websockets tornado twisted flask
	django fastapi starlette uvicorn gradio boto3 botocore s3fs gcsfs fsspec huggingface_hub wget pycurl cgi wsgiref selectors
	BaseHTTPServer SimpleHTTPServer CGIHTTPServer DocXMLRPCServer SimpleXMLRPCServer dns ldap3 psycopg2 pymysql pymongo redis`,
	// Scheduling and hooks.
	`atexit signal thread faulthandler tracemalloc sysconfig`,
	// Scanners and gateways: nothing has to reach into those from a pickle.
	`modelscan picklescan fickling modelaudit modelgate skops.io`,
)

// looseModules are dangerous wherever they stand in a module's path: copies inside other packages.
var looseModules = words(`os posix nt subprocess posixsubprocess importlib pty shutil socket ctypes runpy cPickle distutils
	urllib urllib2 urllib3 popen2 idlelib lib2to3 ensurepip`)

// looseSegments are modules that are dangerous as a part of a dotted name.
var looseSegments = words(`os posix nt sys subprocess posixsubprocess importlib builtins pty shutil socket ctypes runpy pickle cPickle
	marshal distutils urllib urllib2 commands popen2 imp pkgutil webbrowser cffi multiprocessing gc`)

// dangerousNames are single names of modules that have harmless ones too, in full.
var dangerousNames = expand(
	"builtins", `eval exec execfile compile open input raw_input breakpoint globals locals vars setattr delattr print help exit quit
	license credits copyright file reload apply __import__ __build_class__ __loader__ __spec__`,
	"sys", `settrace setprofile addaudithook modules meta_path path_hooks path path_importer_cache exit _getframe setrecursionlimit
	setswitchinterval displayhook excepthook unraisablehook breakpointhook stdout stderr stdin activate_stack_trampoline
	_current_frames call_tracing _clear_type_cache monitoring set_asyncgen_hooks setdlopenflags remote_exec`,
	"io", `open open_code FileIO OpenWrapper TextIOWrapper BufferedReader BufferedWriter BufferedRandom`,
	"_pyio", `open open_code FileIO`,
	"codecs", `open register register_error EncodedFile StreamReaderWriter lookup`,
	"types", `FunctionType LambdaType CodeType MethodType BuiltinFunctionType GeneratorType CoroutineType FrameType ModuleType
	new_class prepare_class resolve_bases`,
	"copyreg", `add_extension remove_extension pickle constructor dispatch_table clear_extension_cache _extension_registry
	_inverted_registry _extension_cache`,
	"weakref", "finalize",
	"threading", "settrace setprofile excepthook",
	"_thread", "start_new_thread start_new interrupt_main exit exit_thread",
	"logging", "FileHandler basicConfig",
	"logging.handlers", `SocketHandler DatagramHandler SysLogHandler SMTPHandler HTTPHandler RotatingFileHandler
	TimedRotatingFileHandler WatchedFileHandler BaseRotatingHandler NTEventLogHandler QueueListener`,
	"asyncio", `create_subprocess_exec create_subprocess_shell run open_connection start_server get_event_loop new_event_loop
	run_coroutine_threadsafe open_unix_connection start_unix_server SubprocessTransport`,
	"asyncio.streams", "open_connection start_server",
	"uuid", `_popen _get_command_stdout _find_mac _find_mac_near_keyword _find_mac_under_heading _ifconfig_getter _ip_getter _arp_getter
	_lanscan_getter _netstat_getter _ipconfig_getter _netbios_getter getnode uuid1`,
	"platform", `popen _syscmd_file _syscmd_ver _popen`,
	"unittest", "mock main case loader runner",
	"unittest.mock", "_importer _dot_lookup patch _patch _get_target create_autospec mock_open",
	"unittest.loader", "TestLoader",
	"pathlib", `Path.open Path.read_text Path.read_bytes Path.write_text Path.write_bytes Path.unlink Path.rename Path.replace
	Path.rmdir Path.mkdir Path.touch Path.chmod Path.symlink_to Path.hardlink_to Path.link_to PosixPath.open PosixPath.write_text
	PosixPath.write_bytes PosixPath.read_text PosixPath.read_bytes PosixPath.unlink PosixPath.rename PosixPath.replace
	PosixPath.rmdir PosixPath.mkdir PosixPath.touch PosixPath.chmod PosixPath.symlink_to WindowsPath.open WindowsPath.write_text
	WindowsPath.write_bytes WindowsPath.read_text WindowsPath.read_bytes WindowsPath.unlink WindowsPath.rename _Accessor
	_NormalAccessor`,
	"dill", "load loads load_session load_module load_module_asdict Unpickler session _dill.load _dill.loads _dill.Unpickler",
	"dill._dill", "load loads Unpickler load_session _import_module _getattribute _create_stringo _create_stringi",
	"dill.session", "load_session load_module",
	"dill.source", "importable getsource dumpsource getimport",
	"cloudpickle", "load loads",
	"cloudpickle.cloudpickle", "load loads _dynamic_import",
	"joblib", "load dump Memory Parallel delayed",
	"joblib.numpy_pickle", "load dump load_temporary_memmap _unpickle NumpyUnpickler NumpyPickler",
	"joblib.numpy_pickle_compat", "load_compatibility hex_str",
	"joblib.numpy_pickle_utils", "_read_fileobject _write_fileobject",
	"joblib.disk", "mkdirp rm_subdirs delete_folder",
	"joblib._store_backends", "FileSystemStoreBackend StoreBackendBase",
	"sklearn.externals.joblib", "load dump Memory Parallel delayed",
	"sklearn.externals.joblib.numpy_pickle", "load dump",
	"numpy", `load loads save savez savez_compressed savetxt loadtxt genfromtxt fromfile fromregex memmap DataSource lib.npyio
	safe_eval source lookfor`,
	"numpy.core.records", "fromfile",
	"numpy.core.memmap", "memmap",
	"numpy._core.memmap", "memmap",
	"numpy.lib.npyio", `load save savez savetxt loadtxt genfromtxt fromregex NpzFile DataSource recfromtxt recfromcsv`,
	"numpy.lib._npyio_impl", `load save savez savetxt loadtxt genfromtxt fromregex NpzFile recfromtxt recfromcsv`,
	"numpy.lib.format", "read_array open_memmap write_array",
	"numpy.lib._datasource", "DataSource Repository open _FileOpeners",
	"numpy.lib.utils", "safe_eval source lookfor",
	"numpy.ctypeslib", "load_library ndpointer as_array",
	"numpy._pytesttester", "PytestTester",
	"pandas", `read_pickle read_csv read_table read_fwf read_excel read_html read_xml read_json read_sql read_sql_query read_sql_table
	read_hdf read_parquet read_feather read_orc read_sas read_spss read_stata read_clipboard read_gbq eval HDFStore ExcelFile
	ExcelWriter to_pickle DataFrame.eval DataFrame.query DataFrame.to_csv DataFrame.to_pickle DataFrame.apply`,
	"pandas.core.frame", "DataFrame.eval DataFrame.query DataFrame.to_csv DataFrame.to_pickle DataFrame.to_parquet DataFrame.apply",
	"torch", "load save hub compile import_ir_module jit.load jit.save jit.script ops classes serialization export",
	"torch._C", "import_ir_module import_ir_module_from_buffer _jit_compile _create_graph_by_tracing PyTorchFileReader ScriptFunction",
	"torch.jit", "load save script trace jit_module_from_flatbuffer CompilationUnit",
	"torch.jit._serialization", "load save jit_load jit_module_from_flatbuffer",
	"torch.jit._script", "script CompilationUnit",
	"torch._ops", "_Ops OpOverloadPacket ops load_library",
	"torch._classes", "_Classes classes",
	"torch.utils.data", "DataLoader",
	"torch.utils.show_pickle", "main FakeClass DumpUnpickler",
	"torch.utils._import_utils", "import_dill _check_module_exists",
	"torch.distributed", "launch run init_process_group broadcast_object_list",
	"torch.distributed.distributed_c10d", "_tensor_to_object _object_to_tensor _unpickler",
	"torch.distributed.nn", "RemoteModule",
	"torch.fx", "symbolic_trace GraphModule",
	"torch.fx._symbolic_trace", "symbolic_trace",
	"torch.storage", "_share_filename_cpu_ _new_shared_filename_cpu _new_using_filename_cpu UntypedStorage.from_file TypedStorage.from_file",
	"torch.onnx", "export",
	"keras.models", "load_model model_from_json model_from_config model_from_yaml",
	"keras.utils", "get_file",
	"keras.config", "enable_unsafe_deserialization",
	"keras.layers", "Lambda TorchModuleWrapper TFSMLayer",
	"keras.src.layers.core.lambda_layer", "Lambda",
	"keras.src.utils", "get_file",
	"tensorflow", "load_op_library load_library py_function numpy_function io saved_model keras.models.load_model",
	"tensorflow.python.framework.load_library", "load_op_library load_library",
	"tensorflow.python.ops.script_ops", "py_func eager_py_func numpy_function",
	"transformers", "pipeline AutoModel AutoTokenizer AutoConfig AutoModelForCausalLM Trainer",
	"sklearn.utils._testing", `assert_raises_regex assert_run_python_script assert_run_python_script_without_output TempMemmap`,
	"sklearn.utils._joblib", "Memory Parallel",
	"scipy._lib._testutils", "PytestTester check_free_memory",
	"scipy._lib._ccallback", "LowLevelCallable",
	"lightgbm.basic", "_load_lib",
	"xgboost.core", "_load_lib",
	"inspect", "currentframe stack trace",
	"argparse", "FileType",
	"configparser", `RawConfigParser.read RawConfigParser.write RawConfigParser.read_file ConfigParser.read ConfigParser.write
	ConfigParser.read_file SafeConfigParser.read`,
	"gettext", "c2py translation install find GNUTranslations",
	"hashlib", "file_digest",
	"xml.etree.ElementTree", "parse iterparse ElementTree XMLParser fromstring",
	"xml.sax", "parse make_parser",
	"xml.dom.minidom", "parse",
	"plistlib", "load loads",
	"tempfile", "_io _os",
	"concurrent.futures.process", "_process_worker",
	"typing", "get_type_hints ForwardRef _eval_type",
	"dataclasses", "make_dataclass _create_fn field exec",
	"hydra.utils", "get_method get_class get_object instantiate call",
	"hydra._internal.utils", "_locate",
	"omegaconf", "OmegaConf.load OmegaConf.save OmegaConf.register_new_resolver OmegaConf.register_resolver",
	"datasets", "load_dataset",
	"accelerate", "load_checkpoint_and_dispatch",
)

// expand makes full names of pairs of a module and its names.
func expand(pairs ...string) map[string]bool {
	set := map[string]bool{}
	for i := 0; i+1 < len(pairs); i += 2 {
		for _, name := range strings.Fields(pairs[i+1]) {
			set[pairs[i]+"."+name] = true
		}
	}
	return set
}

// suspiciousModules look around in their environment, or do what no model needs, without running code by themselves.
var suspiciousModules = words(`os.path posixpath ntpath genericpath glob fnmatch getpass pyexpat locale tempfile pwd grp nturl2path
	resource mimetypes stat statvfs keras.src.saving.keras_saveable`)

// suspiciousNames are single names of that kind.
var suspiciousNames = expand(
	"builtins", "__dict__",
	"__builtin__", "__main__", // as dill names the variables of the program, which functions of the program see
	"os", "environ environb getenv getenvb getcwd getcwdb getpid getppid getuid geteuid getgid uname cpu_count listdir stat path sep name",
	"platform", `node platform system release version machine processor uname architecture mac_ver win32_ver libc_ver freedesktop_os_release
	python_version python_implementation`,
	"gc", "get_objects get_referrers get_referents collect freeze disable",
	"sys", "getsizeof getrefcount executable version platform argv prefix exec_prefix getswitchinterval intern exc_info",
	"inspect", "signature getmembers getsource getmodule",
	"operator", "setitem delitem iconcat",
	"uuid", "uuid4 uuid3 uuid5",
	"time", "sleep time",
	"random", "random randint choice shuffle seed",
)

// indirections call or look up what their arguments name.
var indirections = func() map[string]verdict {
	t := map[string]verdict{}
	for names, via := range map[string]indirection{
		`builtins.map builtins.filter functools.reduce itertools.starmap itertools.filterfalse itertools.takewhile
		itertools.dropwhile operator.call functools.lru_cache functools.cache functools.wraps builtins.sorted builtins.max
		builtins.min builtins.next builtins.iter functools.cmp_to_key functools.singledispatchmethod
		builtins.staticmethod builtins.classmethod builtins.property weakref.ref weakref.WeakMethod weakref.proxy
		contextlib.contextmanager contextlib.ExitStack asyncio.ensure_future dill._dill._create_weakref
		numpy.apply_along_axis numpy.apply_over_axes numpy.frompyfunc numpy.piecewise numpy.fromfunction
		dill._dill._create_weakproxy builtins.any builtins.all itertools.accumulate itertools.groupby`: viaFirst,
		`threading.Timer builtins.issubclass`: viaSecond,
		`threading.Thread concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor
		concurrent.futures.thread.ThreadPoolExecutor concurrent.futures.process.ProcessPoolExecutor sched.scheduler
		threading.local`: viaKeyword,
		`functools.partial functools.partialmethod`:                viaPartial,
		`builtins.getattr builtins.hasattr inspect.getattr_static`: viaGetattr,
		`operator.attrgetter`:                                      viaAttrGetter,
		`operator.methodcaller`:                                    viaMethodCaller,
		`operator.getitem operator.itemgetter`:                     viaGetItem,
	} {
		for _, name := range strings.Fields(names) {
			t[name] = verdict{grade: indirect, indirection: via}
		}
	}
	return t
}()
