package cmd

import "path/filepath"

const homeVariable = "HOME"

// systemConfigDirs lists the places of this system besides the XDG one.
func systemConfigDirs(lookupEnv func(string) (string, bool)) []string {
	home := homeDir(lookupEnv)
	if home == "" {
		return nil
	}
	return []string{filepath.Join(home, "Library", "Application Support", "cachex")}
}
