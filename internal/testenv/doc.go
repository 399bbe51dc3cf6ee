// Package testenv installs what tests against real clients need, each in exactly one version, and tells where it is: Python
// environments with clients of the Hub, a module for Node.js, a small Rust program, and tools such as curl and git-lfs.
//
// Everything but the tools goes into a cache folder, $MODELGATE_TEST_CACHE or .cache at the root of the project, some 800 MiB in
// all. The first call installs, under a file lock, so that test packages that run side by side wait for each other; later
// calls look at one small file. Tools come from the operating system's packages (apt) if they are not on the PATH.
//
// It never skips: what cannot be had fails the test with the installer's own words.
package testenv
