package auth

// Permission is something that a role may grant, under the name that the contract gives it.
type Permission string

// The permissions. The first four are those of the contract, the others are ours.
const (
	PackageIndex   Permission = "ai_ms_pypi_auth"       // an address of the index with a token in it
	Scans          Permission = "ai_ms.scans"           // scans, labels, models and versions
	SecurityGroups Permission = "ai_ms.security_groups" // groups, their rule instances, waivers
	SecurityRules  Permission = "ai_ms.security_rules"  // the catalogue; to write is to switch a rule for all groups
	Access         Permission = "modelgate.access"      // accounts, roles, tokens and the audit log
	Settings       Permission = "modelgate.settings"    // notifications and what else belongs to the whole gate
	Download       Permission = "modelgate.download"    // what the doors hand out
)

// Permissions are all that exist, in the order in which they are shown.
func Permissions() []Permission {
	return []Permission{PackageIndex, Scans, SecurityGroups, SecurityRules, Access, Settings, Download}
}

// ParsePermission reads a name, in either of the spellings that the contract has for the index.
func ParsePermission(name string) (Permission, bool) {
	if name == "ai_ms.pypi_auth" {
		return PackageIndex, true
	}
	for _, p := range Permissions() {
		if string(p) == name {
			return p, true
		}
	}
	return "", false
}

// Level is how far a permission goes. Whoever may write may read.
type Level int

// The levels, each of which includes those before it.
const (
	None Level = iota
	Read
	Write
)

// May tells whether the caller has a permission, to the level at least.
func (p Principal) May(permission Permission, level Level) bool {
	return p.Everything || p.Permissions[permission] >= level
}
