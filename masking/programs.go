package masking

import (
	"path"
	"strings"
	"sync"
)

// form is where one or more programs take secrets. The lists are words between blanks.
type form struct {
	programs string
	behind   string // only behind these words, in this order: a subcommand
	carries  bool   // runs other programs, whose names may follow

	value string // flags whose value is a secret
	glued string // flags whose value is a secret, if it is in the same word
	apart string // of these, those behind which a password is often written by mistake
	pair  string // flags whose value is a secret behind the separator: user:secret
	sep   string // of pair and of operands; a colon if empty
	plain string // flags whose value is no secret, whatever their name says

	prefix   string    // words are secret that begin with one of these
	operands []operand // words are secret in these places
	joined   bool      // flags of one letter may stand together: -su is -s -u
	assigned bool      // the value of every NAME=VALUE is a secret
}

// operand is a place on the command line: the nth word that is no flag, behind the word after.
type operand struct {
	after string // empty: the program; more than one word: any of them
	nth   int    // 0: the last of the line; -1: each
	flag  byte   // if not zero: only behind a flag of one letter, alone or among others
	pair  bool   // only what is behind the separator
}

// forms is the table. A program may have several. What only has a name (--password, --token) needs no line here.
var forms = [...]form{
	// Databases and brokers.
	{programs: "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog mysqlpump mariadb mariadb-dump mariadb-admin mariadb-import mariadb-check mariadb-show mycli", glued: "-p", apart: "-p", operands: []operand{{after: "password", nth: 1}}},
	{programs: "mongo mongosh mongodump mongorestore mongoimport mongoexport mongostat mongotop cqlsh hydra medusa", value: "-p", glued: "-p"},
	{programs: "influx", value: "-t"},
	{programs: "sqlcmd bcp ipmitool mosquitto_pub mosquitto_sub zip unzip", value: "-P", glued: "-P", joined: true},
	{
		programs: "redis-cli valkey-cli keydb-cli", value: "-a --pass", glued: "-a",
		operands: []operand{{after: "auth AUTH", nth: 1}, {after: "auth AUTH", nth: 2}},
	},
	{programs: "sqlplus sqlldr exp imp expdp impdp", operands: []operand{{nth: 1, pair: true}}, sep: "/"},
	{programs: "etcdctl", pair: "--user"},
	{programs: "rabbitmqctl", operands: []operand{{after: "add_user change_password authenticate_user", nth: 2}}},
	{programs: "mc", operands: []operand{{after: "set add", nth: 4}}},
	{programs: "rabbitmqadmin", value: "-p"},
	{programs: "psql pg_dump pg_restore createdb dropdb"},

	// Transfer.
	{programs: "curl", value: "--oauth2-bearer --pass --proxy-pass --tlspassword --proxy-tlspassword", pair: "-u --user -U --proxy-user -E --cert --proxy-cert", plain: "--key --proxy-key --cookie-jar -c --key-type --pubkey", joined: true},
	{programs: "curl", pair: "-b --cookie", sep: "="},
	{programs: "wget wget2", value: "--http-passwd --proxy-passwd --ftp-passwd"},
	{programs: "http https xh xhs curlie", pair: "-a --auth", plain: "-A --auth-type"},
	{programs: "websocat", value: "--basic-auth"},
	{programs: "lftp", pair: "-u", sep: ","},
	{programs: "ncftpput ncftpget ncftp yt-dlp youtube-dl rdesktop smbmap crackmapexec nxc", value: "-p", glued: "-p"},
	{programs: "smbclient smbget rpcclient winexe net smbtree", pair: "-U --user", sep: "%"},
	{programs: "plink pscp psftp putty", value: "-pw"},
	{programs: "swaks", value: "-ap"},
	{programs: "sshpass", value: "-p", glued: "-p", carries: true},
	{programs: "ssh scp sftp rsync mosh", carries: true},
	{programs: "xfreerdp xfreerdp3 wfreerdp", prefix: "/p:"},
	{programs: "openvpn", plain: "--auth --auth-user-pass --askpass"},

	// Directories, networks, users.
	{programs: "ldapsearch ldapadd ldapmodify ldapdelete ldapcompare ldapmodrdn ldapwhoami ldapexop", value: "-w", glued: "-w", joined: true},
	{programs: "ldappasswd", value: "-w -a -s"},
	{programs: "snmpget snmpgetnext snmpset snmpwalk snmpbulkget snmpbulkwalk snmptrap snmpinform snmptable snmpstatus snmpdf", value: "-A -X -c", glued: "-A -X -c"},
	{programs: "kadmin kadmin.local", value: "-w"},
	{programs: "nsupdate dig", value: "-y", glued: "-y"},
	{programs: "nmcli", operands: []operand{{after: "password wifi-sec.psk 802-11-wireless-security.psk", nth: 1}}},
	{programs: "wpa_passphrase", operands: []operand{{nth: 2}}},
	{programs: "useradd usermod", value: "-p"},
	{programs: "htpasswd", operands: []operand{{nth: 0, flag: 'b'}}},
	{programs: "security", value: "-w"},
	{programs: "cmdkey net", prefix: "/pass: /password:"},

	// Cryptography and archives.
	{
		programs: "openssl", plain: "-pass -key -inkey -keyform -keyopt",
		prefix: "pass: hexkey: key:", value: "-k -K -hmac",
	},
	{programs: "openssl", behind: "passwd", operands: []operand{{after: "passwd", nth: 0}}},
	{programs: "openssl", behind: "s_client", plain: "-key -pass -auth"},
	{programs: "apksigner", plain: "--ks-pass --key-pass --key", prefix: "pass:"},
	{programs: "ssh-keygen", value: "-N -P"},
	{programs: "7z 7za 7zr 7zz", glued: "-p"},
	{programs: "rar unrar", glued: "-p -hp"},
	{programs: "qpdf", plain: "--password-file --key"},

	// Containers, clouds, deployment.
	{programs: "docker podman nerdctl buildah", plain: "--secret --ssh", carries: true},
	{programs: "skopeo", pair: "--creds --src-creds --dest-creds"},
	{programs: "ctr", pair: "-u --user", carries: true},
	{programs: "docker podman nerdctl buildah skopeo crane helm oc cf ibmcloud az", behind: "login", value: "-p"},
	{programs: "cf", operands: []operand{{after: "auth", nth: 2}}},
	{programs: "kubectl oc k3s", carries: true},
	{programs: "kubectl oc", behind: "create secret", value: "--from-literal"},
	{programs: "aws", plain: "--key --keys --secret-id --starting-token --next-token"},
	{programs: "aws", behind: "put-parameter", value: "--value"},
	{programs: "aws", behind: "secretsmanager", value: "--secret-string --secret-binary"},
	{programs: "az", behind: "secret set", value: "--value"},
	{programs: "vault bao", operands: []operand{{after: "login unwrap", nth: 1}, {after: "unseal", nth: 1}}},
	{programs: "vault bao", behind: "kv put", assigned: true},
	{programs: "vault bao", behind: "kv patch", assigned: true},
	{programs: "vault bao", behind: "write", prefix: "secret_id= value="},
	{programs: "fly flyctl doppler supabase", behind: "secrets set", assigned: true},
	{programs: "gh", behind: "secret set", value: "-b --body"},
	{programs: "gh glab", plain: "-t --title -b --body -m --message -d --description"},
	{programs: "ansible-vault", operands: []operand{{after: "encrypt_string", nth: -1}}, plain: "-n --name --vault-id --vault-password-file --encrypt-vault-id"},
	{programs: "snyk", operands: []operand{{after: "auth", nth: 1}}},
	{programs: "ngrok", operands: []operand{{after: "authtoken add-authtoken", nth: 1}}},
	{programs: "cargo", operands: []operand{{after: "login", nth: 1}}},
	{programs: "bw", operands: []operand{{after: "login", nth: 2}, {after: "unlock", nth: 1}}},
	{programs: "doctl codecov", value: "-t"},
	{programs: "twine poetry", value: "-p", glued: "-p"},
	{programs: "dotnet nuget", behind: "push", value: "-k -ApiKey"},
	{programs: "dotnet nuget", behind: "source", value: "-p"},
	{programs: "nuget", operands: []operand{{after: "push", nth: 2}}},
	{programs: "pulumi", plain: "--secret"},
	{programs: "mvn gradle gradlew mvnw sonar-scanner", prefix: "-Dsonar.login="},
	{programs: "choco", value: "-k"},
	{programs: "gsutil", plain: "-o"},

	// Programs whose words may look secret and are not.
	{programs: "git hg svn jj", plain: "-m --message --grep -S -G --author --committer --format --pretty"},
	{programs: "sort join jq yq", plain: "-k --key --keys"},
	{programs: "cachex", plain: "--key --match", carries: true},
	{programs: "vncviewer", plain: "-passwd"},
	{programs: "duplicity", plain: "--encrypt-key --sign-key"},
	{programs: "ffmpeg ffprobe", plain: "-pass -key"},
	{programs: "grep egrep fgrep rg ag ack apt apt-get dnf yum apk brew pip npm which man whatis tldr make cmake echo printf go less cat tmux gpg"},
}

// formsOf returns the forms of a program, and whether what follows on its command line may be a command: so behind
// those that are known to run others, and those that are not known at all.
func formsOf(word string) (fs []form, carries bool) {
	name := programName(word)
	if !isOneOf(name, allPrograms()) {
		return nil, true
	}
	for i := range forms {
		if isOneOf(name, forms[i].programs) {
			fs = append(fs, forms[i])
			carries = carries || forms[i].carries
		}
	}
	return fs, carries
}

func isKnown(word string) bool { return isOneOf(programName(word), allPrograms()) }

// allPrograms lists the programs of all forms: one search in it costs less than one in each.
var allPrograms = sync.OnceValue(func() string {
	lists := make([]string, len(forms))
	for i := range forms {
		lists[i] = forms[i].programs
	}
	return strings.Join(lists, " ")
})

// programName is the name that a word has as a program, or nothing if it can be none.
func programName(word string) string {
	if len(word) > LongestShown || strings.ContainsAny(word, "= ") {
		return ""
	}
	return strings.TrimSuffix(path.Base(strings.ReplaceAll(word, `\`, "/")), ".exe")
}

// applies says whether the form's subcommand stands among the words so far.
func (f *form) applies(words []string) bool {
	for want := range strings.FieldsSeq(f.behind) {
		i := 0
		for i < len(words) && words[i] != want {
			i++
		}
		if i == len(words) {
			return false
		}
		words = words[i+1:]
	}
	return true
}

// hasSecret judges the word in a place of a command.
func (f *form) hasSecret(words []string, at int) bool {
	word, previous := words[at], words[at-1]
	if f.joined && len(previous) > 2 && previous[0] == '-' && isWords(previous[1:]) && previous[1] != '-' {
		previous = "-" + previous[len(previous)-1:]
	}
	switch {
	case isOneOf(previous, f.value) && !isFlag(word):
		return isValue(word)
	case isOneOf(previous, f.pair):
		return f.pairHasSecret(word)
	case isOneOf(previous, f.apart) && !isFlag(word) && !isWords(word):
		return true
	}
	if value, ok := cutFlag(word, f.value, false); ok {
		return isValue(value)
	}
	if value, ok := cutFlag(word, f.glued, true); ok {
		return isValue(value)
	}
	if value, ok := cutFlag(word, f.pair, true); ok {
		return f.pairHasSecret(value)
	}
	if value, ok := cutFlag(word, f.prefix, true); ok {
		return isValue(value)
	}
	if _, value, ok := strings.Cut(word, "="); ok && f.assigned && word[0] != '-' {
		return isValue(value)
	}
	for _, o := range f.operands {
		if o.isAt(words, at) && !f.isPlain(word, previous) {
			if o.pair {
				name, _, _ := strings.Cut(word, f.sep)
				return name != "" && !strings.ContainsAny(name, "@.") && f.pairHasSecret(word)
			}
			return isValue(word)
		}
	}
	return false
}

func (f *form) pairHasSecret(word string) bool {
	sep := f.sep
	if sep == "" {
		sep = ":"
	}
	_, secret, _ := strings.Cut(word, sep)
	return secret != "" && isValue(secret)
}

// isPlain says whether a word is the value of a flag of which it is known that it takes no secret.
func (f *form) isPlain(word, previous string) bool {
	_, ok := cutFlag(word, f.plain, false)
	return ok || isOneOf(previous, f.plain)
}

// cutFlag returns the value that is in one word with one of the flags, behind an equals sign or, of glued flags, at
// once.
func cutFlag(word, flags string, glued bool) (value string, ok bool) {
	for flag := range strings.FieldsSeq(flags) {
		rest, found := strings.CutPrefix(word, flag)
		if !found || rest == "" {
			continue
		}
		if value, assigned := strings.CutPrefix(rest, "="); assigned && strings.HasPrefix(flag, "--") {
			return value, true
		}
		if glued && !strings.HasPrefix(flag, "--") {
			return rest, true
		}
	}
	return "", false
}

// isAt says whether the word in this place is the operand.
func (o operand) isAt(words []string, at int) bool {
	if words[at][0] == '-' || strings.Contains(words[at], "=") && o.after != "" {
		return false
	}
	seen, flagged, count := o.after == "", o.flag == 0, 0
	for _, word := range words[1 : at+1] {
		switch {
		case strings.HasPrefix(word, "-"):
			flagged = flagged || word[1:] != "" && word[1] != '-' && strings.IndexByte(word, o.flag) > 0
		case seen:
			count++
		default:
			seen = isOneOf(word, o.after)
		}
	}
	switch o.nth {
	case -1:
	case 0:
		seen = seen && at == len(words)-1
	default:
		seen = seen && count == o.nth
	}
	return seen && flagged && count > 0
}
