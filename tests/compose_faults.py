"""Compose files that cannot be read, and such that can and hold a fault, with its line and what must be said of it."""

from __future__ import annotations

from blueprint.compose.nodes import DEEPEST

DEFAULT = "services: {a: {image: 'example/a:1.0', profiles: [default]}}\n"
UNREADABLE = {
    "a tab": ("services:\n\ta: {image: x}\n", 2, "found character that cannot start any token"),
    "an unquoted colon": ("services:\n  a: {image: x}\nname: a: b\n", 3, "mapping values are not allowed"),
    "an open bracket": ("services: [\n", 2, "did not find expected"),
    "a control character": ("services:\n  a: \x01\n", 2, "character"),
    "a surrogate": ("name: \ud800\n", 1, "surrogates not allowed"),
    "a list": ("- a\n", 1, "is no mapping"),
    "a word": ("services\n", 1, "is no mapping"),
    "nothing": ("", 1, "is empty"),
    "comments": ("# services:\n", 1, "is empty"),
    "an empty document": ("---\n...\n", 1, "is empty"),
    "services that are a list": ("services: [a]\n", 1, "is a list where Compose wants object"),
    "services that are nothing": ("services:\n", 1, "is empty where Compose wants object"),
    "deep nesting": ("a: " + "[" * 3000 + "\n", 1, "nest"),
    "deep blocks": ("- " * 500 + "a\n", 1, f"is nested deeper than {DEEPEST} levels"),
}
FAULTS = {
    "a key twice": ("services:\n  a: {image: x:1}\n  a: {image: y:1}\n", 3, "key 'a' stands at line 2 already"),
    "an attribute twice": ("services: {a: {image: x:1, image: y:1}}\n", 1, "key 'image' stands at line 1 already"),
    "two merge keys": (
        "x-a: &a {image: x:1}\nservices:\n  s:\n    <<: *a\n    <<: *a\n",
        5,
        "key '<<' stands at line 4 already",
    ),
    "a merge of a word": (f"{DEFAULT}x-a: {{<<: word}}\n", 2, "merge key << takes a mapping"),
    "an unknown key": (
        "services:\n  a:\n    image: x:1\n    helthcheck: {}\n",
        4,
        "'helthcheck' is no key that Compose knows here",
    ),
    "an unknown part": (f"{DEFAULT}servces: {{}}\n", 2, "'servces' is no key that Compose knows here"),
    "a key that is no text": ("services:\n  1: {image: x:1}\n", 2, "key '1' is no text"),
    "a service that is nothing": ("services:\n  a:\n", 2, "is empty where Compose wants object"),
    "a number for a text": (f"{DEFAULT}name: 1\n", 2, "is a number where Compose wants string"),
    "an unknown tag": (f"{DEFAULT}x-a: !!python/name:os.system x\n", 2, "means nothing here"),
    "an alias without an anchor": (f"{DEFAULT}x-a: *nowhere\n", 2, "alias *nowhere names no anchor"),
    "an alias of itself": (f"{DEFAULT}x-a: &a [*a]\n", 2, "alias *a holds itself"),
    "a bad substitution": (f"{DEFAULT}x-a: '${{}}'\n", 2, "${} is no substitution"),
    "no port": ("services: {a: {image: x:1, ports: ['70000:80']}}\n", 1, "'70000' is no port from 0 to 65535"),
    "uneven ranges": ("services: {a: {image: x:1, ports: ['1-3:1-2']}}\n", 1, "are not of one length"),
    "an open quote in a command": ("services: {a: {image: x:1, command: 'echo \"a'}}\n", 1, "is no command line"),
    "a remote include": (f"include: ['oci://example.invalid/x:1']\n{DEFAULT}", 1, "is remote and is not fetched"),
    "a git include": (f"include: [{{path: 'git@example.invalid:x.git'}}]\n{DEFAULT}", 1, "is remote and is not"),
    "an include of itself": (f"include: [docker-compose.somaagent01.yaml]\n{DEFAULT}", 1, "is read in a circle"),
    "an include of nothing": (f"include: [nowhere.yaml]\n{DEFAULT}", 1, "infra/nowhere.yaml is not there"),
    "an include from outside": (f"include: [../../elsewhere.yaml]\n{DEFAULT}", 1, "lies outside"),
    "an extension of itself": ("services: {a: {extends: b}, b: {extends: a}}\n", 1, "extends itself"),
    "an extension of nothing": ("services: {a: {extends: b}}\n", 1, "extends 'b', which is no service"),
    "an extension of a file that is not there": (
        "services: {a: {extends: {file: no.yaml, service: b}}}\n",
        1,
        "infra/no.yaml is not there",
    ),
}
