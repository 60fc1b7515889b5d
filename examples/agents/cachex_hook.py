#!/usr/bin/env python3
"""A hook for coding agents: puts cachex run before commands that only read, and before no others.

An agent that calls hooks before it runs a tool starts this with JSON on stdin, {"tool_input": {"command": TEXT, ...}, ...}.
If TEXT is of the list below, the answer on stdout is the same input with another command; otherwise there is none, and the
agent does what it would. If anything is wrong there is none, either.

    cachex_hook.py [--decision allow|ask]    of stdin
    cachex_hook.py --text TEXT               prints the command that would be run

--decision is for agents that take a changed input only with a decision about it. By default the agent asks whom it would ask."""
import json, re, shlex, shutil, sys

# What a word of an option may be, for each command of the list. A command with any other option is left alone: so what writes
# a file (git diff --output), starts a program (git grep -O) or depends on the time (git log --since) runs as it is. So does git
# blame, which says the time for lines that are not committed.
GIT = {
    "status": r"-s|--short|-b|--branch|-sb|--porcelain(=v[12])?|-u(no|normal|all)|--untracked-files=(no|normal|all)|--ignored",
    "log": r"--oneline|-\d+|-n|--max-count=\d+|-p|--patch|--stat|--name-only|--name-status|--graph|--all|--decorate|--no-decorate|"
           r"--follow|--merges|--no-merges|--reverse",
    "show": r"--stat|--name-only|--name-status|--oneline|-p|--patch|--no-patch|-s",
    "diff": r"--stat|--name-only|--name-status|--cached|--staged|-p|--patch|-U\d+|-w|-b|--check|--shortstat|--numstat|--no-color|"
            r"--word-diff",
    "ls-files": r"-c|-m|-o|-d|-s|--cached|--modified|--others|--deleted|--stage|--exclude-standard",
}
GREP = r"-[rRnilLwHhcoEFvx]+|-[ABCm]\d*|--include=\S+|--exclude=\S+|--exclude-dir=\S+|--color=never|-e"
LS = r"-[1aAlhrRtSFpdi]+"
GO_LIST = r"-m|-deps|-test|-json|-f|-tags(=\S+)?"
GO_TEST = r"-v|-short|-race|-run(=\S+)?|-tags(=\S+)?|-failfast"

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

# One simple command: nothing that a shell would do besides, such as a pipe, a redirection, a variable. Globs may be there, and
# whatever means nothing between quotes.
QUOTED = r"""'[^'\n]*'|"[^"$`\\!\n]*\""""
SIMPLE = r"[^;&|<>$`(){}!#\\\n\r]+"


def flags(words):
    """Returns the flags of cachex run for a command of the list, or None for any other."""
    for begin, options, more in LIST:
        if tuple(words[:len(begin)]) != begin:
            continue
        rest = words[len(begin):]
        own = rest[:rest.index("--")] if "--" in rest else rest
        if all(re.fullmatch(options, w) for w in own if w.startswith("-")):
            if begin == ("grep",) and not reads_files(own, len(rest) > len(own)):
                return None
            return "-q --trace" + more
    return None


def reads_files(words, more):
    """Whether grep has files to read: without, it reads what is typed."""
    return more or any(re.match("-[a-zA-Z]*[rR]", w) for w in words) or sum(not w.startswith("-") for w in words) > 1


def cached(text):
    """Returns the text with cachex run in it, or None."""
    before, command = re.fullmatch(r"(\s*cd [\w./@+-]+ && )?(.*)", text, re.S).groups()
    if not re.fullmatch(SIMPLE, re.sub(QUOTED, "", command)):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    found = flags(words)
    if found is None:
        return None
    # git status would write its index anew, and what changes its own input is not stored
    locks = "GIT_OPTIONAL_LOCKS=0 " if words[0] == "git" else ""
    return f"{before or ''}{locks}cachex run {found} -- {command.strip()}"


def answer(event, decision):
    given = event["tool_input"]
    command = cached(given["command"])
    if command is None:
        return None
    out = {"hookEventName": "PreToolUse", "updatedInput": {**given, "command": command}}
    if decision:
        out["permissionDecision"] = decision
    return {"hookSpecificOutput": out}


def main(args):
    if args[:1] == ["--text"]:
        print(cached(args[1]) or args[1])
        return
    decision = args[1] if args[:1] == ["--decision"] and args[1] in ("allow", "ask") else None
    try:
        out = answer(json.load(sys.stdin), decision) if shutil.which("cachex") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # not an event that this knows
    if out:
        print(json.dumps(out))


if __name__ == "__main__" and sys.platform == "linux":  # elsewhere nothing can be observed
    main(sys.argv[1:])
