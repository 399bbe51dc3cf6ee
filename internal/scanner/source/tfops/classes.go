package tfops

import "slices"

// row is a class with its operators.
type row struct {
	class Class
	ops   []string
}

// table lists the operators that do more than compute.
func table() []row { return slices.Concat(coreTable(), libraryTable()) }

// coreTable lists TensorFlow's own. (Operators of TensorFlow 1 and 2: io_ops, summary_ops, dataset_ops, experimental_dataset_ops,
// script_ops, rpc_ops, debug_ops, cloud and tpu_ops, and of 1.x contrib.)
func coreTable() []row {
	return []row{
		{Writes, []string{
			"WriteFile", "SaveDataset", "SaveDatasetV2", "SnapshotDataset", "SnapshotDatasetV2", "SnapshotChunkDataset",
			"DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "WriteSummary", "WriteScalarSummary", "WriteHistogramSummary",
			"WriteImageSummary", "WriteAudioSummary", "WriteGraphSummary", "WriteRawProtoSummary", "ImportEvent",
			"CalibrationStatisticsSaver", "DumpTensor", "SerializeTRTResource",
		}},
		{Saves, []string{"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints", "DistributedSave"}},
		{HostCode, []string{
			"PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaCustomCall", "XlaCustomCallV2", // these name a function of a library
		}},
		{Network, []string{
			"RpcServer", "RpcServerStart", "RpcServerRegister", "RpcClient", "RpcCall", "RpcCheckStatus", "RpcGetValue", "DeleteRpcFutureResource",
			"RegisterDataset", "RegisterDatasetV2", "DataServiceDataset", "DataServiceDatasetV2", "DataServiceDatasetV3", "DataServiceDatasetV4",
			"DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary", "DebugNumericSummaryV2",
			"BigQueryReader", "GenerateBigQueryReaderPartitions", "Rpc", "TryRpc", "KafkaDataset", "KinesisDataset", "IgniteDataset",
			"BigtableClient", "BigtableTable", "BigtableLookupDataset", "BigtablePrefixKeyDataset", "BigtableRangeKeyDataset",
			"BigtableSampleKeyPairsDataset", "BigtableSampleKeysDataset", "BigtableScanDataset", "DatasetToBigtable",
		}},
		{Remote, []string{
			"RemoteCall", "RemoteFusedGraphExecute", "FileSystemSetConfiguration", "GcsConfigureCredentials", "GcsConfigureBlockCache",
		}},
		{Reads, []string{
			"ReadFile", "MatchingFiles", "MatchingFilesDataset", "ExperimentalMatchingFilesDataset", "TextLineDataset", "TFRecordDataset",
			"TFRecordDatasetV2", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "TextLineReader", "TextLineReaderV2",
			"TFRecordReader", "TFRecordReaderV2", "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "WholeFileReader",
			"WholeFileReaderV2", "ImmutableConst", "LoadAndRemapMatrix", "GenerateVocabRemapping", "LMDBReader", "LMDBDataset",
			"ExperimentalLMDBDataset", "SqlDataset", "ExperimentalSqlDataset", "CSVDataset", "CSVDatasetV2", "ExperimentalCSVDataset",
			"LoadDataset", "ListSnapshotChunksDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader", "Skipgram", "RecordInput",
			"SequenceFileDataset", "CreateSummaryFileWriter", "CreateSummaryDbWriter", // these create a file and write nothing of the graph's choice
		}},
		{Restores, []string{
			"Restore", "RestoreSlice", "RestoreV2", "DTensorRestoreV2", "ShardedFilename", "ShardedFilespec", "InitializeTableFromTextFile",
			"InitializeTableFromTextFileV2", "InitializeTRTResource",
		}},
		{Opaque, []string{
			"TPUExecute", "TPUExecuteAndUpdateVariables", "TPUPartitionedCall", "TPUCompile", "_TPUCompileMlir",
			"XlaLaunch", "XlaLaunchV2", "XlaHostCompute", "_XlaHostComputeMlir", "_XlaCompile", "_XlaRun", "TRTEngineOp", "NeuronOp", "IPUCustomOp",
			"DatasetFromGraph",
		}},
		{Stops, []string{"Abort"}},
		{Parses, []string{"DecodeProtoV2", "EncodeProto"}},
		{Prints, []string{"PrintV2"}},
	}
}

// libraryTable lists the operators of libraries beside TensorFlow: tensorflow-io, decision forests, recommenders, Reverb and
// struct2tensor.
func libraryTable() []row {
	return []row{
		{Writes, []string{
			"IO>FileInit", "IO>FileCall", "IO>FileSync", "IO>TextOutputSequence", "IO>TextOutputSequenceSetItem",
			"SimpleMLModelTrainer", "SimpleMLModelTrainerOnFile", "SimpleMLCategoricalIntFeatureOnFile", "SimpleMLCategoricalStringFeatureOnFile",
			"SimpleMLNumericalFeatureOnFile", "SimpleMLChiefFinalizeFeatureOnFile", "SimpleMLWorkerFinalizeFeatureOnFile",
			"TFRA>CuckooHashTableSaveToFileSystem", "TFRA>HkvHashTableSaveToFileSystem", "TFRA>RedisTableSaveToFileSystem",
		}},
		{Network, []string{
			"BigtableDataset", "IO>ArrowStreamDataset", "IO>BigQueryClient", "IO>BigQueryDataset", "IO>BigQueryReadSession", "IO>BigQueryTestClient",
			"IO>ElasticsearchReadableInit", "IO>ElasticsearchReadableNext", "IO>GRPCReadableInit", "IO>GRPCReadableRead", "IO>KafkaDataset",
			"IO>KafkaGroupReadableInit", "IO>KafkaGroupReadableNext", "IO>KafkaIterableInit", "IO>KafkaOutputSequence",
			"IO>KafkaOutputSequenceFlush", "IO>KafkaOutputSequenceSetItem", "IO>KafkaReadableInit", "IO>KafkaReadableNext",
			"IO>KafkaReadableRead", "IO>KinesisReadableInit", "IO>KinesisReadableRead", "IO>LayerKafkaCall", "IO>LayerKafkaInit",
			"IO>LayerKafkaSync", "IO>MongoDBReadableInit", "IO>MongoDBReadableNext", "IO>MongoDBWritableDeleteMany", "IO>MongoDBWritableInit",
			"IO>MongoDBWritableWrite", "IO>PrometheusReadableInit", "IO>PrometheusReadableRead", "IO>PrometheusScrape", "IO>PubSubReadableInit",
			"IO>PubSubReadableRead", "IO>PulsarReadableInit", "IO>PulsarReadableNext", "IO>PulsarWritableFlush", "IO>PulsarWritableInit",
			"IO>PulsarWritableWrite", "IO>SqlIterableInit", "IO>SqlIterableRead", "IO>WriteKafka",
			"TFRA>RedisTableOfTensors", "SimpleMLCreateYDFGRPCWorker", "SimpleMLUpdateGRPCWorkerAddress",
			"ReverbClient", "ReverbClientInsert", "ReverbClientSample", "ReverbClientUpdatePriorities", "ReverbPatternDataset",
			"ReverbTimestepDataset", "ReverbTrajectoryDataset",
		}},
		{Remote, []string{"IO>FileSystemSetConfiguration"}},
		{Reads, []string{
			"IO>ATDSDataset", "IO>ArrowFeatherDataset", "IO>AudioReadableInit", "IO>AvroDataset", "IO>AvroReadableInit", "IO>AvroRecordDataset",
			"IO>CSVReadableInit", "IO>FeatherReadableInit", "IO>FfmpegAudioReadableInit", "IO>FfmpegReadableInit", "IO>FfmpegVideoReadableInit",
			"IO>FileInfo", "IO>FileRead", "IO>HDF5ReadableInfo", "IO>HDF5ReadableRead", "IO>JSONReadableInit", "IO>LMDBDatasetV2",
			"IO>LMDBInput", "IO>LMDBMappingInit", "IO>LMDBReadableInit", "IO>ListArchiveEntries", "IO>ListAvroColumns", "IO>ListFeatherColumns",
			"IO>NumpyInfo", "IO>NumpyRead", "IO>NumpySpec", "IO>ORCReadableInit", "IO>ParquetReadableInfo", "IO>ParquetReadableRead",
			"IO>PcapReadableInit", "IO>ReadArchive", "IO>ReadAvro", "IO>ReadText", "IO>VideoCaptureReadableInit", "IO>VideoReadableInit",
			"ParquetDataset", "TFRA>CuckooHashTableLoadFromFileSystem", "TFRA>HkvHashTableLoadFromFileSystem",
			"TFRA>RedisTableLoadFromFileSystem",
		}},
		{Restores, []string{"SimpleMLLoadModelFromPath", "SimpleMLLoadModelFromPathWithHandle"}},
		{Parses, []string{"DecodeProtoSparseV2", "DecodeProtoSparseV3", "DecodeProtoSparseV4", "DecodeProtoMap", "DecodeProtoMapV2"}},
	}
}
