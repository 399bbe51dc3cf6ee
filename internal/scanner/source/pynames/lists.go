package pynames

import "strings"

// loose are modules that are dangerous wherever they stand in a path, since modules keep what they import as attributes.
func loose() []string {
	return []string{
		"os", "posix", "nt", "sys", "subprocess", "importlib", "builtins", "pty", "shutil", "socket", "ctypes", "runpy", "pickle",
		"cPickle", "marshal", "urllib", "pkgutil",
	}
}

// families lists names and modules; what stands below a listed name shares its family.
var families = func() map[string]Family {
	t := map[string]Family{}
	for family, names := range map[Family]string{
		Process: `os.system os.popen os.popen2 os.popen3 os.popen4 os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp
			os.execvpe os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe os.posix_spawn
			os.posix_spawnp os.fork os.forkpty os.startfile os.kill os.killpg posix nt subprocess posixsubprocess pty commands popen2
			pexpect ptyprocess sh plumbum fabric invoke distutils.spawn setuptools.distutils.spawn numpy.distutils.exec_command
			platform.popen webbrowser imaplib.IMAP4_stream asyncio.create_subprocess_exec asyncio.create_subprocess_shell
			asyncio.subprocess multiprocessing.util.spawnv_passfds ensurepip pip venv virtualenv uuid._popen osx_support aix_support
			test.support antigravity pipes.Template torch.utils.collect_env.run torch.utils.bottleneck`,
		Code: `eval exec execfile compile __import__ breakpoint code codeop runpy importlib.import_module importlib.util
			importlib.machinery importlib._bootstrap importlib.__import__ importlib.reload imp pkgutil zipimport pydoc marshal
			types.FunctionType types.CodeType types.MethodType cProfile profile trace timeit bdb pdb doctest idlelib lib2to3
			numpy.f2py jinja2.Environment.compile pandas.eval sympy.sympify sympy.parsing numexpr.evaluate torch.jit.annotations
			torch.fx.graph_module IPython get_ipython`,
		Loader: `pickle.load pickle.loads pickle.Unpickler cPickle pickle._loads dill.load dill.loads cloudpickle.load cloudpickle.loads
			joblib.load joblib.numpy_pickle.load jsonpickle.decode shelve yaml.load yaml.load_all yaml.unsafe_load yaml.full_load
			yaml.unsafe_load_all numpy.load pandas.read_pickle torch.load torch.jit.load torch.package torch.serialization.load
			torch.hub keras.models.load_model tensorflow.keras.models.load_model tensorflow.saved_model.load
			transformers.dynamic_module_utils skops.io.load`,
		Native: `ctypes cffi tensorflow.load_op_library tensorflow.load_library torch.ops.load_library torch.classes.load_library
			torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline numpy.ctypeslib.load_library`,
		File: `os.remove os.unlink os.rename os.renames os.replace os.rmdir os.removedirs os.chmod os.chown os.link os.symlink os.truncate
			os.mkfifo os.mknod os.open os.write shutil.rmtree shutil.move shutil.copy shutil.copy2 shutil.copyfile shutil.copytree
			shutil.chown shutil.unpack_archive shutil.make_archive pathlib.Path.unlink pathlib.Path.rename pathlib.Path.write_text
			pathlib.Path.write_bytes pathlib.Path.rmdir pathlib.Path.chmod pathlib.Path.symlink_to tarfile.open tarfile.TarFile
			zipfile.ZipFile.extractall distutils.file_util sqlite3.connect logging.config site`,
		Network: `socket ssl urllib.request urllib.urlopen urllib.urlretrieve urllib2 urllib3 http.client http.server httplib ftplib smtplib
			telnetlib poplib nntplib xmlrpc requests httpx aiohttp paramiko websocket websockets wget pycurl tornado socketserver
			asyncio.open_connection asyncio.start_server logging.handlers.HTTPHandler logging.handlers.SocketHandler gdown boto3`,
		Hook: `atexit.register signal.signal weakref.finalize sys.settrace sys.setprofile sys.addaudithook sys.meta_path sys.path_hooks
			thread.start_new_thread copyreg.pickle copyreg.add_extension threading.settrace`,
		Indirect: `getattr operator.attrgetter operator.methodcaller operator.call functools.partial functools.reduce itertools.starmap map
			filter hydra.utils.get_method hydra.utils.get_class hydra.utils.get_object hydra.utils.call hydra.utils.instantiate
			hydra._internal.utils._locate pydoc.locate pkgutil.resolve_name threading.Thread threading.Timer`,
		Hub: `huggingface_hub.hf_hub_download huggingface_hub.snapshot_download huggingface_hub.cached_download
			transformers.utils.cached_file transformers.utils.hub modelscope.snapshot_download`,
	} {
		for _, name := range strings.Fields(names) {
			t[name] = family
		}
	}
	for _, name := range strings.Fields("pydoc.locate pkgutil.resolve_name") {
		t[name] = Indirect
	}
	for _, name := range strings.Fields("open io.open codecs.open") {
		t[name] = File
	}
	return t
}()

// harmless are names within listed modules that do nothing.
var harmless = words(`subprocess.PIPE subprocess.DEVNULL subprocess.STDOUT subprocess.CalledProcessError subprocess.TimeoutExpired
	importlib.util.find_spec socket.gethostname requests.exceptions requests.RequestException
	requests.ConnectionError requests.HTTPError requests.Timeout urllib.request.quote ctypes.c_int ctypes.c_float ctypes.c_char_p
	ctypes.c_void_p ctypes.sizeof ctypes.Structure ctypes.POINTER ctypes.byref ctypes.c_size_t ctypes.c_double ctypes.c_int64
	ctypes.c_uint8 ctypes.c_long http.client.HTTPException multiprocessing.cpu_count
	zipfile.ZipFile torch.hub.get_dir requests.Response aiohttp.ClientError marshal.version code.co_name
	pkgutil.get_data torch.hub.urlparse torch.hub.HASH_REGEX torch.hub._get_torch_home torch.hub.READ_DATA_CHUNK
	IPython.display IPython.core.display subprocess.list2cmdline ctypes.c_uint32 ctypes.c_uint ctypes.c_bool ctypes.c_char ctypes.c_ulong
	socket.timeout socket.error ssl.SSLError pkgutil.extend_path timeit.default_timer`)

// allowedPrefixes are namespaces whose classes configurations name all day: their constructors build modules.
var allowedPrefixes = words(`nemo.collections nemo.core nemo.lightning nemo_text_processing torch.nn torch.optim torch.utils.data torch.distributions
	transformers diffusers lightning pytorch_lightning lightning.pytorch lightning_fabric torchmetrics torchvision torchaudio
	sentence_transformers omegaconf ldm sgm cldm taming speechbrain hydra.core hydra.types hydra.conf peft timm monai audiocraft
	megatron apex.optimizers bitsandbytes.optim keras.layers tensorflow.keras.layers tensorflow.keras.optimizers datasets.features
	hydra_plugins espnet espnet2 fairseq.models fairseq.tasks fairseq.criterions flax.linen optax
	sklearn.linear_model sklearn.preprocessing sklearn.ensemble xformers.ops accelerate open_clip
	lerobot ultralytics.nn detectron2.config detectron2.modeling detectron2.layers`)

// allowed are single names.
var allowed = words(`torch.device torch.dtype torch.float16 torch.float32 torch.bfloat16 torch.float64 torch.int64 torch.long torch.Tensor
	torch.manual_seed torch.ones torch.zeros torch.eye torch.Size torch.Generator
	dict list tuple set frozenset int float str bool bytes complex slice range builtins.dict builtins.list builtins.tuple builtins.set
	builtins.int builtins.float builtins.str builtins.bool collections.OrderedDict collections.defaultdict datetime.timedelta
	datetime.datetime datetime.date pathlib.Path pathlib.PosixPath pathlib.PurePosixPath math.prod math.sqrt math.ceil math.floor
	numpy.float32 numpy.float64 numpy.int64 numpy.array numpy.ndarray numpy.dtype uuid.UUID decimal.Decimal fractions.Fraction
	enum.Enum types.SimpleNamespace argparse.Namespace`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}
