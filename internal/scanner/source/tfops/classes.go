package tfops

// row is a class with its operators.
type row struct {
	class Class
	ops   []string
}

// table lists the operators that do more than compute. (Core operators of TensorFlow 1 and 2; io_ops, summary_ops, dataset_ops,
// experimental_dataset_ops, script_ops, rpc_ops, debug_ops, cloud and tpu_ops.)
func table() []row {
	return []row{
		{Writes, []string{
			"WriteFile", "SaveDataset", "SaveDatasetV2", "SnapshotDataset", "SnapshotDatasetV2", "SnapshotChunkDataset",
			"DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "WriteSummary", "WriteScalarSummary", "WriteHistogramSummary",
			"WriteImageSummary", "WriteAudioSummary", "WriteGraphSummary", "WriteRawProtoSummary", "ImportEvent",
		}},
		{Saves, []string{"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints", "DistributedSave"}},
		{HostCode, []string{"PyFunc", "PyFuncStateless", "EagerPyFunc"}},
		{Network, []string{
			"RpcServer", "RpcServerStart", "RpcServerRegister", "RpcClient", "RpcCall", "RpcCheckStatus", "RpcGetValue", "DeleteRpcFutureResource",
			"RegisterDataset", "RegisterDatasetV2", "DataServiceDataset", "DataServiceDatasetV2", "DataServiceDatasetV3", "DataServiceDatasetV4",
			"DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary", "DebugNumericSummaryV2",
			"BigQueryReader", "Rpc", "TryRpc",
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
			"LoadDataset", "ListSnapshotChunksDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader", "Skipgram",
			"CreateSummaryFileWriter", "CreateSummaryDbWriter", // these create a file and write nothing of the graph's choice
		}},
		{Restores, []string{
			"Restore", "RestoreSlice", "RestoreV2", "ShardedFilename", "ShardedFilespec", "InitializeTableFromTextFile",
			"InitializeTableFromTextFileV2",
		}},
		{Opaque, []string{
			"TPUExecute", "TPUExecuteAndUpdateVariables", "TPUPartitionedCall", "TPUPartitionedCallV2", "TPUCompile", "XlaLaunch", "XlaLaunchV2",
			"XlaHostCompute", "XlaCustomCall", "XlaCustomCallV2", "TRTEngineOp", "NeuronOp", "IPUCustomOp",
		}},
		{Parses, []string{"DecodeProtoV2", "EncodeProto"}},
		{Prints, []string{"PrintV2"}},
	}
}
