package tensorflow

import (
	"strconv"
	"strings"
)

// kind is how a field of a message is written.
type kind uint8

const (
	number  kind = iota // varint: integer, bool or enum
	text                // string or bytes
	message             // message of the type that the field names
	table               // map from a string to a message or string, written as messages {1 key, 2 value}
)

// spec is a field of a message as the schema has it.
type spec struct {
	num  int32
	kind kind
	of   string // type of the message, or of the values of a table; "" for strings
	raw  bool   // bytes and no string, which the JSON encoding writes in base64
}

// schema is a message type: its fields by name and by number.
type schema struct {
	byName map[string]spec
	byNum  map[int32]spec
}

// schemaText has the fields that are read, of the messages that are read (tensorflow/core/protobuf and tensorflow/core/framework). All
// others are passed over, as every reader of protobuf does.
const schemaText = `
SavedModel
	saved_model_schema_version 1
	meta_graphs 2 MetaGraphDef
MetaGraphDef
	meta_info_def 1 MetaInfoDef
	graph_def 2 GraphDef
	saver_def 3 SaverDef
	collection_def 4 map CollectionDef
	signature_def 5 map SignatureDef
	asset_file_def 6 AssetFileDef
	object_graph_def 7 SavedObjectGraph
MetaInfoDef
	meta_graph_version 1 text
	stripped_op_list 2 OpList
	tags 4 text
	tensorflow_version 5 text
	tensorflow_git_version 6 text
	stripped_default_attrs 7
	function_aliases 8 map text
OpList
	op 1 OpDef
GraphDef
	node 1 NodeDef
	library 2 FunctionDefLibrary
	version 3
	versions 4 VersionDef
	debug_info 5 text
VersionDef
	producer 1
	min_consumer 2
NodeDef
	name 1 text
	op 2 text
	input 3 text
	device 4 text
	attr 5 map AttrValue
AttrValue
	list 1 ListValue
	s 2 bytes
	i 3
	b 5
	type 6
	shape 7 TensorShapeProto
	tensor 8 TensorProto
	placeholder 9 text
	func 10 NameAttrList
ListValue
	s 2 bytes
	tensor 8 TensorProto
	func 9 NameAttrList
NameAttrList
	name 1 text
	attr 2 map AttrValue
TensorShapeProto
	dim 2 Dim
	unknown_rank 3
Dim
	size 1
TensorProto
	dtype 1
	tensor_shape 2 TensorShapeProto
	tensor_content 4 bytes
	string_val 8 bytes
	resource_handle_val 14 ResourceHandleProto
	variant_val 15 VariantTensorDataProto
ResourceHandleProto
	name 3 text
VariantTensorDataProto
	type_name 1 text
	metadata 2 bytes
	tensors 3 TensorProto
FunctionDefLibrary
	function 1 FunctionDef
FunctionDef
	signature 1 OpDef
	node_def 3 NodeDef
	ret 4 map text
	attr 5 map AttrValue
	control_ret 6 map text
OpDef
	name 1 text
	input_arg 2 ArgDef
	output_arg 3 ArgDef
ArgDef
	name 1 text
	number_attr 5 text
	type_list_attr 6 text
SaverDef
	filename_tensor_name 1 text
	save_tensor_name 2 text
	restore_op_name 3 text
	max_to_keep 4
	sharded 5
	version 7
CollectionDef
	node_list 1 NodeList
	bytes_list 2 BytesList
	any_list 5 AnyList
NodeList
	value 1 text
BytesList
	value 1 bytes
AnyList
	value 1 Any
Any
	type_url 1 text
	value 2 bytes
SignatureDef
	inputs 1 map TensorInfo
	outputs 2 map TensorInfo
	method_name 3 text
TensorInfo
	name 1 text
AssetFileDef
	tensor_info 1 TensorInfo
	filename 2 text
SavedObjectGraph
	nodes 1 SavedObject
SavedObject
	user_object 4 SavedUserObject
	function 6 SavedFunction
	bare_concrete_function 8 SavedBareConcreteFunction
	saveable_objects 11 map SaveableObject
SavedUserObject
	identifier 1 text
	metadata 3 text
SavedFunction
	concrete_functions 1 text
SavedBareConcreteFunction
	concrete_function_name 1 text
SaveableObject
	save_function 2
	restore_function 3
`

// schemas are the message types by name.
var schemas = parseSchemas(schemaText)

func parseSchemas(source string) map[string]*schema {
	out := map[string]*schema{}
	var s *schema
	for line := range strings.Lines(source) {
		columns := strings.Fields(line)
		switch {
		case len(columns) == 0:
		case !strings.HasPrefix(line, "\t"):
			s = &schema{byName: map[string]spec{}, byNum: map[int32]spec{}}
			out[columns[0]] = s
		case s != nil && len(columns) > 1:
			n, _ := strconv.ParseInt(columns[1], 10, 32)
			f := specOf(int32(n), columns[2:])
			s.byName[columns[0]], s.byNum[f.num] = f, f
		}
	}
	return out
}

// specOf reads what stands behind the number of a field.
func specOf(num int32, columns []string) spec {
	f := spec{num: num, kind: number}
	if len(columns) == 0 {
		return f
	}
	f.kind, f.of = message, columns[len(columns)-1]
	if columns[0] == "map" {
		f.kind = table
	}
	if f.of == "text" || f.of == "bytes" {
		f.raw, f.of = f.of == "bytes", ""
		if f.kind == message {
			f.kind = text
		}
	}
	return f
}

// entryOf is the type of the messages in which a table is written, whose values are of the given type.
func entryOf(of string) *schema {
	value := spec{num: 2, kind: message, of: of}
	if of == "" {
		value.kind = text
	}
	key := spec{num: 1, kind: text}
	return &schema{byName: map[string]spec{"key": key, "value": value}, byNum: map[int32]spec{1: key, 2: value}}
}

// entries are the types of the messages of all tables, by the type of their values.
var entries = func() map[string]*schema {
	out := map[string]*schema{}
	for _, s := range schemas {
		for _, f := range s.byNum {
			if f.kind == table {
				out[f.of] = entryOf(f.of)
			}
		}
	}
	return out
}()

// inner is the type of the message in a field, nil if it holds none.
func (f spec) inner() *schema {
	switch f.kind {
	case message:
		return schemas[f.of]
	case table:
		return entries[f.of]
	case number, text:
	}
	return nil
}

// Types of tensors (DataType of types.proto) that somebody asks for.
const (
	dtOther    = 1 // float, and what is of no interest here
	dtString   = 7
	dtResource = 20
	dtVariant  = 21
)

// enum is the number of a name that stands for one in the text and JSON encodings, as far as somebody asks for it.
func enum(name string) int64 {
	switch name {
	case "true", "True", "t":
		return 1
	case "DT_STRING":
		return dtString
	case "DT_RESOURCE":
		return dtResource
	case "DT_VARIANT":
		return dtVariant
	}
	if strings.HasPrefix(name, "DT_") {
		return dtOther
	}
	return 0
}
