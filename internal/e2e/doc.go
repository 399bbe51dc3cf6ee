// Package e2e tries modelgate as its users do: real clients in the versions that spec and documentation name, a real gateway
// process, and a stand-in for the Hub. The same checks run against the stand-in alone, which proves that it is the Hub as far
// as the clients can tell.
package e2e
