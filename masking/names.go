package masking

import "strings"

// Names that speak of a secret: of flags, variables, headers, members of JSON, parameters of a URL. They are judged by
// whole parts: dbPassword and X-Api-Key have two, --author and monkey have one, which says nothing. The lists are words
// between blanks.
const (
	strong = "pass passwd password passphrase passcode passwort pwd pw secret token bearer jwt authorization apikey psk"
	weak   = "key auth cookie creds credential credentials" // often the name of something that is no secret

	// endings make a part secret that is written without a separator: PGPASSWORD, authtoken.
	endings = "password passwd passphrase passwort secret token apikey secretkey accesskey privatekey authkey pass pwd"
	// ordinary parts have such an ending by chance.
	ordinary = "askpass compass bypass overpass underpass trespass surpass encompass multipass lowpass highpass bandpass allpass onepass twopass oldpwd"

	// about: behind a secret part, it names something about the secret rather than the secret: --token-file.
	about = "file files path dir url uri endpoint host port server type mode method mechanism scheme name id size length bits ttl " +
		"format provider policy stdin env fd var ref store ring chain expiry expires expiration timeout lifetime version algorithm " +
		"algo scope scopes realm audience issuer user username domain db database source helper plugin manager backend command cmd " +
		"script required enabled disabled only jar usage alias arn pair tab count limit prefix suffix field column index cert ca " +
		"map class service role level window table space through code label labels spec domains secure samesite condition expression"
	// of: before key, it makes that the key of something else: --sort-key.
	of = "public pub primary foreign sort partition cache group hash unique row json object routing ordering idempotency range " +
		"index map dict item lookup answer ssh ssl tls gpg pgp host deploy kms default"
	// asks: before a secret part, it makes a flag a switch: --with-token.
	asks = "no with without use enable disable skip show print list ask prompt require allow ignore generate reset force has"

	// switches are values that are no secret, whatever the name; modes are no secret behind auth.
	switches = "- true false yes no on off none auto always never required optional default enabled disabled prompt ask stdin null nil"
	modes    = "basic digest bearer ntlm negotiate oauth oauth2 oidc kerberos ldap saml iam sso anonymous login plain md5 jwt token " +
		"password key cert mtls webauthn local any trust peer sha256 sha512"

	// queried names speak of a secret in the query of a URL alone.
	queried = "sig signature key auth code session sessionid x-amz-signature x-goog-signature"
	// headers may have their value without a blank before it: httpie writes Authorization:X.
	headers = "authorization proxy-authorization cookie set-cookie x-api-key x-auth-token private-token"
	schemes = "basic bearer digest token apikey negotiate splunk"
)

// isOneOf finds a word in a list of words between blanks.
func isOneOf(word, list string) bool {
	if word == "" {
		return false
	}
	for start := 0; ; start++ {
		i := strings.Index(list[start:], word)
		if i < 0 {
			return false
		}
		start += i
		end := start + len(word)
		if (start == 0 || list[start-1] == ' ') && (end == len(list) || list[end] == ' ') {
			return true
		}
	}
}

// rating is what a name says of its value.
type rating struct {
	secret bool
	weak   bool // paths, numbers and modes are no secret
	bare   bool // just key: neither are words
	asks   bool // a switch: the next word is no value
}

// rate reads a name; the last part that speaks of a secret counts.
func rate(name string) rating {
	ps := parts(name)
	at := len(ps) - 1
	for at >= 0 && !speaksOfSecret(ps[at]) {
		if isOneOf(ps[at], about) {
			return rating{}
		}
		at--
	}
	if at < 0 || ps[at] == "key" && at > 0 && isOneOf(ps[at-1], of) {
		return rating{}
	}
	r := rating{secret: true, weak: isOneOf(ps[at], weak), bare: name == "key"}
	for _, before := range ps[:at] {
		r.asks = r.asks || isOneOf(before, asks)
	}
	return r
}

func speaksOfSecret(part string) bool {
	if isOneOf(part, strong) || isOneOf(part, weak) {
		return true
	}
	for ending := range strings.FieldsSeq(endings) {
		if strings.HasSuffix(part, ending) {
			return !isOneOf(part, ordinary)
		}
	}
	return false
}

// parts cuts a name at separators and humps, in lower case: X-APIKey is x, api and key.
func parts(name string) []string {
	var ps []string
	start := 0
	cut := func(end int) {
		if end > start {
			ps = append(ps, strings.ToLower(name[start:end]))
		}
		start = end
	}
	for i := range len(name) {
		b := name[i]
		switch {
		case !isAlphanumeric(b):
			cut(i)
			start = i + 1
		case isUpper(b) && i > 0 && isLower(name[i-1]):
			cut(i)
		case isUpper(b) && i > start && i+1 < len(name) && isLower(name[i+1]):
			cut(i)
		}
	}
	cut(len(name))
	return ps
}

// admits says whether a value of this name is a secret.
func (r rating) admits(value string) bool {
	lower := strings.ToLower(value)
	switch {
	case !r.secret || !isValue(value) || isOneOf(lower, switches) || isDecimal(value) && len(value) <= 2:
		return false
	case r.weak:
		return !isOneOf(lower, modes) && !isCount(value) && !isPath(value) && !isFileName(value) &&
			!strings.Contains(value, "://") &&
			!(r.bare && isWords(value))
	}
	return !isAnchored(value) || !isPath(value)
}

// isValue leaves out what cannot be a secret: nothing, signs, what a shell or a template will put in the place.
func isValue(s string) bool {
	return hasAlphanumeric(s) && strings.IndexByte(s, reference) < 0 && !isPlaceholder(s)
}

// isPlaceholder: what documentation, templates and patterns have in the place of a value.
func isPlaceholder(value string) bool {
	for _, pattern := range []string{".*", ".+", "[^", `\S`, `\w`, "(."} {
		if strings.HasPrefix(value, pattern) {
			return true
		}
	}
	return value[0] == '<' && value[len(value)-1] == '>' || strings.HasPrefix(value, "{{")
}

// isFlag tells a flag from a value that begins with a dash.
func isFlag(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	rest := strings.TrimLeft(name, "-")
	if rest == name || rest == "" || len(name)-len(rest) > 2 {
		return false
	}
	return len(name)-len(rest) == 1 && len(rest) == 1 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// followsName: after --password and Bearer comes the secret itself.
func followsName(name, word string) bool {
	if strings.EqualFold(name, "bearer") {
		return !isOneOf(strings.ToLower(word), "token tokens auth authentication") && rating{secret: true}.admits(word)
	}
	if !strings.HasPrefix(name, "-") || strings.ContainsAny(name, "= ") || isFlag(word) {
		return false
	}
	r := rate(name)
	return !r.asks && r.admits(word)
}

// hasNamedSecret finds NAME=value anywhere in a word (--token=x, PGPASSWORD=x, ?api_key=x), and the same said by a
// header or in JSON (X-Api-Key: x, "token":"x").
func hasNamedSecret(word string) bool {
	for i := 1; i < len(word)-1; i++ {
		switch word[i] {
		case '=':
			if assignsSecret(word, i) {
				return true
			}
		case ':':
			if labelsSecret(word, i) {
				return true
			}
		}
	}
	return false
}

// assignsSecret judges the name and the value on both sides of an equals sign that is no comparison.
func assignsSecret(word string, at int) bool {
	if strings.IndexByte("=!<>~:+*^$|", word[at-1]) >= 0 || strings.IndexByte("=~", word[at+1]) >= 0 {
		return false
	}
	before, behind := word[:at], word[at+1:]
	if behind[0] == '>' { // 'password' => 'x'
		behind = behind[1:]
	}
	quoted := strings.TrimLeft(behind, blanks)
	if quoted != "" && isQuote(quoted[0]) {
		before, behind = strings.TrimRight(before, blanks), quoted
	} else if trimmed := strings.TrimRight(before, blanks); trimmed != before && quoted != behind { // password = x
		before, behind = trimmed, quoted
	}
	name, lead := nameBefore(before)
	value := valueOf(behind)
	if strings.EqualFold(name, "pwd") && strings.HasPrefix(value, "/") { // the working directory
		return false
	}
	if (lead == '?' || lead == '&') && isOneOf(strings.ToLower(name), queried) {
		return rating{secret: true}.admits(value)
	}
	return rate(name).admits(value)
}

// labelsSecret judges the name before a colon. Where neither side has quotes, names of targets, images and the first
// words of sentences look the same (auth:login, key: fix the lock), so that only what looks like a header or a setting
// counts.
func labelsSecret(word string, at int) bool {
	before, behind := word[:at], word[at+1:]
	name, _ := nameBefore(before)
	if name == "" || before[at-1] == ':' || behind[0] == ':' { // TestAuth::test_login
		return false
	}
	r := rate(name)
	header := isOneOf(strings.ToLower(name), headers)
	if !r.secret && !header {
		return false
	}
	rest := strings.TrimLeft(behind, blanks)
	switch {
	case rest == "":
		return false
	case header:
		r = rating{secret: true}
	case isQuote(rest[0]) || isQuote(before[len(before)-1]):
	case rest == behind: // Name:value, /pass:value, password:value1
		if before != "/"+name && !(isUpper(name[0]) && len(parts(name)) > 1) && (r.weak || !looksChosen(rest)) {
			return false
		}
	case len(parts(name)) == 1: // password: value
		if r.weak || !isAlphanumeric(rest[0]) || strings.ContainsAny(strings.TrimRight(rest, blanks), blanks) {
			return false
		}
	}
	value := valueOf(rest)
	if header && isOneOf(strings.ToLower(value), schemes) { // Authorization: Bearer x
		value = valueOf(rest[strings.Index(rest, value)+len(value):])
	}
	return r.admits(value)
}

// looksChosen tells a password from the name of a task or a version: it begins with a letter, and has a digit further
// on.
func looksChosen(s string) bool {
	s = valueOf(s)
	digit := strings.IndexAny(s, "0123456789")
	return digit > 1 && !strings.ContainsAny(s, "./-")
}

// nameBefore returns the name that s ends in, perhaps in quotes, and what stands before it.
func nameBefore(s string) (name string, lead byte) {
	// environ['TOKEN']
	if member := strings.TrimSuffix(s, "]"); member != s && strings.HasSuffix(member, "'") ||
		strings.HasSuffix(member, `"`) {
		s = member
	}
	s = strings.TrimRight(s, `'"\`)
	i := len(s)
	for i > 0 && (isAlphanumeric(s[i-1]) || strings.IndexByte("_-.", s[i-1]) >= 0) {
		i--
	}
	if i > 0 {
		lead = s[i-1]
	}
	return s[i:], lead
}

// valueOf returns the value that s begins with.
func valueOf(s string) string {
	s = strings.TrimLeft(s, `'"\`+blanks)
	if end := strings.IndexAny(s, `&;,'"`+blanks); end >= 0 {
		s = s[:end]
	}
	return s
}

const blanks = " \t\r\n\v\f"

func isQuote(b byte) bool        { return b == '"' || b == '\'' || b == '\\' }
func isUpper(b byte) bool        { return 'A' <= b && b <= 'Z' }
func isLower(b byte) bool        { return 'a' <= b && b <= 'z' }
func isDigit(b byte) bool        { return '0' <= b && b <= '9' }
func isAlphanumeric(b byte) bool { return isUpper(b) || isLower(b) || isDigit(b) }

func hasAlphanumeric(s string) bool {
	for i := range len(s) {
		if isAlphanumeric(s[i]) || s[i] >= 0x80 {
			return true
		}
	}
	return false
}
