package pickle

import (
	"slices"
	"strings"
)

// safe is a row of the table of harmless names: modules, roles, a condition, and names. Functions are called, classes made and
// given a state; what is only imported may be stored, and flagged when it is called.
type safe struct {
	modules string
	roles   roles
	check   check
	names   string
}

// safeRows is the table. Its libraries: CPython 3.6 to 3.13, NumPy 1.11 to 2.4, torch 0.4 to 2.5, joblib 0.8 to 1.6,
// scikit-learn 0.20 to 1.9, SciPy 1.17, pandas 0.25 to 3.1, LightGBM 4.7, XGBoost 3.2, TensorFlow 2.21, Keras 2.2 to 3.15.
func safeRows() []safe {
	return slices.Concat(standardRows(), numpyRows(), torchRows(), tensorflowRows(), libraryRows())
}

func standardRows() []safe {
	return []safe{
		{"builtins", roleCreated | roleFill, checkContainer, "set frozenset list dict bytearray"},
		{"builtins", roleCreated, checkContainer, "tuple bytes"},
		{"builtins", roleCreated, 0, "int float complex bool slice range object"},
		{"builtins", roleCreated, checkShown, "str"},
		{"builtins", roleNew | roleCall, 0, "enumerate zip reversed"},
		{"builtins", roleImport, 0, "NoneType Ellipsis NotImplemented abs len sum round divmod pow ord chr repr hash isinstance"},
		{"builtins", roleCall, checkTypeOf, "type"},
		{"builtins", roleCreated, 0, `BaseException Exception ArithmeticError AssertionError AttributeError BufferError EOFError
			FloatingPointError ImportError IndexError KeyError LookupError MemoryError ModuleNotFoundError NameError
			NotImplementedError OSError OverflowError RecursionError RuntimeError StopIteration SyntaxError SystemError
			TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError
			ZeroDivisionError Warning UserWarning DeprecationWarning FutureWarning RuntimeWarning KeyboardInterrupt`},
		{"copyreg", roleCall, checkReconstructor, "_reconstructor"},
		{"copyreg", roleCall, checkNewObj, "__newobj__ __newobj_ex__"},
		{"_codecs", roleCall, checkEncode, "encode"},
		{"collections", roleCreated | roleFill, checkContainer, "OrderedDict deque Counter UserList"},
		{"collections", roleCreated | roleFill, 0, "UserDict ChainMap"},
		{"collections", roleCreated, checkShown, "UserString"},
		{"collections", roleNew | roleCall | roleBuild | roleFill, checkFactory, "defaultdict"},
		{"datetime", roleCreated, 0, "datetime date time timedelta timezone"},
		{"decimal _decimal _pydecimal", roleCreated, checkDecimal, "Decimal"},
		{"decimal", roleCreated, 0, "Context"},
		{"fractions", roleCreated, checkDecimal, "Fraction"},
		{"uuid", roleCreated, 0, "UUID SafeUUID"},
		{"types", roleCreated, 0, "SimpleNamespace MappingProxyType NoneType GenericAlias"},
		{"argparse", roleCreated, 0, "Namespace"},
		{"array", roleCreated | roleFill, checkContainer, "array"},
		{"_io io", roleCreated, checkBytesIO, "BytesIO"},
		{"_io io", roleCreated, 0, "StringIO"},
		{"inspect", roleCreated, 0, "FullArgSpec"},
		{"array", roleCall, 0, "_array_reconstructor"},
		{"random", roleCreated, 0, "Random"},
		{"re", roleCall | roleMember, 0, "_compile RegexFlag"},
		{"sre_compile re._compiler", roleImport, 0, "compile"},
		{"logging", roleCall, 0, "getLogger"},
		{"string", roleCreated, 0, "Template"},
		{"pathlib pathlib._local", roleCreated, 0, "Path PosixPath PurePath PurePosixPath WindowsPath PureWindowsPath"},
		{"ipaddress", roleCreated, 0, "IPv4Address IPv6Address IPv4Network IPv6Network"},
		{"math cmath", roleImport, 0, "sqrt exp log log2 log10 log1p expm1 sin cos tan asin acos atan atan2 sinh cosh tanh floor ceil fabs pow hypot erf gamma"},
		{"operator _operator", roleImport, 0, "add sub mul truediv floordiv mod neg pos pow eq ne lt le gt ge and_ or_ xor not_ matmul abs index"},
		{"typing", roleImport, 0, "Any Union Optional List Dict Tuple Set Callable Sequence Mapping Iterable Generic TypeVar"},
		{"collections.abc", roleImport, 0, "Mapping MutableMapping Sequence MutableSequence Set Iterable Callable Hashable"},
		{"time", roleCreated, 0, "struct_time"},
		{"dataclasses", roleImport, 0, "_MISSING_TYPE MISSING"},
		{"numbers", roleImport, 0, "Number Real Integral Rational Complex"},
		{"enum", roleImport, 0, "Enum IntEnum Flag IntFlag"},
		{"dill._dill", roleCall, checkLoadType, "_load_type"},
		{"dill._dill", roleCall, checkConstant, "_eval_repr"},
		{"pytz", roleCall, 0, "_UTC _p UTC"},
		{"zoneinfo zoneinfo._zoneinfo", roleCreated, 0, "ZoneInfo ZoneInfo._unpickle"},
		{"dateutil.relativedelta", roleClass | roleCall, 0, "relativedelta"},
		{"dateutil._common dateutil.relativedelta", roleClass | roleCall, 0, "weekday"},
		{"dateutil.tz.tz", roleClass | roleCall, 0, "tzutc tzlocal tzoffset"},
	}
}

func numpyRows() []safe {
	return []safe{
		{"numpy.core.multiarray numpy._core.multiarray numpy.core._internal", roleMakes, checkArray, "_reconstruct"},
		{"numpy.core.multiarray numpy._core.multiarray", roleCall, 0, "scalar"},
		{"numpy.core.numeric numpy._core.numeric", roleCall, 0, "_frombuffer"},
		{"numpy.core numpy._core numpy", roleCall, checkUfunc, "_ufunc_reconstruct"},
		{"numpy.core numpy._core", roleMakes, checkDType, "_DType_reconstruct"},
		{"numpy numpy.core.multiarray numpy._core.multiarray", roleCreated, checkBuffer, "ndarray matrix recarray record chararray"},
		{"numpy", roleCreated, checkDType, "dtype"},
		{"numpy._core._internal numpy.core._internal", roleCall, checkDType, "_convert_to_stringdtype_kwargs"},
		{"numpy.core.records numpy._core.records numpy.rec", roleCreated, checkBuffer, "recarray record"},
		{"numpy.matrixlib.defmatrix", roleCreated, 0, "matrix"},
		{"numpy.core.defchararray numpy._core.defchararray numpy.char", roleCreated, checkBuffer, "chararray"},
		{"numpy.dtypes", roleCreated, 0, `BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType UInt32DType UInt64DType
			Float16DType Float32DType Float64DType LongDoubleDType Complex64DType Complex128DType CLongDoubleDType ByteDType UByteDType
			ShortDType UShortDType IntDType UIntDType LongDType ULongDType LongLongDType ULongLongDType ObjectDType BytesDType StrDType
			VoidDType DateTime64DType TimeDelta64DType StringDType`},
		{"numpy", roleCreated, checkShown, "str_ unicode_"},
		{"numpy", roleCreated, 0, `bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 float128 longdouble
			complex64 complex128 complex256 clongdouble bytes_ void object_ datetime64 timedelta64 intc uintc int_ uint longlong
			ulonglong byte ubyte short ushort single double half float_ complex_ string_ intp uintp generic number integer
			floating inexact signedinteger unsignedinteger character flexible`},
		{"numpy.ma.core numpy.ma", roleMakes, checkArray, "_mareconstruct"},
		{"numpy.ma.core numpy.ma", roleCreated, 0, "MaskedArray MaskedConstant mvoid"},
		{"numpy.ma.mrecords", roleMakes, checkArray, "_mrreconstruct"},
		{"numpy.ma.mrecords", roleCreated, 0, "MaskedRecords"},
		{"numpy.random._pickle numpy.random", roleMakes, checkGenerator, "__randomstate_ctor __RandomState_ctor __generator_ctor __bit_generator_ctor"},
		{"numpy.random.mtrand numpy.random.mtrand.RandomState numpy.random", roleCreated, 0, "RandomState"},
		{"numpy.random._generator numpy.random", roleCreated, 0, "Generator"},
		{
			"numpy.random._mt19937 numpy.random._pcg64 numpy.random._philox numpy.random._sfc64 numpy.random", roleCreated, 0,
			"MT19937 PCG64 PCG64DXSM Philox SFC64",
		},
		{"numpy.random.bit_generator numpy.random", roleCreated, 0, "SeedSequence SeedlessSeedSequence __pyx_unpickle_SeedSequence __pyx_unpickle_SeedlessSeedSequence"},
		{
			"numpy.polynomial.polynomial numpy.polynomial.chebyshev numpy.polynomial.legendre numpy.polynomial.hermite numpy.polynomial.laguerre",
			roleClass, 0, "Polynomial Chebyshev Legendre Hermite Laguerre",
		},
		{"numpy.lib.polynomial numpy.lib._polynomial_impl numpy", roleClass, 0, "poly1d"},
		{"numpy.lib.function_base numpy.lib._function_base_impl numpy", roleClass, 0, "vectorize"},
		{"numpy.lib.index_tricks numpy.lib._index_tricks_impl", roleClass, 0, "nd_grid MGridClass OGridClass"},
		{"numpy numpy.core._multiarray_umath numpy._core._multiarray_umath numpy.core.umath numpy._core.umath numpy.core.fromnumeric " +
			"numpy._core.fromnumeric numpy.lib.function_base numpy.lib._function_base_impl numpy.lib.nanfunctions numpy.lib._nanfunctions_impl " +
			"numpy.core.numeric numpy._core.numeric", roleImport, 0, `absolute abs add subtract multiply divide true_divide floor_divide power sqrt
			square cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh
			arctanh sign floor ceil rint trunc maximum minimum fmax fmin reciprocal negative positive isnan isinf isfinite
			logical_and logical_or logical_not logical_xor greater greater_equal less less_equal equal not_equal clip mean median
			average std var sum prod min max amin amax argmin argmax nanmean nanmedian nanstd nanvar nansum nanmin nanmax cumsum
			cumprod diff around round round_ nan_to_num ravel reshape squeeze transpose concatenate hypot deg2rad rad2deg degrees
			radians percentile quantile ptp any all zeros ones full empty zeros_like ones_like array asarray identity eye dot`},
		{"joblib.numpy_pickle sklearn.externals.joblib.numpy_pickle", roleCreated, checkArrayWrapper, "NumpyArrayWrapper"},
		{
			"joblib.numpy_pickle_compat joblib.numpy_pickle sklearn.externals.joblib.numpy_pickle_compat sklearn.externals.joblib.numpy_pickle",
			roleCreated, checkFileWrapper, "NDArrayWrapper ZNDArrayWrapper",
		},
	}
}

func torchRows() []safe {
	return []safe{
		{"torch._utils", roleCall, 0, `_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state
			_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_nested_tensor _rebuild_qtensor _rebuild_device_tensor_from_numpy
			_rebuild_device_tensor_from_cpu_tensor _rebuild_xla_tensor _rebuild_mlc_tensor _rebuild_meta_tensor_no_storage
			_rebuild_wrapper_subclass`},
		{"torch._tensor", roleCall, checkRebuildType, "_rebuild_from_type_v2"},
		{"torch.tensor torch._tensor", roleCall, checkRebuildType, "_rebuild_from_type"},
		{"torch.storage", roleCall, checkLoadBytes, "_load_from_bytes"},
		{"torch.storage torch", roleCreated, checkSized, "UntypedStorage TypedStorage _UntypedStorage _TypedStorage _LegacyStorage"},
		{"torch torch.cuda", roleCreated, checkSized, `FloatStorage DoubleStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage
			ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage
			QUInt2x4Storage`},
		{"torch", roleCreated, 0, "Size device Generator finfo iinfo"},
		{"torch", roleCreated, checkSized, "Tensor FloatTensor DoubleTensor HalfTensor LongTensor IntTensor ByteTensor BoolTensor BFloat16Tensor"},
		{"torch", roleImport, 0, `float16 float32 float64 float half double bfloat16 int8 int16 int32 int64 int long short uint8 uint16 uint32 uint64
			bool complex32 complex64 complex128 cfloat cdouble chalf qint8 quint8 qint32 quint4x2 quint2x4 float8_e4m3fn float8_e5m2
			float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu bits8 strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc jagged
			per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric contiguous_format channels_last preserve_format
			channels_last_3d relu tanh sigmoid`},
		{"torch.serialization", roleCall, 0, "_get_layout"},
		{"torch.distributed.checkpoint.filesystem", roleClass, 0, "_StorageInfo _StoragePrefix"},
		{"torch.nested._internal.nested_tensor", roleCall, 0, "_rebuild_njt"},
		{"torch._tensor", roleCreated, checkSized, "Tensor"},
		{"torch.nn.parameter", roleCreated, 0, "Parameter Buffer UninitializedParameter UninitializedBuffer UninitializedTensorMixin"},
		{"torch.nn", roleCreated, 0, "Parameter"},
		{"torch.nn.backends.thnn", roleCall, 0, "_get_thnn_function_backend"},
		{"torch.jit._pickle", roleCall, 0, "build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id restore_type_tag"},
		{"torch.nn.functional torch.nn.modules.activation", roleImport, 0, `relu gelu silu elu selu celu leaky_relu softplus sigmoid tanh softmax log_softmax mish
			hardswish hardsigmoid hardtanh relu6 glu cross_entropy mse_loss l1_loss nll_loss binary_cross_entropy
			binary_cross_entropy_with_logits layer_norm dropout linear normalize interpolate pad one_hot`},
		{"torch._C._nn", roleImport, 0, "gelu silu elu leaky_relu softplus mish hardswish"},
		{"torch.nn.init", roleImport, 0, `xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ uniform_ normal_ zeros_ ones_ constant_
			orthogonal_ trunc_normal_ eye_ dirac_ sparse_`},
		{"torch.distributed._tensor.placement_types torch.distributed.tensor.placement_types", roleCreated, 0, "Shard Replicate Partial _Partial Placement"},
		{"torch.distributed.device_mesh torch.distributed._tensor.device_mesh", roleCreated, 0, "DeviceMesh"},
		{"torch.utils._ordered_set torch.utils", roleCreated | roleFill, 0, "OrderedSet"},
		{"torch.torch_version", roleCreated, 0, "TorchVersion"},
		{"torch.utils.hooks", roleCreated, 0, "RemovableHandle"},
		{"torch.nn.modules.container", roleCreated | roleFill, 0, "ModuleList ModuleDict ParameterList ParameterDict Sequential"},
	}
}

// tensorflowRows are the names of TensorFlow and, beside its classes, of Keras. What loads a model is harmless as far as the model is, which
// lies in its argument and is scanned as a file of Keras; everything else of the modules for saving is dangerous.
func tensorflowRows() []safe {
	return []safe{
		{"tensorflow.python.framework.dtypes", roleCall, 0, "as_dtype"},
		{"tensorflow.python.framework.dtypes", roleCreated, 0, "DType"},
		{"tensorflow.python.framework.ops tensorflow.python.framework.tensor_conversion", roleCall, 0, "convert_to_tensor"},
		{"tensorflow.python.framework.tensor_shape", roleCreated, 0, "TensorShape Dimension"},
		{"tensorflow.python.framework.tensor tensorflow.python.framework.tensor_spec", roleCreated, 0, "TensorSpec BoundedTensorSpec DenseSpec"},
		{"tensorflow.python.ops.resource_variable_ops", roleCreated, 0, "ResourceVariable"},
		{"tensorflow.python.ops.ragged.ragged_tensor", roleCreated, 0, "RaggedTensor RaggedTensorSpec"},
		{"tensorflow.python.ops.ragged.row_partition", roleCreated, 0, "RowPartition RowPartitionSpec"},
		{"tensorflow.python.trackable.base", roleCreated, 0, "TrackableReference"},
		{"tensorflow.python.trackable.data_structures tensorflow.python.training.tracking.data_structures", roleClass | roleFill, 0, "ListWrapper List NoDependency"},
		{
			"tf_keras.src.saving.pickle_utils keras.src.saving.pickle_utils keras.saving.pickle_utils", roleCall, checkLoadBytes,
			"deserialize_model_from_bytecode",
		},
		{"tf_keras.src.saving.serialization_lib keras.src.saving.serialization_lib keras.saving.serialization_lib", roleClass, 0, "Config"},
		{"keras.src.backend", roleClass, 0, "Variable"},
		{"keras.activations keras.src.activations keras.src.activations.activations tf_keras.src.activations", roleImport, 0, `elu exponential gelu
			hard_sigmoid hard_silu leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax softplus softsign swish tanh`},
		{"keras.losses keras.src.losses keras.src.losses.losses keras.metrics keras.src.metrics tf_keras.src.losses tf_keras.src.metrics", roleImport, 0, `
			binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy categorical_hinge
			cosine_similarity dice hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error
			mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge tversky`},
	}
}

func libraryRows() []safe {
	return []safe{
		{
			"sklearn.tree._tree sklearn.tree.tree sklearn.tree._splitter sklearn.tree._criterion sklearn.ensemble._gradient_boosting", roleCreated, 0,
			`Tree BestSplitter RandomSplitter BestSparseSplitter RandomSparseSplitter Gini Entropy MSE MAE FriedmanMSE Poisson`,
		},
		{
			"sklearn.neighbors._kd_tree sklearn.neighbors._ball_tree sklearn.neighbors.kd_tree sklearn.neighbors.ball_tree", roleCreated, 0,
			"KDTree BallTree KDTree64 KDTree32 BallTree64 BallTree32",
		},
		{"sklearn.neighbors._dist_metrics sklearn.neighbors.dist_metrics sklearn.metrics._dist_metrics", roleCreated, 0, `EuclideanDistance
			ManhattanDistance ChebyshevDistance MinkowskiDistance SEuclideanDistance MahalanobisDistance HammingDistance CanberraDistance
			BrayCurtisDistance JaccardDistance MatchingDistance DiceDistance KulsinskiDistance RogersTanimotoDistance RussellRaoDistance
			SokalMichenerDistance SokalSneathDistance HaversineDistance WMinkowskiDistance PyFuncDistance DistanceMetric EuclideanDistance64
			EuclideanDistance32 ManhattanDistance64 ManhattanDistance32 ChebyshevDistance64 MinkowskiDistance64 MinkowskiDistance32
			DistanceMetric64 DistanceMetric32 HaversineDistance64`},
		{"sklearn.linear_model._sgd_fast sklearn.linear_model.sgd_fast", roleCreated, 0, `Hinge SquaredHinge Log ModifiedHuber SquaredLoss Huber
			EpsilonInsensitive SquaredEpsilonInsensitive LossFunction Regression Classification`},
		{"sklearn._loss._loss", roleCreated, 0, `CyHalfSquaredError CyAbsoluteError CyPinballLoss CyHuberLoss CyHalfPoissonLoss CyHalfGammaLoss
			CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHalfBinomialLoss CyExponentialLoss CyHalfMultinomialLoss CyLossFunction`},
		{"sklearn.metrics sklearn.metrics._classification sklearn.metrics._regression sklearn.metrics._ranking sklearn.metrics.classification " +
			"sklearn.metrics.regression sklearn.metrics.ranking sklearn.metrics.cluster sklearn.metrics.cluster._supervised " +
			"sklearn.metrics.cluster._unsupervised sklearn.metrics.scorer sklearn.metrics._scorer", roleImport, 0, `accuracy_score f1_score fbeta_score
			precision_score recall_score roc_auc_score log_loss brier_score_loss balanced_accuracy_score jaccard_score matthews_corrcoef
			cohen_kappa_score hamming_loss zero_one_loss average_precision_score top_k_accuracy_score r2_score mean_squared_error
			mean_absolute_error root_mean_squared_error mean_squared_log_error root_mean_squared_log_error median_absolute_error max_error
			explained_variance_score mean_poisson_deviance mean_gamma_deviance mean_absolute_percentage_error d2_absolute_error_score
			mean_tweedie_deviance mean_pinball_loss ndcg_score dcg_score adjusted_rand_score rand_score v_measure_score homogeneity_score
			completeness_score mutual_info_score adjusted_mutual_info_score normalized_mutual_info_score fowlkes_mallows_score
			silhouette_score calinski_harabasz_score davies_bouldin_score confusion_matrix roc_curve auc positive_likelihood_ratio
			negative_likelihood_ratio _passthrough_scorer`},
		{"sklearn.metrics.pairwise", roleImport, 0, `rbf_kernel linear_kernel polynomial_kernel sigmoid_kernel cosine_similarity laplacian_kernel chi2_kernel
			additive_chi2_kernel euclidean_distances manhattan_distances cosine_distances haversine_distances pairwise_distances nan_euclidean_distances
			pairwise_kernels`},
		{
			"sklearn.feature_selection sklearn.feature_selection._univariate_selection sklearn.feature_selection.univariate_selection " +
				"sklearn.feature_selection._mutual_info sklearn.feature_selection.mutual_info_", roleImport, 0,
			"f_classif f_regression f_oneway chi2 r_regression mutual_info_classif mutual_info_regression",
		},
		{
			"sklearn.preprocessing sklearn.preprocessing._data sklearn.preprocessing.data", roleImport, 0,
			"scale minmax_scale maxabs_scale robust_scale normalize binarize power_transform quantile_transform add_dummy_feature",
		},
		{"sklearn.utils.deprecation", roleCreated, 0, "DeprecationDict"},
		{"sklearn.datasets.base sklearn.datasets._base", roleCreated | roleFill, 0, "Bunch"}, // where old releases defined sklearn.utils.Bunch
		{
			"scipy.sparse scipy.sparse.csr scipy.sparse.csc scipy.sparse.coo scipy.sparse.dok scipy.sparse.lil scipy.sparse.bsr scipy.sparse.dia", roleCreated, 0,
			"csr_matrix csc_matrix coo_matrix dok_matrix lil_matrix bsr_matrix dia_matrix csr_array csc_array coo_array",
		},
		{"scipy.spatial._ckdtree scipy.spatial.ckdtree scipy.spatial.kdtree scipy.spatial._kdtree scipy.spatial", roleCreated, 0, "cKDTree KDTree cKDTreeNode"},
		{"scipy.stats._distn_infrastructure", roleCreated, 0, "rv_frozen rv_continuous_frozen rv_discrete_frozen"},
		{"scipy.interpolate.interpolate scipy.interpolate._interpolate", roleImport, 0, `interp1d._call_linear interp1d._call_linear_np
			interp1d._call_nearest interp1d._call_previousnext interp1d._call_spline interp1d._call_nan_spline`},
		{"scipy._lib.array_api_compat.numpy._aliases scipy._external.array_api_compat.numpy._aliases", roleImport, 0, "asarray"},
		{"sklearn.cluster._kmeans sklearn.cluster.k_means_", roleImport, 0, "_kmeans_single_lloyd _kmeans_single_elkan"},
		{"scipy.interpolate.interpolate scipy.interpolate._interpolate scipy.interpolate", roleCreated, 0, "interp1d interp2d PPoly BPoly"},
		{"scipy.special scipy.special._ufuncs", roleImport, 0, "expit logit erf erfc gamma gammaln digamma logsumexp softmax xlogy"},
		{"pandas._libs.internals", roleCall, 0, "_unpickle_block"},
		{"pandas._libs.internals", roleCreated, 0, "BlockManager SharedBlock NumpyBlock Block BlockPlacement"},
		{"pandas.core.indexes.base pandas.indexes.base pandas.core.index", roleCall, checkClassFirst, "_new_Index"},
		{"pandas.core.indexes.interval", roleCall, checkClassFirst, "_new_IntervalIndex"},
		{
			"pandas.core.indexes.datetimes pandas.tseries.index pandas.core.indexes.period pandas.core.indexes.timedeltas", roleCall, checkClassFirst,
			"_new_DatetimeIndex _new_PeriodIndex _new_TimedeltaIndex",
		},
		{"pandas._libs.sparse", roleCreated, 0, "IntIndex BlockIndex"},
		{"pandas pandas.tseries.offsets", roleCreated, 0, "DateOffset"},
		{"pyarrow.lib", roleCall, 0, `_restore_array py_buffer type_for_alias field list_ large_list list_view struct map_ dictionary timestamp time32 time64
			duration decimal32 decimal64 decimal128 decimal256 binary schema chunked_array _reconstruct_record_batch _reconstruct_table`},
		{"pandas._libs.tslibs.timestamps", roleCreated, 0, "Timestamp _unpickle_timestamp"},
		{"pandas._libs.tslibs.timedeltas", roleCreated, 0, "Timedelta _timedelta_unpickle"},
		{"pandas._libs.tslibs.nattype", roleCall, 0, "_nat_unpickle NaTType"},
		{"pandas._libs.tslibs.period", roleCreated, 0, "Period PeriodDtypeBase"},
		{"pandas._libs.tslibs.offsets", roleCreated, 0, `Day Hour Minute Second Milli Micro Nano MonthEnd MonthBegin QuarterEnd QuarterBegin YearEnd YearBegin
			Week BusinessDay BDay BMonthEnd BusinessMonthEnd BusinessMonthBegin SemiMonthEnd DateOffset BusinessHour`},
		{"pandas._libs.interval", roleCreated, 0, "Interval __pyx_unpickle_IntervalMixin"},
		{"pandas._libs.missing", roleCreated, 0, "NAType _NA"},
		{"pandas._libs.arrays", roleMakes, 0, "__pyx_unpickle_NDArrayBacked"},
		{"pandas.core.internals.managers pandas.core.internals", roleCreated, 0, "BlockManager SingleBlockManager"},
		{"pandas pandas.core.dtypes.dtypes pandas.core.arrays.string_ pandas.core.arrays.integer pandas.core.arrays.floating pandas.core.arrays.boolean " +
			"pandas.api.types", roleCreated, 0, `StringDtype PeriodDtype IntervalDtype CategoricalDtype DatetimeTZDtype SparseDtype BooleanDtype Int8Dtype
			Int16Dtype Int32Dtype Int64Dtype UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype ArrowDtype`},
		{"pandas", roleCreated, 0, "Interval Period NaT NA IntervalIndex RangeIndex MultiIndex DatetimeIndex"},
		{"pandas._libs.arrays", roleCreated, 0, "NDArrayBacked"},
		{"pandas pandas.core.frame pandas.core.series", roleCreated, 0, "DataFrame Series Index Timestamp Timedelta Categorical"},
		{"pandas.core.indexes.numeric pandas.indexes.numeric pandas.core.index pandas", roleCreated, 0, "Int64Index UInt64Index Float64Index NumericIndex"},
		{"pandas.core.indexes.frozen", roleCreated | roleFill, 0, "FrozenList FrozenNDArray"},
		{"lightgbm.basic", roleClass, 0, "Booster"},
		{"tokenizers", roleCreated, 0, "Tokenizer AddedToken Encoding"},
		{
			"tokenizers.models tokenizers.decoders tokenizers.normalizers tokenizers.pre_tokenizers tokenizers.processors", roleCreated, 0,
			"BPE WordPiece WordLevel Unigram Model Decoder Normalizer PreTokenizer PostProcessor",
		},
		{"omegaconf.base omegaconf", roleCreated, 0, "Metadata ContainerMetadata Node"},
		{"omegaconf.listconfig", roleCreated, 0, "ListConfig"},
		{
			"transformers.tokenization_utils_base transformers.feature_extraction_utils transformers.image_processing_utils", roleCreated | roleFill, 0,
			"BatchEncoding BatchFeature",
		},
	}
}

// safeNames is the table by full name.
var safeNames = func() map[string]verdict {
	t := map[string]verdict{}
	for _, row := range safeRows() {
		for module := range strings.FieldsSeq(row.modules) {
			for name := range strings.FieldsSeq(row.names) {
				v := verdict{roles: row.roles, check: row.check}
				switch row.check {
				case checkNone, checkDType, checkArrayWrapper, checkFileWrapper, checkBuffer, checkSized, checkDecimal:
				default:
					v.grade = conditional
				}
				t[module+"."+name] = v
			}
		}
	}
	return t
}()
