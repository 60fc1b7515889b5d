package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v3"
)

// configKeys lists the keys of a file as they are written, in order, with their
// lines. viper tells neither; these are the parsers that viper uses, so both see
// the same file. Text has been parsed by viper without error.
func configKeys(path, format string, text []byte) ([]configKey, error) {
	switch format {
	case "toml":
		return tomlKeys(text), nil
	case "json":
		return jsonKeys(text), nil
	}
	return yamlKeys(path, text)
}

// tomlKeys walks over the expressions of a TOML document: tables, arrays of
// tables, and keys with values.
func tomlKeys(text []byte) []configKey {
	var keys []configKey
	var table []string // that the next keys belong to
	rules := 0
	var parser unstable.Parser
	parser.Reset(text)
	for parser.NextExpression() {
		expression := parser.Expression()
		names, line := tomlName(text, expression)
		switch {
		case expression.Kind == unstable.KeyValue && len(table) == 0:
			keys = append(keys, configKey{noRule, names[0], line})
			if names[0] == "rule" {
				keys = append(keys, tomlInline(text, expression.Value(), line)...)
			}
			continue
		case expression.Kind == unstable.KeyValue:
			if len(table) == 1 && table[0] == "rule" && rules > 0 {
				keys = append(keys, configKey{rules - 1, names[0], line})
			}
			continue
		}
		table = names
		keys = append(keys, configKey{noRule, names[0], line})
		switch {
		case names[0] != "rule":
		case len(names) > 1 && rules > 0:
			keys = append(keys, configKey{rules - 1, names[1], line})
		case len(names) == 1 && expression.Kind == unstable.ArrayTable:
			keys = append(keys, configKey{rules, "", line})
			rules++
		}
	}
	return keys
}

// tomlInline walks over rules that are written as `rule = [{match = "x"}]`.
func tomlInline(text []byte, list *unstable.Node, line int) []configKey {
	if list.Kind != unstable.Array {
		return nil
	}
	var keys []configKey
	rule := 0
	for elements := list.Children(); elements.Next(); rule++ {
		keys = append(keys, configKey{rule, "", line})
		if elements.Node().Kind != unstable.InlineTable {
			continue
		}
		for members := elements.Node().Children(); members.Next(); {
			var names []string
			names, line = tomlName(text, members.Node())
			keys = append(keys, configKey{rule, names[0], line})
		}
	}
	return keys
}

// tomlName is the dotted name of an expression, and the line where it begins.
func tomlName(text []byte, expression *unstable.Node) (names []string, line int) {
	for parts := expression.Key(); parts.Next(); {
		if line == 0 {
			line = lineAt(text, int(parts.Node().Raw.Offset))
		}
		names = append(names, string(parts.Node().Data))
	}
	return names, line
}

// yamlKeys walks over the nodes of a YAML document. A second document would be
// read by nobody, so it is an error.
func yamlKeys(path string, text []byte) ([]configKey, error) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	} else if err != nil {
		return nil, syntaxError(path, text, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, &ConfigError{Path: path, Line: second.Line, Why: "a second document", Hint: "keep one of the two"}
	}
	var keys []configKey
	yamlMembers(document.Content[0], func(key, value *yaml.Node) {
		keys = append(keys, configKey{noRule, key.Value, key.Line})
		if key.Value != "rule" || value.Kind != yaml.SequenceNode {
			return
		}
		for rule, element := range value.Content {
			keys = append(keys, configKey{rule, "", element.Line})
			yamlMembers(element, func(key, _ *yaml.Node) {
				keys = append(keys, configKey{rule, key.Value, key.Line})
			})
		}
	})
	return keys, nil
}

// yamlMembers calls visit for each key and value of a mapping.
func yamlMembers(node *yaml.Node, visit func(key, value *yaml.Node)) {
	node = yamlTarget(node)
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		visit(node.Content[i], yamlTarget(node.Content[i+1]))
	}
}

// yamlTarget is what an alias stands for.
func yamlTarget(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// jsonKeys walks over the members of a JSON object.
func jsonKeys(text []byte) []configKey {
	var keys []configKey
	for _, member := range jsonChildren(text, 0) {
		keys = append(keys, configKey{noRule, member.name, lineAt(text, member.offset)})
		if member.name != "rule" || member.value[0] != '[' {
			continue
		}
		for rule, element := range jsonChildren(member.value, member.offset) {
			keys = append(keys, configKey{rule, "", lineAt(text, element.offset)})
			if element.value[0] != '{' {
				continue
			}
			for _, m := range jsonChildren(element.value, element.offset) {
				keys = append(keys, configKey{rule, m.name, lineAt(text, m.offset)})
			}
		}
	}
	return keys
}

// jsonChild is a member of an object or an element of an array.
type jsonChild struct {
	name   string // of a member
	value  json.RawMessage
	offset int // where the value begins
}

// jsonChildren lists the children of an object or an array that begins at this
// offset of the file. Values are taken as offsets of members too: only somebody
// who puts a line break behind the colon would see it.
func jsonChildren(text []byte, offset int) []jsonChild {
	var children []jsonChild
	decoder := json.NewDecoder(bytes.NewReader(text))
	open, err := decoder.Token()
	for err == nil && decoder.More() {
		var child jsonChild
		if open == json.Delim('{') {
			var name json.Token
			if name, err = decoder.Token(); err != nil {
				break
			}
			child.name, _ = name.(string)
		}
		if err = decoder.Decode(&child.value); err == nil {
			child.offset = offset + int(decoder.InputOffset()) - len(child.value)
			children = append(children, child)
		}
	}
	return children
}

// lineAt is the number of the line that holds the byte at offset.
func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
}

// syntaxError turns what a parser complains about into one line with a place.
func syntaxError(path string, text []byte, err error) error {
	fault := &ConfigError{
		Path: path, Why: err.Error(), Hint: "correct the file; cachex config shows what was understood",
	}
	var ofTOML *toml.DecodeError
	var ofJSON *json.SyntaxError
	var ofType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &ofTOML):
		fault.Line, _ = ofTOML.Position()
		fault.Why = strings.TrimPrefix(ofTOML.Error(), "toml: ")
		if quoted := withQuotes(text, fault.Line); quoted != "" {
			fault.Hint = "values stand in quotes: write " + quoted
		}
	case errors.As(err, &ofJSON):
		fault.Line, fault.Why = lineAt(text, int(ofJSON.Offset)), ofJSON.Error()
	case errors.As(err, &ofType):
		fault.Line, fault.Why = 1, "not a table of keys and values"
	case strings.HasSuffix(path, ".toml"):
		// The parser gives no place where a key is defined twice.
		fault.Line, fault.Why = repeatedLine(tomlKeys(text)), strings.TrimPrefix(rootCause(err).Error(), "toml: ")
	default:
		fault.Line, fault.Why = yamlFault(rootCause(err))
	}
	return fault
}

// withQuotes is a line of TOML as it was probably meant if its value has no quotes, as in ttl = 5m; else nothing.
func withQuotes(text []byte, line int) string {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	name, value, _ := strings.Cut(lines[line-1], "=")
	value, _, _ = strings.Cut(value, "#")
	if value = strings.TrimSpace(value); value == "" || strings.ContainsAny(value, `"'[]{}\`) {
		return ""
	}
	return strings.TrimSpace(name) + ` = "` + value + `"`
}

// rootCause is the parser's own error, without what viper puts before it.
func rootCause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// repeatedLine is where the first key stands that was given before; 0 if none was.
func repeatedLine(keys []configKey) int {
	for i, key := range keys {
		if key.name != "rule" &&
			slices.ContainsFunc(keys[:i], func(k configKey) bool { return k.rule == key.rule && k.name == key.name }) {
			return key.line
		}
	}
	return 0
}

// yamlFault finds line and text in the messages of the YAML parser, which has no
// other form for them: `yaml: line 3: mapping values are not allowed`.
func yamlFault(err error) (line int, why string) {
	why = strings.TrimPrefix(err.Error(), "yaml: ")
	var several *yaml.TypeError
	if errors.As(err, &several) && len(several.Errors) > 0 {
		why = several.Errors[0]
	}
	if rest, ok := strings.CutPrefix(why, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			line, _ = strconv.Atoi(number)
			why = text
		}
	}
	if strings.HasPrefix(why, "cannot unmarshal") {
		why = "not a table of keys and values"
	}
	return line, why
}
