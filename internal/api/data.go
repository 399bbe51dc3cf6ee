package api

import "modelgate/internal/auth"

// dataRoutes are those of the data plane: scans and what explains them.
func (a *API) dataRoutes() []route {
	return []route{
		{"POST /aims/data/v1/scans", auth.Scans, auth.Write, a.createScan},
		{"GET /aims/data/v1/scans", auth.Scans, auth.Read, a.listScans},
		{"GET /aims/data/v1/scans/{uuid}", auth.Scans, auth.Read, a.getScan},
		{"GET /aims/data/v1/scans/{uuid}/evaluations", auth.Scans, auth.Read, a.listEvaluations},
		{"GET /aims/data/v1/scans/{uuid}/rule-violations", auth.Scans, auth.Read, a.listViolations},
		{"GET /aims/data/v1/scans/{uuid}/files", auth.Scans, auth.Read, a.listFiles},
		{"GET /aims/data/v1/scans/{uuid}/report", auth.Scans, auth.Read, a.getReport},
	}
}
