package remote

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// Where AWS's own tools find an access key and a region: the environment, then two files of the user. Roles of machines
// and containers are not asked for: they cost a round trip to a metadata server per process, and `aws configure
// export-credentials` gives the same as variables.

// awsKeys finds the access key; the one in the URL comes first. None: the zero value.
func awsKeys(cfg Config) credentials {
	if secret, has := cfg.URL.User.Password(); has {
		return credentials{id: cfg.URL.User.Username(), secret: secret}
	}
	if id, secret := cfg.either("AWS_ACCESS_KEY_ID"), cfg.either("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		return credentials{id, secret, cfg.either("AWS_SESSION_TOKEN")}
	}
	section := iniSection(awsFile(cfg, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), awsProfile(cfg))
	keys := credentials{section["aws_access_key_id"], section["aws_secret_access_key"], section["aws_session_token"]}
	if keys.id == "" || keys.secret == "" {
		return credentials{}
	}
	return keys
}

// awsRegion finds the region. Where none is named, it is the one that the service takes for old clients; a bucket that
// is elsewhere answers with the right one.
func awsRegion(cfg Config) string {
	if region := cfg.URL.Query().Get("region"); region != "" {
		return region
	}
	if region := cfg.either("AWS_REGION", "AWS_DEFAULT_REGION"); region != "" {
		return region
	}
	profile := awsProfile(cfg)
	if profile != "default" {
		profile = "profile " + profile
	}
	if region := iniSection(awsFile(cfg, "AWS_CONFIG_FILE", "config"), profile)["region"]; region != "" {
		return region
	}
	return "us-east-1"
}

func awsProfile(cfg Config) string {
	if profile := cfg.either("AWS_PROFILE"); profile != "" {
		return profile
	}
	return "default"
}

// awsFile reads the file that a variable names, or the one of this name in the user's directory; none: empty.
func awsFile(cfg Config, variable, name string) string {
	file := cfg.either(variable)
	if file == "" {
		home := cfg.either("HOME", "USERPROFILE")
		if home == "" {
			return ""
		}
		file = filepath.Join(home, ".aws", name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}

// iniSection is one section of a file of sections: lines name = value, comments after # or ; at the beginning of a
// line.
func iniSection(text, section string) map[string]string {
	values := map[string]string{}
	inside := false
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if title, is := strings.CutPrefix(line, "["); is {
			title, _, _ = strings.Cut(title, "]")
			inside = strings.Join(strings.Fields(title), " ") == section
			continue
		}
		name, value, is := strings.Cut(line, "=")
		if inside && is && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return values
}
