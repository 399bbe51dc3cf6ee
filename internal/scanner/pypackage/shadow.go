package pypackage

import (
	"slices"
	"strings"
)

// foreign tells whether a name at the top of site-packages belongs to another project: a wheel that brings a folder of that name does not
// decide what is imported by it.
func foreign(top, project string) bool {
	owners, known := wellKnown[top]
	return known && !slices.Contains(owners, project)
}

// wellKnown are the projects that bring well-known packages, by the package. A folder of one of these names in another project's wheel is
// taken for nobody's.
var wellKnown = func() map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(`
		numpy numpy; scipy scipy; pandas pandas; sklearn scikit-learn; matplotlib matplotlib; sympy sympy; networkx networkx; joblib joblib;
		torch torch; torchvision torchvision; torchaudio torchaudio; tensorflow tensorflow tensorflow-cpu tensorflow-gpu tensorflow-intel;
		keras keras keras-nightly; tf_keras tf-keras; jax jax; flax flax; transformers transformers; tokenizers tokenizers; datasets datasets;
		huggingface_hub huggingface-hub; safetensors safetensors; accelerate accelerate; diffusers diffusers; peft peft; onnx onnx;
		onnxruntime onnxruntime onnxruntime-gpu; xgboost xgboost xgboost-cpu; lightgbm lightgbm; catboost catboost; spacy spacy; thinc thinc;
		nltk nltk; gensim gensim; PIL pillow; cv2 opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless;
		requests requests; urllib3 urllib3; httpx httpx; aiohttp aiohttp; flask flask; django django; jinja2 jinja2; werkzeug werkzeug;
		boto3 boto3; botocore botocore; yaml pyyaml; six six; attr attrs; attrs attrs; click click; rich rich; tqdm tqdm; pydantic pydantic;
		dill dill; cloudpickle cloudpickle; setuptools setuptools; pkg_resources setuptools; pip pip; wheel wheel; cffi cffi; cython cython;
		cryptography cryptography; google; azure; zope; psutil psutil; paramiko paramiko; fabric fabric; invoke invoke; sqlalchemy sqlalchemy;
		pytest pytest; IPython ipython; notebook notebook; skops skops; pyarrow pyarrow; dask dask; distributed distributed; ray ray;
		pytorch_lightning pytorch-lightning; lightning lightning; timm timm; dateutil python-dateutil; pytz pytz; certifi certifi; idna idna
	`) {
		for entry := range strings.SplitSeq(line, ";") {
			if words := strings.Fields(entry); len(words) > 1 {
				out[words[0]] = words[1:]
			}
		}
	}
	return out
}()

// standardLibrary are the modules of Python itself (sys.stdlib_module_names of 3.9 to 3.14): they are found before any package.
var standardLibrary = func() map[string]bool {
	out := map[string]bool{}
	for name := range strings.FieldsSeq(`
		abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii binhex bisect builtins
		bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression concurrent configparser
		contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email
		encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt
		getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress
		itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt
		multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev parser pathlib pdb pickle
		pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data
		pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil
		signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string
		stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this
		threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata
		unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport
		zlib zoneinfo __main__ __builtin__ copy_reg cPickle commands`) {
		out[name] = true
	}
	return out
}()
