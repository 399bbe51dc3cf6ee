package skops

import (
	_ "embed" // names.txt
	"strings"
	"sync"

	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/scanner/source/registry"
)

//go:embed names.txt
var namesText string

// known are the names that estimators are made of, with their kind.
var known = registry.Parse(namesText)

// Kinds of known names.
const (
	kindClass     = "class"     // made without its constructor and given a state, or called
	kindStored    = "stored"    // made without its constructor only: that reads files
	kindLoss      = "loss"      // a class that is called
	kindFunction  = "function"  // imported
	kindDType     = "dtype"     // called on an array
	kindGenerator = "generator" // made by its name alone
)

// sklearnClasses are the names of scikit-learn's classes without their modules: releases move them between private modules.
var sklearnClasses = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, name := range known.Names() {
		if rest, ok := strings.CutPrefix(name, "sklearn."); ok && kindOf(name) == kindClass {
			set[rest[strings.LastIndexByte(rest, '.')+1:]] = true
		}
	}
	return set
})

// others are classes beside those of the table that do nothing but store what they are made of, in the releases that were
// read: the standard library, LightGBM 4.7, XGBoost 3.2, CatBoost 1.2, imbalanced-learn 0.14, quantile-forest 1.4, pandas 3.1.
var others = func() map[string]string {
	t := map[string]string{}
	for _, name := range strings.Fields(`builtins.dict builtins.bytes builtins.bytearray builtins.slice builtins.complex builtins.frozenset
		builtins.object builtins.range collections.OrderedDict collections.defaultdict collections.Counter collections.deque
		datetime.datetime datetime.date datetime.time datetime.timedelta datetime.timezone decimal.Decimal fractions.Fraction
		uuid.UUID zoneinfo.ZoneInfo functools.partial numpy.ndarray numpy.dtype numpy.matrix numpy.ma.MaskedArray
		numpy.ma.core.MaskedArray numpy.random.RandomState numpy.random.mtrand.RandomState numpy.random.Generator
		numpy.random._generator.Generator numpy.random.bit_generator.SeedSequence numpy.random._pcg64.PCG64
		numpy.random._mt19937.MT19937 numpy.random._philox.Philox numpy.random._sfc64.SFC64
		scipy.interpolate._interpolate.interp1d scipy.interpolate._bsplines.BSpline scipy.interpolate.interpolate.interp1d
		sklearn.utils.Bunch types.SimpleNamespace`) {
		t[name] = kindClass
	}
	for _, name := range strings.Fields(`lightgbm.sklearn.LGBMModel lightgbm.sklearn.LGBMClassifier lightgbm.sklearn.LGBMRegressor lightgbm.sklearn.LGBMRanker
		lightgbm.basic.Booster xgboost.sklearn.XGBModel xgboost.sklearn.XGBClassifier xgboost.sklearn.XGBRegressor
		xgboost.sklearn.XGBRanker xgboost.sklearn.XGBRFClassifier xgboost.sklearn.XGBRFRegressor xgboost.core.Booster
		catboost.core.CatBoost catboost.core.CatBoostClassifier catboost.core.CatBoostRegressor catboost.core.CatBoostRanker
		imblearn.pipeline.Pipeline imblearn.over_sampling._smote.base.SMOTE imblearn.over_sampling._random_over_sampler.RandomOverSampler
		imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler
		quantile_forest._quantile_forest.RandomForestQuantileRegressor quantile_forest._quantile_forest.ExtraTreesQuantileRegressor
		quantile_forest._quantile_forest_fast.QuantileForest`) {
		t[name] = kindStored
	}
	for _, name := range strings.Fields(`builtins.len builtins.abs builtins.sum builtins.min builtins.max builtins.round builtins.sorted
		builtins.repr builtins.hash builtins.divmod builtins.pow builtins.ord builtins.chr builtins.any builtins.all builtins.isinstance
		math.log math.exp math.sqrt math.floor math.ceil`) {
		t[name] = kindFunction
	}
	return t
}()

// kindOf returns the kind of a known name, "" if nothing is known of it.
func kindOf(name string) string {
	if columns, ok := known.Lookup(name); ok && len(columns) > 0 {
		return columns[0]
	}
	return others[name]
}

// grade is what a name does.
type grade int

const (
	unknown grade = iota
	harmless
	dangerous
)

// gradeOf judges a module and a name in it, and tells the kind of a harmless one.
func gradeOf(module, name string) (grade, string) {
	full := module + "." + name
	if kind := kindOf(full); kind != "" {
		return harmless, kind
	}
	if pynames.FamilyOf(full) != pynames.None && !indirect(full) || dunder(full) {
		return dangerous, ""
	}
	if strings.HasPrefix(module, "sklearn.") && sklearnClasses()[name] && !strings.Contains(module, "externals") {
		return harmless, kindClass
	}
	return unknown, ""
}

// indirect tells whether a name calls or looks up what its arguments name: it is as good as those, and nothing is known of
// where they come from.
func indirect(full string) bool {
	switch pynames.FamilyOf(full) {
	case pynames.Indirect, pynames.Hub:
		return true
	default:
		return false
	}
}
