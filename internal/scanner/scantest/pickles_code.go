package scantest

import "encoding/base64"

// pickleCode are pickles that carry code. Code is never silent: what it does is hard to tell, and no model needs it.
func pickleCode() []Case {
	return []Case{
		oddPickle("code: a lambda by cloudpickle", []byte(cloudLambda)),
		oddPickle("code: a function that calls os.system, which nobody calls", []byte(cloudSystem)),
		evilPickle("code: a function that calls os.system, called while it is loaded", []byte(cloudCalled)),
		evilPickle("code: a function that imports what it calls, called while it is loaded", []byte(cloudLocal)),
		oddPickle("code: a lambda by dill", []byte(dillLambda)),
		evilPickle("code: a function by dill, called while it is loaded", []byte(dillCalled)),
		oddPickle("code: marshal data that calls os.system, which nobody loads", pk4(pkBytes([]byte(marshalSystem)))),
		evilPickle("code: marshal data that is loaded", pk4(pkCall(pkStack("marshal", "loads"), pkBytes([]byte(marshalSystem))))),
		oddPickle("code: marshal data in base64", pk4(pkStr(base64.StdEncoding.EncodeToString([]byte(marshalSystem))))),
		oddPickle("code: harmless marshal data", pk4(pkBytes([]byte(marshalTwice)))),
	}
}
