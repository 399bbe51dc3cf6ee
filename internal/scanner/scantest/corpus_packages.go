package scantest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// PopularWheels and PopularSdists are packages that many people install. They measure false alarms, so they are not pinned: what is
// measured is what people get today. Those that other scanners raised false alarms on are among them.
func PopularWheels() []string {
	return strings.Fields(`
		numpy scipy pandas requests flask django boto3 botocore setuptools pip wheel cffi cryptography pydantic pydantic-core sympy matplotlib
		joblib idna tqdm typer psutil simplejson huggingface_hub transformers aiohttp SQLAlchemy jupyter jupyter-core jupyter-client ipython
		ipykernel notebook jupyterlab nbconvert nbformat certifi urllib3 charset-normalizer packaging six python-dateutil PyYAML click jinja2
		markupsafe werkzeug itsdangerous attrs colorama rich pygments platformdirs filelock fsspec networkx mpmath pillow scikit-learn
		threadpoolctl tokenizers safetensors regex httpx httpcore anyio sniffio h11 fastapi starlette uvicorn pytest pluggy iniconfig coverage
		tox virtualenv distlib black mypy isort flake8 pycodestyle pyflakes pylint astroid s3transfer jmespath awscli google-auth
		google-api-core googleapis-common-protos protobuf grpcio pyasn1 pyasn1-modules rsa cachetools oauthlib requests-oauthlib pyjwt bcrypt
		paramiko pynacl docutils sphinx babel snowballstemmer lxml beautifulsoup4 soupsieve html5lib openpyxl et-xmlfile xlrd tabulate redis
		pymongo pymysql celery kombu billiard gunicorn gevent greenlet zope.interface zope.event==4.4 zope.deprecation==4.4.0 tornado pyzmq
		traitlets decorator dill cloudpickle multiprocess onnx skops litellm keras tensorboard distributed dask nltk thinc build twine
		gensim google-cloud-aiplatform manhole hunter pytest-cov==5.0.0 future-fstrings protobuf==3.11.0 google-cloud-storage==1.20.0`)
}

// PopularSdists are fetched as source distributions.
func PopularSdists() []string {
	return strings.Fields(`
		psutil simplejson requests flask six PyYAML markupsafe idna tqdm joblib wrapt cffi lxml aiohttp SQLAlchemy future docopt termcolor
		ujson regex msgpack greenlet pycparser setuptools wheel pip click attrs networkx mpmath sympy pyparsing tornado zope.interface
		babel multidict google-auth distlib botocore`)
}

// PopularDistributions fetches them with pip, once, and returns the paths of the files. Nothing is installed; of sdists pip asks for the
// metadata, which runs their build.
func PopularDistributions(ctx context.Context) ([]string, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, kind := range []struct {
		name, option string
		specs        []string
	}{{"wheels", "--only-binary", PopularWheels()}, {"sdists", "--no-binary", PopularSdists()}} {
		for _, spec := range kind.specs {
			dir := filepath.Join(cache, "popular", kind.name, spec)
			files, err := fetchPopular(ctx, dir, kind.option, spec)
			if err != nil {
				return nil, fmt.Errorf("fetch %s: %w", spec, err)
			}
			out = append(out, files...)
		}
	}
	return out, nil
}

// fetchPopular fetches one distribution into a folder of its own.
func fetchPopular(ctx context.Context, dir, option, spec string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) > 0 {
		return files, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", option, ":all:", "--dest", temp, spec)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	if err := os.Rename(temp, dir); err != nil {
		return nil, err
	}
	files, err = filepath.Glob(filepath.Join(dir, "*"))
	return files, errors.Join(err)
}
