package api

// managementRoutes are those of the management plane: groups, rule instances, the catalogue of rules.
func (a *API) managementRoutes() []route {
	return nil
}
