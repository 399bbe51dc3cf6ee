package source

import (
	"path"
	"strings"
)

// Roles that a file's name gives it. What a loader makes of the same bytes may depend on the role, so reports of the same
// bytes in different roles are kept apart. Everything else about a file follows from its content.
const (
	RoleNone     = ""
	RolePython   = "python"   // Python source: loaders import it by its name
	RoleTemplate = "template" // a Jinja template: loaders render it by its name
	RoleConfig   = "config"   // YAML that loaders read by its name; JSON is known by its keys
	RoleXML      = "xml"
	RoleTorch7   = "torch7" // an object of Torch7, in whose place source of Lua would run
	RoleRecipe   = "recipe" // text by whose name people and their tools build something around a model
)

// Role returns the role of a file by its path within the version or the archive.
func Role(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	if strings.Contains("/"+path.Dir(name)+"/", "/additional_chat_templates/") {
		return RoleTemplate
	}
	switch base := path.Base(name); path.Ext(base) {
	case ".py", ".pyw", ".pyi":
		return RolePython
	case ".jinja", ".jinja2", ".j2":
		return RoleTemplate
	case ".yaml", ".yml":
		return RoleConfig
	case ".t7", ".t7b", ".th", ".th7":
		return RoleTorch7
	case ".xml", ".svg", ".xsd", ".html", ".xhtml":
		return RoleXML
	default:
		switch {
		case base == "chat_template" || base == "chat_template.txt":
			return RoleTemplate
		case isRecipe(base):
			return RoleRecipe
		}
		return RoleNone
	}
}

// isRecipe tells whether the name of a file is one of a model card, of requirements, or of a Dockerfile or Modelfile.
func isRecipe(base string) bool {
	ext := path.Ext(base)
	return base == "readme.md" || ext == ".txt" && strings.HasPrefix(base, "requirements") || strings.HasSuffix(base, "requirements.txt") ||
		base == "modelfile" || ext == ".modelfile" || strings.HasPrefix(base, "modelfile.") ||
		base == "dockerfile" || ext == ".dockerfile" || strings.HasPrefix(base, "dockerfile.") || base == "containerfile"
}
