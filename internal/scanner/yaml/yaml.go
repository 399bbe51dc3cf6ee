// Package yaml judges configurations in YAML by what they make a loader do: tags that construct Python objects, and the
// directives of Hydra and NeMo.
//
//	model:
//	  _target_: nemo.collections.asr.models.EncDecCTCModel    imported and called with the other keys as arguments
//	hook: !!python/object/apply:os.system [id]                 called by a loader that is not a safe one
//
// The text is read by tokens and events, nothing is constructed, and aliases are not expanded (YAML 1.2.2).
package yaml
