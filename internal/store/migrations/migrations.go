// Package migrations holds the schema of the record, one directory a database, in the order in which it grew.
package migrations

import "embed"

// SQLite is the schema for SQLite, under "sqlite".
//
//go:embed sqlite/*.sql
var SQLite embed.FS
