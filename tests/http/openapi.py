"""Holds answers against the server's own description, GET /openapi.json.

    document = Document(server)
    document.check("POST", "/purchase/1", answer)   # AssertionError when it says something else
"""
import re

import jsonschema


class Document:
    def __init__(self, server):
        answer = server.ask("GET", "/openapi.json")
        self.json = answer.json()
        self.resolver = jsonschema.RefResolver("", self.json)
        self.used = set()
        self.patterns = [(re.compile(re.sub(r"\{[a-z]+\}", "[^/]+", path) + r"(\?.*)?"), path)
                         for path in self.json["paths"]]
        self.check("GET", "/openapi.json", answer)

    def operations(self):
        """(METHOD, path) of all that is described."""
        return {(method.upper(), path) for path, item in self.json["paths"].items()
                for method in item if method in ("get", "put", "post", "patch", "delete")}

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def find(self, method, path):
        """(path of the document, operation), or None where nothing is described."""
        for pattern, name in self.patterns:
            if pattern.fullmatch(path) and method.lower() in self.json["paths"][name]:
                return name, self.json["paths"][name][method.lower()]
        return None

    def check(self, method, path, answer, listener="main"):
        """listener: "main" or "admin"; a path of the other one is not described."""
        found = self.find(method, path)
        if not found:
            return
        name, operation = found
        if name != "/openapi.json" and (operation["tags"] == ["shop"]) != (listener == "main"):
            return
        responses = operation["responses"]
        described = self.resolve(responses.get(str(answer.status)) or responses["default"])
        self.used.add((method, name, str(answer.status)))
        content = (answer.get("content-type") or "").split(";")[0]
        assert content in described["content"], f"{method} {name}: {content} for {answer.status}"
        if content != "text/plain":
            self.check_body(described["content"][content]["schema"], answer, f"{method} {name}")
        for header in described.get("headers", {}):
            if header == "Retry-After":
                assert answer.get(header), f"{method} {name}: {answer.status} without {header}"

    def check_body(self, schema, answer, where):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        wrong = [f"{'/'.join(map(str, error.path))}: {error.message}"
                 for error in validator.iter_errors(answer.json())]
        assert not wrong, f"{where} answered {answer.status}, against its description: {wrong}"
