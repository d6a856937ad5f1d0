"""Pydantic settings read from their syntax tree: fields, and the variables that each is read from. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from blueprint.evidence import Finding, Place

MOST_CHARACTERS = 512 * 1024
_CONFIGURATIONS = frozenset({"SettingsConfigDict", "ConfigDict", "dict"})
_NO_FIELD = frozenset({"ClassVar", "PrivateAttr", "Final"})
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a settings class.

    Attributes:
        name: of the field.
        variables: what it is read from, in the order in which the first that is set wins.
        required: whether it has no default.
        default: its default where that is a plain text, number or truth value, as text; empty otherwise.
        line: where it stands.
    """

    name: str
    variables: tuple[str, ...]
    required: bool
    default: str
    line: int


@dataclass(frozen=True, slots=True)
class SettingsClass:
    """A class whose fields are read from the environment."""

    name: str
    line: int
    prefix: str
    settings: tuple[Setting, ...]


@dataclass(slots=True)
class SettingsTree:
    """What a module of settings defines.

    Attributes:
        classes: those that are read from the environment, in order.
        models: names of the other Pydantic models.
        passed_over: ``Class.name`` of what is annotated there and is no field.
        faults: why some of it cannot be read.
    """

    classes: list[SettingsClass] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)

    def settings(self) -> Iterator[Setting]:
        """Every field of every class that is read from the environment."""
        for each in self.classes:
            yield from each.settings


def read_settings(text: str, path: str) -> SettingsTree:
    """Read a module. Never raises: what cannot be read is a fault with its line."""
    tree = SettingsTree()
    if len(text) > MOST_CHARACTERS:
        tree.faults.append(Finding(f"has {len(text):,} characters; {MOST_CHARACTERS:,} are read", Place(path)))
        return tree
    try:
        module = ast.parse(text.removeprefix("\ufeff"), path)
    except _UNREADABLE as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", "") or str(error) or type(error).__name__
        tree.faults.append(Finding(f"is not Python: {reason}", Place(path, line)))
        return tree
    _Reading(path, tree, _imported(module)).read(module)
    return tree


def _imported(module: ast.Module) -> Mapping[str, str]:
    """What each imported name is called where it comes from."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@dataclass(slots=True)
class _Reading:
    path: str
    tree: SettingsTree
    imported: Mapping[str, str]
    known: dict[str, tuple[bool, str, tuple[Setting, ...]]] = field(default_factory=dict)

    def read(self, module: ast.Module) -> None:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                self._class(node)

    def _class(self, node: ast.ClassDef) -> None:
        bases = [self._name(base) for base in node.bases]
        parents = [self.known[base] for base in bases if base in self.known]
        from_environment = any(parent[0] for parent in parents) or any(base.endswith("Settings") for base in bases)
        if not from_environment and not parents and "BaseModel" not in bases:
            return
        prefix = self._prefix(node)
        if prefix is None:
            prefix = next((parent[1] for parent in parents), "")
        own = tuple(self._settings(node, prefix))
        names = {setting.name for setting in own}
        inherited = tuple(setting for parent in parents for setting in parent[2] if setting.name not in names)
        self.known[node.name] = from_environment, prefix, inherited + own
        if from_environment:
            self.tree.classes.append(SettingsClass(node.name, node.lineno, prefix, inherited + own))
        else:
            self.tree.models.append(node.name)

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Subscript):
            return self._name(node.value)
        if isinstance(node, ast.Attribute):
            return node.attr
        return self.imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def _prefix(self, node: ast.ClassDef) -> str | None:
        """The prefix that a class names itself: in model_config, or in an inner class Config."""
        for statement in node.body:
            value = _assigned(statement, "model_config")
            if isinstance(value, ast.Call) and self._name(value.func) in _CONFIGURATIONS:
                return self._prefix_of({keyword.arg or "": keyword.value for keyword in value.keywords})
            if isinstance(value, ast.Dict):
                return self._prefix_of({_text(key): item for key, item in zip(value.keys, value.values, strict=True)})
            if isinstance(statement, ast.ClassDef) and statement.name == "Config":
                inner = [(target, _assigned(each, target)) for each in statement.body for target in ("env_prefix",)]
                return self._prefix_of({target: item for target, item in inner if item is not None})
        return None

    def _prefix_of(self, configuration: Mapping[str, ast.expr]) -> str | None:
        value = configuration.get("env_prefix")
        if value is None:
            return None
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            self._fault("the prefix is no literal text, so it cannot be read", value.lineno, "env_prefix")
            return None
        return value.value

    def _settings(self, node: ast.ClassDef, prefix: str) -> Iterator[Setting]:
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
                if name.startswith("_") or name == "model_config" or self._name(statement.annotation) in _NO_FIELD:
                    self.tree.passed_over.append(f"{node.name}.{name}")
                else:
                    yield self._setting(name, statement, prefix)

    def _setting(self, name: str, statement: ast.AnnAssign, prefix: str) -> Setting:
        calls = [call for call in _parts(statement) if isinstance(call, ast.Call) and self._name(call.func) == "Field"]
        options = {keyword.arg or "": keyword.value for call in calls for keyword in call.keywords}
        value: ast.expr | None = statement.value
        if isinstance(value, ast.Call) and self._name(value.func) == "Field":
            value = value.args[0] if value.args else options.get("default", options.get("default_factory"))
        elif value is None:
            value = options.get("default_factory")
        required = value is None or (isinstance(value, ast.Constant) and value.value is Ellipsis)
        written = [options[key] for key in ("validation_alias", "alias", "env") if key in options]
        variables = tuple(self._variables(written[0])) if written else (f"{prefix}{name}".upper(),)
        constant = value.value if isinstance(value, ast.Constant) and not required else None
        return Setting(name, variables, required, "" if constant is None else str(constant), statement.lineno)

    def _variables(self, node: ast.expr) -> Iterator[str]:
        """The names of an alias: a text, a list of them, or AliasChoices; of an AliasPath the first part."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            for item in node.elts:
                yield from self._variables(item)
        elif isinstance(node, ast.Call) and self._name(node.func) in {"AliasChoices", "AliasPath"}:
            of_path = self._name(node.func) == "AliasPath"
            for item in node.args[:1] if of_path else node.args:
                yield from self._variables(item)
        else:
            self._fault("the alias is no literal text, so it cannot be read", node.lineno, "alias")

    def _fault(self, what: str, line: int, key: str) -> None:
        self.tree.faults.append(Finding(what, Place(self.path, line, key), "write it as a literal"))


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    targets: Iterable[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = (statement.target,)
    named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    return statement.value if named and isinstance(statement, ast.Assign | ast.AnnAssign) else None


def _parts(statement: ast.AnnAssign) -> Iterator[ast.AST]:
    """The value, and the parts of an ``Annotated[...]``."""
    if statement.value is not None:
        yield statement.value
    if isinstance(statement.annotation, ast.Subscript) and isinstance(statement.annotation.slice, ast.Tuple):
        yield from statement.annotation.slice.elts


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
