package threat

// The ids of the catalogue. PAIT ids are published ones; MG ids are modelgate's own series, with the same first digit.
const (
	ARV100            ID = "PAIT-ARV-100"
	GGUF100           ID = "PAIT-GGUF-100"
	GGUF101           ID = "PAIT-GGUF-101"
	KERAS100          ID = "PAIT-KERAS-100"
	KERAS101          ID = "PAIT-KERAS-101"
	KERAS102          ID = "PAIT-KERAS-102"
	KERAS300          ID = "PAIT-KERAS-300"
	KERAS301          ID = "PAIT-KERAS-301"
	JOBLIB100         ID = "PAIT-JOBLIB-100"
	JOBLIB101         ID = "PAIT-JOBLIB-101"
	PKL100            ID = "PAIT-PKL-100"
	PKL101            ID = "PAIT-PKL-101"
	PYTCH100          ID = "PAIT-PYTCH-100"
	PYTCH101          ID = "PAIT-PYTCH-101"
	EXDIR100          ID = "PAIT-EXDIR-100"
	EXDIR101          ID = "PAIT-EXDIR-101"
	ONNX200           ID = "PAIT-ONNX-200"
	TF200             ID = "PAIT-TF-200"
	TF300             ID = "PAIT-TF-300"
	TF301             ID = "PAIT-TF-301"
	TF302             ID = "PAIT-TF-302"
	LITERT300         ID = "PAIT-LITERT-300"
	LITERT301         ID = "PAIT-LITERT-301"
	LITERT302         ID = "PAIT-LITERT-302"
	LMAFL300          ID = "PAIT-LMAFL-300"
	TCHST300          ID = "PAIT-TCHST-300"
	TCHST301          ID = "PAIT-TCHST-301"
	TMT300            ID = "PAIT-TMT-300"
	TMT301            ID = "PAIT-TMT-301"
	UnapprovedFormats ID = "UNAPPROVED_FORMATS"
	MGOBJ100          ID = "MG-OBJ-100"
	MGOBJ101          ID = "MG-OBJ-101"
	MGPY100           ID = "MG-PY-100"
	MGPY101           ID = "MG-PY-101"
	MGPY500           ID = "MG-PY-500"
	MGTPL100          ID = "MG-TPL-100"
	MGTPL101          ID = "MG-TPL-101"
	MGPATH100         ID = "MG-PATH-100"
	MGXML100          ID = "MG-XML-100"
	MGXML101          ID = "MG-XML-101"
	MGOP300           ID = "MG-OP-300"
	MGOP301           ID = "MG-OP-301"
	MGOP302           ID = "MG-OP-302"
	MGLUA100          ID = "MG-LUA-100"
	MGEXE100          ID = "MG-EXE-100"
	MGEXE101          ID = "MG-EXE-101"
	MGFMT400          ID = "MG-FMT-400"
	MGFMT401          ID = "MG-FMT-401"
	MGFMT402          ID = "MG-FMT-402"
	MGFMT403          ID = "MG-FMT-403"
	MGFMT404          ID = "MG-FMT-404"
	MGFMT405          ID = "MG-FMT-405"
	MGFMT406          ID = "MG-FMT-406"
	MGFMT407          ID = "MG-FMT-407"
	MGFMT408          ID = "MG-FMT-408"
	MGINFO500         ID = "MG-INFO-500"
	MGPKG100          ID = "MG-PKG-100"
	MGPKG101          ID = "MG-PKG-101"
	MGPKG102          ID = "MG-PKG-102"
	MGPKG103          ID = "MG-PKG-103"
	MGPKG104          ID = "MG-PKG-104"
	MGPKG105          ID = "MG-PKG-105"
	MGPKG106          ID = "MG-PKG-106"
	MGPKG107          ID = "MG-PKG-107"
	MGPKG108          ID = "MG-PKG-108"
	MGPKG400          ID = "MG-PKG-400"
)

// catalogue is ordered as people read it: published ids first, then ours.
func catalogue() []Threat {
	return []Threat{
		{
			ID: ARV100, Title: "Archive Slip Can Write To File System At Load Time", Format: "zip, tar, NeMo and other archives",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A member's name or link leads outside the directory into which the loader unpacks, so loading overwrites files of its choice",
			steps:   r1,
		},
		{
			ID: GGUF100, Title: "GGUF Model Template Containing Suspicious Code Detected", Format: "GGUF",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "The chat template uses attributes or calls that are neither ordinary template code nor known attacks",
			steps:   r2,
		},
		{
			ID: GGUF101, Title: "GGUF Model Template Containing Arbitrary Code Execution Detected", Format: "GGUF",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "The chat template reaches Python internals (`__class__`, `__globals__` …) and runs code as soon as a loader renders it",
			steps:   r2,
		},
		{
			ID: KERAS100, Title: "Keras Lambda Layers Can Execute Code", Format: "Keras, all",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "The model has a Lambda layer with marshalled code in which nothing malicious was found",
			steps:   r3,
		},
		{
			ID: KERAS101, Title: "Keras Model Lambda Layer Arbitrary Code Execution Detected At Model Load Time", Format: "Keras, all",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A Lambda layer's code calls dangerous functions when the model is loaded",
			steps:   r3,
		},
		{
			ID: KERAS102, Title: "Keras Model Lambda Layer Suspicious Operator Detected At Model Load Time", Format: "Keras, all",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "A Lambda layer's code, or a class path in the config, names operators which are not known to be safe",
			steps:   r3,
		},
		{
			ID: KERAS300, Title: "Keras Model Lambda Layer Arbitrary Code Execution Detected At Model Run Time", Format: "Keras, all",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "A Lambda layer's code calls dangerous functions at inference",
			steps:   r3,
		},
		{
			ID: KERAS301, Title: "Keras Model Contains Custom Layer", Format: "Keras v3",
			Class: Inference, Level: Suspicious, Rule: KnownOperators, Severity: Medium,
			Summary: "The config names a layer that is not among Keras' own, so its code comes from elsewhere",
			steps:   r4,
		},
		{
			ID: JOBLIB100, Title: "Joblib Model Arbitrary Code Execution Detected At Model Load Time", Format: "joblib",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "The pickle inside the joblib file imports dangerous functions",
			steps:   r5,
		},
		{
			ID: JOBLIB101, Title: "Joblib Model Suspicious Code Execution Detected At Model Load Time", Format: "joblib",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The pickle inside the joblib file imports names that are not known to be safe",
			steps:   r5,
		},
		{
			ID: PKL100, Title: "Pickle Model Arbitrary Code Execution Detected At Model Load Time", Format: "pickle (also in NumPy, sklearn, Keras, LightGBM, MXNet, Flax files)",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "The pickle imports or calls dangerous functions while it is loaded",
			steps:   r5,
		},
		{
			ID: PKL101, Title: "Pickle Model Suspicious Code Execution Detected At Model Load Time", Format: "same",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The pickle imports names that are not known to be safe",
			steps:   r5,
		},
		{
			ID: PYTCH100, Title: "PyTorch Model Arbitrary Code Execution Detected At Model Load Time", Format: "PyTorch, all containers",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "The pickle of the checkpoint imports or calls dangerous functions while it is loaded",
			steps:   r5,
		},
		{
			ID: PYTCH101, Title: "PyTorch Model Suspicious Code Execution Detected At Model Load Time", Format: "PyTorch, all containers",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The pickle of the checkpoint imports names that are not known to be safe",
			steps:   r5,
		},
		{
			ID: EXDIR100, Title: "Configuration Directive Executes Dangerous Code At Load Time", Format: "hydra, NeMo, YAML",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A `_target_`, or a Python tag of YAML, names a dangerous function that the loader will call",
			steps:   r6,
		},
		{
			ID: EXDIR101, Title: "Configuration Directive Executes Unknown Code At Load Time", Format: "hydra, NeMo, YAML",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "A `_target_` or tag names a function which is not known to be safe",
			steps:   r6,
		},
		{
			ID: ONNX200, Title: "ONNX Model Contains Architectural Backdoor", Format: "ONNX",
			Class: Backdoored, Level: Suspicious, Rule: Backdoor, Severity: High,
			Summary: "The graph has a parallel path from input to output that is switched by the input, so a trigger can change the answer",
			steps:   r7,
		},
		{
			ID: TF200, Title: "TensorFlow SavedModel Contains Architectural Backdoor", Format: "SavedModel",
			Class: Backdoored, Level: Suspicious, Rule: Backdoor, Severity: High,
			Summary: "As above, in a TensorFlow graph",
			steps:   r7,
		},
		{
			ID: TF300, Title: "TensorFlow SavedModel Contains Unknown Operators", Format: "SavedModel, MetaGraph, frozen graph, TF.js",
			Class: Inference, Level: Suspicious, Rule: KnownOperators, Severity: Medium,
			Summary: "The graph uses operators that TensorFlow does not define",
			steps:   r8,
		},
		{
			ID: TF301, Title: "TensorFlow SavedModel Contains Arbitrary Code Execution At Model Run Time", Format: "SavedModel, MetaGraph, frozen graph, TF.js",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "The graph uses operators that run code or write files (`PyFunc`, `WriteFile` …)",
			steps:   r8,
		},
		{
			ID: TF302, Title: "TensorFlow SavedModel Contains Suspicious Operator", Format: "SavedModel, MetaGraph, frozen graph, TF.js",
			Class: Inference, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The graph uses operators which read arbitrary files (`ReadFile` …)",
			steps:   r8,
		},
		{
			ID: LITERT300, Title: "LiteRT Model Contains Custom Operator", Format: "LiteRT (TFLite)",
			Class: Inference, Level: Suspicious, Rule: KnownOperators, Severity: Medium,
			Summary: "The model needs an operator that is not built in",
			steps:   r8,
		},
		{
			ID: LITERT301, Title: "LiteRT Model Contains Potentially Malicious Operator", Format: "LiteRT",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "The model uses an operator that can run code at inference",
			steps:   r8,
		},
		{
			ID: LITERT302, Title: "LiteRT Model Contains Suspicious Operator", Format: "LiteRT",
			Class: Inference, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The model uses an operator that touches files, or whose effect cannot be told",
			steps:   r8,
		},
		{
			ID: LMAFL300, Title: "Llamafile Can Execute Malicious Code During Inference", Format: "llamafile",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "The executable part of the llamafile is not one of the known builds",
			steps:   r9,
		},
		{
			ID: TCHST300, Title: "TorchScript Model Arbitrary Code Execution Detected At Model Load Time", Format: "TorchScript",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "The script or the constants pickle calls dangerous functions",
			steps:   r10,
		},
		{
			ID: TCHST301, Title: "TorchScript Model Suspicious Code Execution Detected", Format: "TorchScript",
			Class: Inference, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The script uses custom operators or names which are not known to be safe",
			steps:   r10,
		},
		{
			ID: TMT300, Title: "Model Depends On A Suspicious Or Unjudged Model", Format: "any with references (`repo--module`, base models)",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "Code or weights come from another repository which is suspicious or has not been judged",
			steps:   r11,
		},
		{
			ID: TMT301, Title: "Transitive Model Threat Detected With Unsafe Model Dependency", Format: "same",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "The repository it depends on is unsafe",
			steps:   r11,
		},
		{
			ID: UnapprovedFormats, Title: "Model is stored in a format that your Security Group does not allow", Format: "any",
			Class: Policy, Level: Clean, Rule: ApprovedFormat, Severity: Medium,
			Summary: "The file's format is not in the group's list",
			steps:   r0,
		},
		{
			ID: MGOBJ100, Title: "Model Constructs Dangerous Objects At Load Time",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A format other than pickle (skops, MessagePack extension, Torch7 class) names a type whose construction runs code",
			steps:   r5,
		},
		{
			ID: MGOBJ101, Title: "Model Constructs Unknown Objects At Load Time",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "It names a type that is not known to be safe",
			steps:   r5,
		},
		{
			ID: MGPY100, Title: "Model Brings Python Code That Is Dangerous To Import",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A Python file that the loader imports acts as soon as it is imported",
			steps:   r11,
		},
		{
			ID: MGPY101, Title: "Model Brings Python Code That Cannot Be Cleared",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "The code could do harm when called, hides what it does, or lies where no code belongs",
			steps:   r11,
		},
		{
			ID: MGPY500, Title: "Model Brings Its Own Python Code",
			Class: Load, Level: Clean, Rule: NoRule, Severity: Info,
			Summary: "Loaders run it only if the user trusts remote code; it was analysed and nothing was found",
			steps:   r11,
		},
		{
			ID: MGTPL100, Title: "Chat Template Containing Arbitrary Code Execution Detected",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A template outside GGUF (`chat_template`, `.jinja`) reaches Python internals when rendered",
			steps:   r2,
		},
		{
			ID: MGTPL101, Title: "Chat Template Containing Suspicious Code Detected",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "It does what we cannot prove harmless",
			steps:   r2,
		},
		{
			ID: MGPATH100, Title: "Model Refers To Files Outside Itself",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: High,
			Summary: "A path or URL in the model leads out of it (absolute, `..`, scheme), so loading reads or fetches something else",
			steps:   r1,
		},
		{
			ID: MGXML100, Title: "XML Declares External Entities",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: High,
			Summary: "The parser would fetch files or URLs",
			steps:   r1,
		},
		{
			ID: MGXML101, Title: "XML Declares Entities",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "A document type or entity that no model needs",
			steps:   r1,
		},
		{
			ID: MGOP300, Title: "Model Contains Unknown Operators",
			Class: Inference, Level: Suspicious, Rule: KnownOperators, Severity: Medium,
			Summary: "The graph uses operators that its framework does not define (formats without a PAIT id: ONNX, OpenVINO, MXNet …)",
			steps:   r8,
		},
		{
			ID: MGOP301, Title: "Model Contains Operators That Execute Code",
			Class: Inference, Level: Malicious, Rule: Runtime, Severity: Critical,
			Summary: "An operator runs code, loads a library or writes files at inference",
			steps:   r8,
		},
		{
			ID: MGOP302, Title: "Model Contains Operators That Read Files",
			Class: Inference, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "An operator reads files at inference",
			steps:   r8,
		},
		{
			ID: MGLUA100, Title: "Model Contains Lua Code",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A Torch7 file carries a function instead of a tensor",
			steps:   r5,
		},
		{
			ID: MGEXE100, Title: "Executable Poses As A Model",
			Class: Load, Level: Malicious, Rule: LoadTime, Severity: Critical,
			Summary: "A program or script lies where a loader would run it, or under a model's name",
			steps:   r9,
		},
		{
			ID: MGEXE101, Title: "Native Library Among Model Files",
			Class: Load, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "A library is shipped openly with the model",
			steps:   r9,
		},
		{
			ID: MGFMT400, Title: "File Is Malformed",
			Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "The bytes break the rules of the format they claim",
			steps:   r12,
		},
		{
			ID: MGFMT401, Title: "Name And Content Disagree",
			Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "The name promises another format than the content has",
			steps:   r12,
		},
		{
			ID: MGFMT402, Title: "File Holds A Second Format",
			Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "Something precedes, follows or overlaps the model in its file",
			steps:   r12,
		},
		{
			ID: MGFMT403, Title: "File Can Be Read In Two Ways",
			Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "Two conforming readers would see different content",
			steps:   r12,
		},
		{
			ID: MGFMT404, Title: "File Cannot Be Read",
			Class: Unjudged, Level: Unscannable, Rule: SuspiciousComponents, Severity: Medium,
			Summary: "Encrypted, of an unsupported method, or of an unknown kind",
			steps:   r12,
		},
		{
			ID: MGFMT405, Title: "Decompression Bomb",
			Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: High,
			Summary: "It expands without measure",
			steps:   r12,
		},
		{
			ID: MGFMT406, Title: "Scan Budget Spent",
			Class: Unjudged, Level: Unscannable, Rule: SuspiciousComponents, Severity: High,
			Summary: "Depth, size or number of parts passed the limit before the end",
			steps:   r12,
		},
		{
			ID: MGFMT407, Title: "Scanner Failed On This File",
			Class: Unjudged, Level: Unscannable, Rule: SuspiciousComponents, Severity: High,
			Summary: "A scanner stopped unexpectedly",
			steps:   r12,
		},
		{
			ID: MGFMT408, Title: "Bytes Do Not Match",
			Class: Unjudged, Level: Malicious, Rule: SuspiciousComponents, Severity: Critical,
			Summary: "What arrived is not what was announced, or not what was scanned",
			steps:   r13,
		},
		{
			ID: MGPKG100, Title: "Package Runs Code At Every Start Of The Interpreter", Format: "Python packages",
			Class: Load, Level: Malicious, Rule: PathConfig, Severity: Critical,
			Summary: "A .pth file holds a line that the interpreter executes whenever it starts, whether the package is imported or not",
			steps:   r14,
		},
		{
			ID: MGPKG101, Title: "Package Decodes Or Downloads Code And Executes It", Format: "Python packages",
			Class: Load, Level: Malicious, Rule: DecodeAndExecute, Severity: Critical,
			Summary: "Code that runs at install or import executes what it decodes or downloads on the same line",
			steps:   r14,
		},
		{
			ID: MGPKG102, Title: "Package Holds A Chain That Decodes And Executes", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: SuspiciousCode, Severity: High,
			Summary: "Code that nothing runs by itself executes what it decodes or downloads",
			steps:   r14,
		},
		{
			ID: MGPKG103, Title: "Package Runs Code When It Is Installed", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: InstallCode, Severity: Medium,
			Summary: "Building or installing the package starts programs, calls out or replaces a step of the build",
			steps:   r14,
		},
		{
			ID: MGPKG104, Title: "Package Code Behaves Suspiciously", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: SuspiciousCode, Severity: Medium,
			Summary: "The code shows signs that malicious packages show: hidden windows, call-back addresses, persistence, hidden text",
			steps:   r14,
		},
		{
			ID: MGPKG105, Title: "Native Binary In A Pure Wheel", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: NativeInPure, Severity: Medium,
			Summary: "The wheel says that it has no code for a certain machine, and carries a program or library",
			steps:   r14,
		},
		{
			ID: MGPKG106, Title: "Content Differs From The Record", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: RecordMatches, Severity: Medium,
			Summary: "RECORD does not list what the wheel holds, or gives other digests or sizes",
			steps:   r14,
		},
		{
			ID: MGPKG107, Title: "Names Of The Package Disagree", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: NamesMatch, Severity: Medium,
			Summary: "File name, metadata and folders tell of different projects or versions",
			steps:   r14,
		},
		{
			ID: MGPKG108, Title: "Archive Of The Package Is Odd", Format: "Python packages",
			Class: Load, Level: Suspicious, Rule: ArchiveHygiene, Severity: Medium,
			Summary: "The archive holds what no build tool writes: links, duplicates, names that only differ by case, bytes of no member",
			steps:   r14,
		},
		{
			ID: MGPKG400, Title: "Package Was Not Read To Its End", Format: "Python packages",
			Class: Unjudged, Level: Unscannable, Rule: ReadableArchive, Severity: High,
			Summary: "The archive is broken, encrypted, over budget, or leads outside of itself, so it was not scanned whole",
			steps:   r12,
		},
		{
			ID: MGINFO500, Title: "Remark",
			Class: Remark, Level: Clean, Rule: NoRule, Severity: Info,
			Summary: "Secrets, URLs, odd words: kept, never judged",
			steps:   nil,
		},
	}
}

// Remediation steps, shared between threats of one kind.
var (
	r0  = []string{"Store the model in a format approved by your organization", "Look for a safetensors version of the same model", "Ask the security team to approve the format"}
	r1  = []string{"Do not unpack or load the file", "Inspect the named member or path", "Obtain the model from its original publisher"}
	r2  = []string{"Use model formats that disallow arbitrary code execution", "Replace the template by the one of the original model", "Do not load the file with a renderer that is not sandboxed"}
	r3  = []string{"Use model formats that disallow arbitrary code execution", "Replace the Lambda layer by a registered layer and save again", "Load with safe mode on"}
	r4  = []string{"Find out where the layer's code comes from and review it", "Prefer a model built from standard layers"}
	r5  = []string{"Use model formats that disallow arbitrary code execution", "Use the safetensors version if there is one", "Do not load the file: such a threat cannot be removed reliably", "Look into the model's history, or, if it's your own, into its build process"}
	r6  = []string{"Replace the directive by a class of the framework", "Review what the named function does", "Load YAML with a safe loader"}
	r7  = []string{"Inspect the parallel path named in the finding", "Compare the graph with the publisher's", "Retrain or re-export the model"}
	r8  = []string{"Ensure that the model does not contain any custom TensorFlow operators", "Remove the operator and export again"}
	r9  = []string{"Do not run the file", "Use the weights in GGUF or safetensors form with your own runtime"}
	r10 = []string{"Use model formats that disallow arbitrary code execution", "Export the weights as safetensors or the graph as ONNX"}
	r11 = []string{"Read the code at exactly this commit", "Pin the commit", "Prefer a model that the library supports without remote code"}
	r12 = []string{"Download again and compare digests", "Ask the publisher for an intact file", "If it's yours, save it again with a current version of the framework"}
	r14 = []string{"Do not install this release", "Read the named lines", "Take an older release, and report this one to the index"}
	r13 = []string{"Do not use the copy", "Report it to the operator: the upstream or the path to it may be tampered with"}
)
