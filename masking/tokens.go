package masking

import "strings"

// Tokens are known by their first characters or, if they have none of their own, by being long and random.

// tokenForm is how the tokens of one issuer begin.
type tokenForm struct {
	prefix string
	least  int  // characters that must follow
	mixed  bool // among them a digit: the prefix begins ordinary words, too
}

var tokenForms = [...]tokenForm{
	{"ghp_", 10, false},
	{"gho_", 10, false},
	{"ghu_", 10, false},
	{"ghs_", 10, false},
	{"ghr_", 10, false},
	{"github_pat_", 10, false},
	{"glpat-", 8, false},
	{"gldt-", 8, true},
	{"glrt-", 8, true},
	{"glptt-", 8, true},
	{"glsoat-", 8, true},
	{"glcbt-", 8, true},
	{"xoxb-", 8, false},
	{"xoxp-", 8, false},
	{"xoxa-", 8, false},
	{"xoxr-", 8, false},
	{"xoxs-", 8, false},
	{"xoxe-", 8, false},
	{"xapp-", 8, true},
	{"sk-", 16, true},
	{"sk_live_", 8, false},
	{"sk_test_", 8, false},
	{"rk_live_", 8, false},
	{"rk_test_", 8, false},
	{"whsec_", 8, false},
	{"AKIA", 12, true},
	{"ASIA", 12, true},
	{"AIza", 20, false},
	{"ya29.", 10, false},
	{"GOCSPX-", 8, false},
	{"LTAI", 12, true},
	{"npm_", 16, true},
	{"pypi-", 16, true},
	{"hf_", 16, true},
	{"dckr_pat_", 8, false},
	{"SG.", 16, true},
	{"shpat_", 8, false},
	{"shpss_", 8, false},
	{"dop_v1_", 8, false},
	{"doo_v1_", 8, false},
	{"dor_v1_", 8, false},
	{"hvs.", 8, false},
	{"hvb.", 8, false},
	{"r8_", 16, true},
	{"gsk_", 16, true},
	{"xai-", 16, true},
	{"pplx-", 16, true},
	{"lin_api_", 8, false},
	{"ATATT3", 12, false},
	{"ATCTT3", 12, false},
	{"sntrys_", 8, false},
	{"sntryu_", 8, false},
	{"glc_", 12, true},
	{"glsa_", 12, true},
	{"rubygems_", 16, true},
	{"nvapi-", 12, true},
	{"tskey-", 8, false},
	{"AGE-SECRET-KEY-", 8, false},
	{"sq0atp-", 8, false},
	{"sq0csp-", 8, false},
	{"PMAK-", 12, true},
	{"NRAK-", 12, true},
	{"dapi", 24, true},
	{"bkua_", 12, true},
	{"xkeysib-", 12, true},
	{"figd_", 12, false},
	{"SWMTKN-", 8, false},
	{"eyJ", 14, true},
	{"key-", 30, true},
	{"dp.pt.", 8, false},
	{"ops_", 24, true},
}

// places are parts of addresses behind which the secret is in the path.
var places = [...]string{
	"hooks.slack.com/services/", "hooks.slack.com/workflows/", "discord.com/api/webhooks/",
	"discordapp.com/api/webhooks/", "api.telegram.org/bot",
	"webhook.office.com/", "outlook.office.com/webhook/", "chat.googleapis.com/v1/spaces/",
}

func hasToken(word string) bool {
	for i := range len(word) {
		if (i == 0 || !isAlphanumeric(word[i-1])) && beginsWithToken(word[i:]) {
			return true
		}
	}
	if strings.Contains(word, "://") {
		for _, place := range places {
			if _, rest, found := strings.Cut(word, place); found && len(rest) >= 8 {
				return true
			}
		}
	}
	return hasStreamKey(word) || isAccessKey(word) || hasRandom(word)
}

func beginsWithToken(s string) bool {
	for i := range tokenForms {
		if t := &tokenForms[i]; t.prefix[0] == s[0] && strings.HasPrefix(s, t.prefix) && t.admits(s[len(t.prefix):]) {
			return true
		}
	}
	return false
}

// admits says whether enough follows the prefix.
func (t *tokenForm) admits(rest string) bool {
	n, digit := 0, false
	for n < len(rest) && (isAlphanumeric(rest[n]) || rest[n] == '-' || rest[n] == '_') {
		digit = digit || isDigit(rest[n])
		n++
	}
	return n >= t.least && (digit || !t.mixed)
}

// isAccessKey finds the secret keys of AWS: 40 characters of base64. Slashes in them make them look like a path.
func isAccessKey(word string) bool {
	const length = 40
	if len(word) != length {
		return false
	}
	frequent, rare := pairs(word)
	return isOf(word, "+/") && strings.ContainsAny(word, "0123456789") && strings.ToLower(word) != word &&
		strings.ToUpper(word) != word && rare*2 > frequent
}

// hasUserinfo finds scheme://user@host and user:secret@host. Only a slash ends the authority here: passwords with ? or
// # in them are common, if not legal. The name alone is no secret where it is only an account: ssh://git@host.
func hasUserinfo(word string) bool {
	rest, found := word, false
	for {
		var scheme string
		scheme, rest, found = strings.Cut(rest, "://")
		if !found {
			return hasPairAtHost(word)
		}
		authority := rest
		if end := strings.IndexAny(rest, "/"+blanks+`"'`); end >= 0 {
			authority = rest[:end]
		}
		at := strings.LastIndexByte(authority, '@')
		if at < 0 {
			continue
		}
		user, secret, pair := strings.Cut(authority[:at], ":")
		switch {
		case strings.ContainsAny(user, "?#"): // https://host?mail=me@example.com
		case pair && isValue(secret):
			return true
		case pair || user == "" || strings.IndexByte(user, reference) >= 0:
		case !hasOneOfSuffixes(scheme, "ssh sftp scp rsync"):
			return true
		}
	}
}

// hasPairAtHost finds user:secret@host without a scheme, and user/secret@host of Oracle.
func hasPairAtHost(word string) bool {
	if _, rest, oracle := strings.Cut(word, ":thin:"); oracle {
		user, secret, found := strings.Cut(rest, "/")
		return found && user != "" && !strings.Contains(user, "@") && strings.IndexByte(secret, '@') > 0
	}
	at := strings.LastIndexByte(word, '@')
	if at < 0 || strings.ContainsAny(word, blanks) {
		return false
	}
	user, secret, pair := strings.Cut(word[:at], ":")
	host := word[at+1:]
	if !pair || isOneOf(user, "mailto sip sips acct xmpp npm jsr workspace") || strings.ContainsAny(user, "/=@") ||
		strings.Contains(secret, "/") || !isValue(secret) {
		return false
	}
	name, port, hasPort := strings.Cut(host, ":")
	return name != "" && isLower(name[0]) && name != "sha256" &&
		(name == "localhost" || strings.Contains(name, ".") || hasPort && isDecimal(port))
}

func hasOneOfSuffixes(s, list string) bool {
	for suffix := range strings.FieldsSeq(list) {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return false
}

// hasStreamKey finds rtmp://host/app/key.
func hasStreamKey(word string) bool {
	_, rest, found := strings.Cut(word, "rtmp://")
	if !found {
		_, rest, found = strings.Cut(word, "rtmps://")
	}
	if !found || strings.Count(rest, "/") < 2 {
		return false
	}
	key := rest[strings.LastIndexByte(rest, '/')+1:]
	return len(key) >= 12 && strings.IndexByte(key, reference) < 0
}
