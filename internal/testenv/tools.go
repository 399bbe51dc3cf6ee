package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// packages tells which package of Debian has a program, where the names differ.
var packages = map[string]string{
	"aria2c": "aria2", "squid": "squid-openssl", "nginx": "nginx-light", "node": "nodejs", "python3": "python3-venv",
}

// onDemand are programs that FindTool may install, too, and that benchmarks alone need.
var onDemand = map[string]bool{"squid": true}

// installable are the programs that FindTool may install.
var installable = map[string]bool{
	"curl": true, "wget": true, "aria2c": true, "git": true, "git-lfs": true, "redis-server": true, "nginx": true,
	"node": true, "npm": true, "python3": true,
}

// FindTool returns the path of a program. One that is missing and known is installed from the system's packages.
func FindTool(ctx context.Context, name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if !installable[name] && !onDemand[name] {
		return "", fmt.Errorf("%s is not on the PATH", name)
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	unlock, err := lock(cache, "apt") // apt runs once at a time
	if err != nil {
		return "", err
	}
	defer unlock()
	if path, err := exec.LookPath(name); err == nil {
		return path, nil // another process was faster
	}
	pkg := packages[name]
	if pkg == "" {
		pkg = name
	}
	if err := aptInstall(ctx, pkg); err != nil {
		return "", fmt.Errorf("%s is not on the PATH, and installing %s did not help: %w", name, pkg, err)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not on the PATH, though %s is installed: %w", name, pkg, err)
	}
	return path, nil
}

// aptInstall installs a package without starting a service, with fresh lists if the old ones do not do.
func aptInstall(ctx context.Context, pkg string) error {
	install := []string{
		"env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1",
		"apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", pkg,
	}
	update := []string{"apt-get", "update", "-qq", "-o", "DPkg::Lock::Timeout=300"}
	if os.Geteuid() != 0 {
		install, update = append([]string{"sudo", "-n"}, install...), append([]string{"sudo", "-n"}, update...)
	}
	if run(ctx, "", install[0], install[1:]...) == nil {
		return nil
	}
	if err := run(ctx, "", update[0], update[1:]...); err != nil {
		return err
	}
	return run(ctx, "", install[0], install[1:]...)
}
