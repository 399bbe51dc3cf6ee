package openvino

// OperatorsText is the table of operators.
func OperatorsText() string { return operatorsText }
