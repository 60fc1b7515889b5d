package cmd

import "path/filepath"

const homeVariable = "USERPROFILE"

// systemConfigDirs lists the places of this system besides the XDG one.
func systemConfigDirs(lookupEnv func(string) (string, bool)) []string {
	data, _ := lookupEnv("AppData")
	if !filepath.IsAbs(data) {
		return nil
	}
	return []string{filepath.Join(data, "cachex")}
}
