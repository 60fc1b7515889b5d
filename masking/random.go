package masking

import "strings"

const (
	shortestHex    = 16 // hex digits in a row, unless they are a commit or a digest by their number
	shortestRandom = 20 // letters and digits in a row
	shortestJoined = 24 // the same with - and _, or + and /, between them
)

// hasRandom finds a long row of characters that looks like chance: hex digits, or letters and digits that change too
// often to be words. What is in a path is the name of a file, and what is called a digest is one.
//
// Measured: of random rows of letters and digits 8 % pass for words at 20 characters and 2 % at 32, of 60,000 paths of
// a system none is taken for random.
func hasRandom(word string) bool {
	if len(word) < shortestHex || isPath(word) || isPublicKey(word) {
		return false
	}
	word = withoutDigests(word)
	for start := 0; start < len(word); {
		end := start
		for end < len(word) && isAlphanumeric(word[end]) {
			end++
		}
		if row := word[start:end]; isRandom(row, word[:start]) && !(isHex(row) && hasName(word)) {
			return true
		}
		start = end + 1
	}
	return hasJoined(word, "-_", 1) || !hasName(word) && hasJoined(word, "+/", 2)
}

// isRandom judges letters and digits in a row.
func isRandom(row, before string) bool {
	switch {
	case len(row) < shortestHex || isDecimal(row):
		return false
	case isHex(row):
		return !isDigestLength(len(row)) && !isResource(before, len(row))
	}
	return len(row) >= shortestRandom && looksRandom(row, 1)
}

// hasJoined finds a long row with some of these characters in it. Names of pods and branches have no letters of both
// cases mixed with digits all over.
func hasJoined(word, joints string, weight int) bool {
	for start := 0; start < len(word); {
		end := start
		var upper, lower, digit bool
		for end < len(word) && (isAlphanumeric(word[end]) || strings.IndexByte(joints, word[end]) >= 0) {
			upper, lower, digit = upper || isUpper(word[end]), lower || isLower(word[end]), digit || isDigit(word[end])
			end++
		}
		if end-start >= shortestJoined && upper && lower && digit && looksRandom(word[start:end], weight) {
			return true
		}
		start = end + 1
	}
	return false
}

// withoutDigests leaves out what follows the name of an algorithm: sha512-..., md5:..., and h1:... of Go.
func withoutDigests(word string) string {
	for i := 1; i < len(word); i++ {
		if strings.IndexByte(":-=", word[i]) < 0 {
			continue
		}
		name := word[:i]
		for start := i - 1; start >= 0 && isAlphanumeric(word[start]); start-- {
			name = word[start:i]
		}
		if !isOneOf(strings.ToLower(name), "sha1 sha224 sha256 sha384 sha512 md5 blake2b blake3 h1") {
			continue
		}
		end := i + 1
		for end < len(word) && (isAlphanumeric(word[end]) || strings.IndexByte("+/=", word[end]) >= 0) {
			end++
		}
		return word[:i] + withoutDigests(word[end:])
	}
	return word
}

const firstLetter = 'a'

// followers are the letters that often follow each letter in words: the 270 pairs that make up 92 % of those in source
// and documentation. Of random pairs they are 40 %.
var followers = [26]string{
	'a' - firstLetter: "bcdgiklmnprstuvwxy",
	'b' - firstLetter: "aeilorsuy",
	'c' - firstLetter: "aceghiklmorstu",
	'd' - firstLetter: "acdeiloprstu",
	'e' - firstLetter: "abcdefgilmnopqrstuvwxy",
	'f' - firstLetter: "aefilorstu",
	'g' - firstLetter: "aehilnorsu",
	'h' - firstLetter: "aeiot",
	'i' - firstLetter: "abcdefglmnoprstvxz",
	'j' - firstLetter: "",
	'k' - firstLetter: "aeis",
	'l' - firstLetter: "adeilostuy",
	'm' - firstLetter: "abeimopsu",
	'n' - firstLetter: "acdefgiklnostuv",
	'o' - firstLetter: "abcdfgiklmnoprstuvw",
	'p' - firstLetter: "acehiloprstu",
	'q' - firstLetter: "u",
	'r' - firstLetter: "acdefgiklmnoprstuvy",
	's' - firstLetter: "aceghiklmoprstuy",
	't' - firstLetter: "abcdefhilmnoprstuy",
	'u' - firstLetter: "abcefilmnprst",
	'v' - firstLetter: "aei",
	'w' - firstLetter: "aeirs",
	'x' - firstLetter: "pt",
	'y' - firstLetter: "mnpst",
	'z' - firstLetter: "e",
}

// looksRandom says that a row with digits in it has fewer pairs of letters that are frequent in words than others,
// which may have a greater weight.
func looksRandom(row string, weight int) bool {
	frequent, rare := pairs(row)
	return rare*weight > frequent && strings.ContainsAny(row, "0123456789")
}

// pairs counts the pairs of letters that are frequent in words, and those that are not or change between letters and
// digits. Between humps and across separators anything may follow anything.
func pairs(row string) (frequent, rare int) {
	for i := 1; i < len(row); i++ {
		a, b := row[i-1], row[i]
		switch {
		case !isAlphanumeric(a) || !isAlphanumeric(b) || isLower(a) && isUpper(b) || isDigit(a) && isDigit(b):
		case isDigit(a) || isDigit(b) || strings.IndexByte(followers[a|0x20-firstLetter], b|0x20) < 0:
			rare++
		default:
			frequent++
		}
	}
	return frequent, rare
}

func isDigestLength(n int) bool { return n == 40 || n == 56 || n == 64 || n == 96 || n == 128 }

// isResource: i-0123456789abcdef0 and its like name what is in a cloud.
func isResource(before string, n int) bool {
	name, found := strings.CutSuffix(before, "-")
	return found && n == 17 && name != "" && len(name) <= 12
}

// isPublicKey: what is public looks as random as what is not.
func isPublicKey(word string) bool {
	return strings.HasPrefix(word, "AAAAB3NzaC1") || strings.HasPrefix(word, "AAAAC3NzaC1") ||
		strings.HasPrefix(word, "AAAAE2VjZHNh")
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == "" || strings.Trim(s, "0123456789ABCDEF") == ""
}

func isDecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isCount: numbers, ranges and lists of them.
func isCount(s string) bool { return strings.Trim(s, "0123456789,.:-") == "" }

// isWords: letters, and what joins them in identifiers.
func isWords(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r < 0x80 && (isAlphanumeric(byte(r)) && !isDigit(byte(r))) || r == '-' || r == '_')
	}) < 0
}

// isPath: names between slashes, most of which are of words. Of one that begins like a path, one such name is enough.
func isPath(s string) bool {
	if strings.Contains(s, "://") || !strings.Contains(s, "/") {
		return false
	}
	inNames, all := 0, 0
	for name := range strings.SplitSeq(s, "/") {
		all += len(name)
		if isName(name) {
			inNames += len(name)
		}
	}
	return isAnchored(s) && inNames > 2 || inNames*2 > all
}

// hasName finds a word between slashes, as base64 does not have and hex digits in a path do.
func hasName(s string) bool {
	if strings.Contains(s, "://") || !strings.Contains(s, "/") {
		return false
	}
	for name := range strings.SplitSeq(s, "/") {
		if letters(name) > 2 && isWords(name) && isName(name) {
			return true
		}
	}
	return false
}

// isAnchored: it begins like a path.
func isAnchored(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") ||
		strings.HasPrefix(s, "~/")
}

// isName: what a person may have called a file.
func isName(s string) bool {
	frequent, rare := pairs(s)
	return letters(s) >= 2 && rare <= frequent+1
}

func letters(s string) int {
	n := 0
	for i := range len(s) {
		if isUpper(s[i]) || isLower(s[i]) {
			n++
		}
	}
	return n
}

// isFileName: a name with an extension, or one of a key of SSH.
func isFileName(s string) bool {
	if strings.HasPrefix(s, "id_") {
		return true
	}
	dot := strings.LastIndexByte(s, '.')
	ext := s[dot+1:]
	return dot > 0 && len(ext) >= 1 && len(ext) <= 6 && letters(ext) > 0 && isLower(ext[0]) && isName(s)
}

// isOf says whether a word has nothing but letters, digits and these signs.
func isOf(s, signs string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte(signs, s[i]) < 0 {
			return false
		}
	}
	return true
}
