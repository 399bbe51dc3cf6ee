package pynames

import "testing"

func TestNamesAreGraded(t *testing.T) {
	for name, want := range map[string]Family{
		"os.system": Process, "subprocess.run": Process, "subprocess.PIPE": None, "posix.system": Process, "_posixsubprocess.fork_exec": Process,
		"torch.os.system": Process, "torch.nn.modules.os.popen": Process, "builtins.eval": Code, "eval": Code, "x.eval": None,
		"os.path.join": None, "os.environ": None, "os.getcwd": None, "torch.load": Loader, "torch.nn.Linear": None,
		"requests.get": Network, "requests.exceptions.HTTPError": None, "ctypes.CDLL": Native, "ctypes.c_int": None,
		"hydra.utils.get_method": Indirect, "numpy.array": None, "importlib.import_module": Code, "importlib.util.find_spec": None,
		"huggingface_hub.hf_hub_download": Hub, "open": File, "shutil.rmtree": File, "re.compile": None,
	} {
		if got := FamilyOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTargetsAreGraded(t *testing.T) {
	for name, want := range map[string]Verdict{
		"os.system": Dangerous, "builtins.eval": Dangerous, "torch.load": Dangerous, "torch.nn.Linear": Harmless,
		"torch.nn.os.system": Dangerous, "torch.nn.Linear.__init__.__globals__": Dangerous, "nemo.collections.asr.models.X": Harmless,
		"my.package.Model": Unknown, "torch": Unknown, "hydra.utils.get_method": Unknown, "torch.device": Harmless,
		"ldm.models.diffusion.ddpm.LatentDiffusion": Harmless, "": Unknown, "ldmx.y": Unknown,
	} {
		if got := Target(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
