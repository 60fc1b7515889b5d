#!/usr/bin/env python3
"""A hook for coding agents: puts cachex run before commands that only read, and before no others.

An agent that calls hooks before it runs a tool starts this with JSON on stdin, {"tool_input": {"command": TEXT, ...}, ...}.
If there is a command of the list below in TEXT, the answer on stdout is the same input with another command; otherwise there is
none, and the agent does what it would. If anything is wrong there is none, either.

    cachex_hook.py [--only PROGRAM,PROGRAM] [--decision allow|ask]    of stdin
    cachex_hook.py [--only PROGRAM,PROGRAM] --text TEXT               prints the command that would be run

--only is for a part of the list, such as go,pytest. --decision is for agents that take a changed input only with a decision about
it. By default the agent asks whom it would ask."""
import argparse, json, re, shlex, shutil, sys

# What a word of an option may be, for each command of the list. A command with any other option is left alone: so what writes
# a file (git diff --output), starts a program (git grep -O) or depends on the time (git log --since, %ar) runs as it is. So does
# git blame, which says the time for lines that are not committed.
FORMAT = r"--(format|pretty)=(oneline|short|medium|full|fuller|raw|reference|(?!.*%[-+ ]?([ac][rh]|G|g)).*%.*)"
COMMITS = FORMAT + r"|-p|--patch|--no-patch|-s|-\d+|-n|-n\d+|--max-count=\d+|--oneline|--abbrev-commit|--graph|--all|--branches|" \
    r"--tags|--decorate|--no-decorate|--follow|--merges|--no-merges|--first-parent|--reverse|--topo-order|-i|-E|-F|-P|--grep(=.*)?|" \
    r"--author(=.*)?|-[SG].*|--pickaxe-regex|--diff-filter=\w+|-L.*|--date=(iso|iso-strict|short|raw|unix|rfc|default)"
CHANGES = r"--stat|--shortstat|--numstat|--summary|--name-only|--name-status|-w|-b|-M|-C|-U\d+|--unified=\d+|--check|--no-color|" \
    r"--color=never|--word-diff|-R|-z|-q|--quiet|--exit-code"
GIT = {
    "status": r"-s|--short|-b|--branch|-sb|--porcelain(=v[12])?|-u(no|normal|all)?|--untracked-files=(no|normal|all)|--ignored|-z",
    "log": COMMITS + "|" + CHANGES,
    "show": COMMITS + "|" + CHANGES,
    "diff": r"--cached|--staged|--merge-base|-p|--patch|--diff-filter=\w+|-[SG].*|" + CHANGES,
    "ls-files": r"-c|-m|-o|-d|-s|-z|--cached|--modified|--others|--deleted|--stage|--exclude-standard",
    "ls-tree": r"-r|-d|-t|-l|-z|--name-only|--full-tree",
    "rev-parse": r"--short(=\d+)?|--abbrev-ref|--verify|--show-toplevel|-q|--quiet",
    "merge-base": r"-a|--all|--is-ancestor",
}
# What a ref was at some time, which passes; but not what it was so many changes ago.
TIME = re.compile(r"@\{(?!(u|upstream|push|-?\d+)\})", re.I)
GREP = r"-[abcEFGhHiIlLnoPqrRsvwxz]+|-[abcEFGhHiIlLnoPqrRsvwxz]*([ABCm]\d*|e)|--(include|exclude|exclude-dir)=.+|--color=never"
LS = r"-[1aAlhrRtSFpdinoLX]+"
GO_LIST = r"-m|-deps|-test|-json|-f|-e|-tags(=\S+)?"
GO_TEST = r"-v|-short|-race|-run(=.+)?|-tags(=\S+)?|-failfast|-vet=off|-timeout(=\S+)?"

# The list: the words that a command begins with, the options that it may have, flags of cachex run. What each of them reads is
# observed, so an edit of any of that is seen.
LIST = [
    *((("git", name), options, "") for name, options in GIT.items()),
    (("grep",), GREP, " --cache-exit 0,1"),  # finding nothing is an answer
    (("ls",), LS, ""),
    (("go", "list"), GO_LIST, ""),
    (("go", "vet"), r"-tags(=\S+)?", ""),
    (("go", "test"), GO_TEST, ""),
    (("pytest",), r"-[qvxs]+|-k", ""),
    (("python3", "-m", "pytest"), r"-[qvxs]+|-k", ""),
    (("python3", "-m", "unittest"), r"-[qvf]+", ""),
    (("cargo", "test"), r"-q|--quiet|--release|--lib", ""),
    (("npm", "test"), r"--silent", ""),
]

# A text is simple commands with operators between them. What a shell would do besides (files that are written, substitutions,
# groups, text that follows) has no token here, and then the whole text is left alone; what is in doubt for one command is `other`.
TOKEN = re.compile(r"""
    (?P<operator> && | \|\| | [;|\n] )
  | (?P<redirect> (?<=[ \t]) (2>&1 | [12]?>[ ]?/dev/null) (?=[ \t;|\n]|$) )
  | (?P<word> '[^'\n]*' | "([^"$`\\!\n]|\\[^\n!])*" | \\[^\n] | [\w./@%+,:=~^*?[\]-] )
  | (?P<space> [ \t]+ )
  | (?P<other> "[^"`\\\n]*" | [$!] )
""", re.X)
# Variables that may stand before a command.
SET = re.compile(r"((CGO_ENABLED|GO[A-Z]+|GIT_[A-Z_]+|PYTHON[A-Z]*|RUST[A-Z_]*|LANG|LC_[A-Z]+|TZ|NO_COLOR|CI)=[\w./:,@%+=-]*[ \t]+)*")
# After these, words may mean something else.
CHANGES_MEANINGS = re.compile(r"\s*(\w+=\S*\s+)*(command\s+|builtin\s+)*"
                              r"(\.|source|eval|alias|enable|hash|shopt|set|trap|exec|declare|typeset|function)(\s|$)")
# What may stand beside them in a text that is allowed by --decision: it only goes elsewhere, or shows less.
HARMLESS = re.compile(r"\s*(&&|\|\||[;|\n]|cd [\w./@+-]+|(head|tail|wc|cat)( -\w+| \d+)*)?\s*")


def flags(words):
    """Returns the flags of cachex run for a command of the list, or None for any other."""
    while words[0] == "git" and words[1:2] in (["--no-pager"], ["-C"]):
        words = words[:1] + words[2 + (words[1] == "-C"):]
    for begin, options, more in LIST:
        if tuple(words[:len(begin)]) != begin:
            continue
        rest = words[len(begin):]
        own = rest[:rest.index("--")] if "--" in rest else rest
        if all(re.fullmatch(options, w) for w in own if w.startswith("-")):
            if begin[0] == "git" and any(map(TIME.search, own)):
                return None
            if begin == ("grep",) and not reads_files(own, rest[len(own) + 1:]):
                return None
            return "-q --trace" + more
    return None


def reads_files(words, more):
    """Whether grep has files to read: without, it reads what is typed. More are the words behind --."""
    pattern, files, words = False, len(more), iter(words)
    for w in words:
        if not w.startswith("-"):
            files += 1
        elif re.match("-[a-zA-Z]*[rR]", w):
            return True
        elif re.fullmatch("-[a-zA-Z]*[eABCm]", w):  # the next word belongs to it
            pattern |= w.endswith("e")
            next(words, None)
    return files > (0 if pattern else 1)


def commands(text):
    """Yields the parts of a text: operators, and commands with whether they are simple; nothing more after what is not known."""
    command, simple, at = "", True, 0
    while at < len(text):
        token = TOKEN.match(text, at)
        if not token:
            raise ValueError
        at = token.end()
        if token["operator"]:
            yield command, simple
            yield token[0], False
            command, simple = "", True
        else:
            command += token[0]
            simple = simple and not token["other"]
    yield command, simple


def one(command):
    """Returns a simple command with cachex run before it, or None."""
    begin = command[:len(command) - len(command.lstrip(" \t"))]
    begin += SET.match(command, len(begin))[0]
    rest = command[len(begin):]
    words = shlex.split(re.sub(r"[ \t](2>&1|[12]?> ?/dev/null)(?=[ \t]|$)", " ", rest))
    found = flags(words) if words else None
    if found is None:
        return None
    # git status would write its index anew, and what changes its own input is not stored
    locks = "GIT_OPTIONAL_LOCKS=0 " if words[0] == "git" else ""
    return f"{begin}{locks}cachex run {found} -- {rest}"


def cached(text, strict=False):
    """Returns the text with cachex run before each command of the list in it, or None if there is none. Strictly, there must be
    nothing else in it but HARMLESS."""
    if re.search(r"[$][({]|\bPATH\b", text):
        return None
    text, parts, before, known = text.strip(), [], "", True
    try:
        for part, simple in commands(text):
            changed = one(part) if simple and known and before != "|" else None
            if strict and not changed and not HARMLESS.fullmatch(part):
                return None
            known = known and not CHANGES_MEANINGS.match(part)
            parts.append(changed or part)
            if part.strip():  # a line may end with |
                before = part
    except ValueError:
        return None
    result = "".join(parts)
    return result if result != text else None


def answer(event, decision):
    given = event["tool_input"]
    command = cached(given["command"], strict=decision == "allow")
    if command is None:
        return None
    out = {"hookEventName": "PreToolUse", "updatedInput": {**given, "command": command}}
    if decision:
        out["permissionDecision"] = decision
    return {"hookSpecificOutput": out}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only")
    parser.add_argument("--decision", choices=["allow", "ask"])
    parser.add_argument("--text")
    given = parser.parse_args()
    if given.only:
        LIST[:] = [row for row in LIST if row[0][0] in given.only.split(",")]
    if given.text is not None:
        print(cached(given.text) or given.text)
        return
    try:
        out = answer(json.load(sys.stdin), given.decision) if shutil.which("cachex") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # not an event that this knows
    if out:
        print(json.dumps(out))


if __name__ == "__main__" and sys.platform == "linux":  # elsewhere nothing can be observed
    main()
