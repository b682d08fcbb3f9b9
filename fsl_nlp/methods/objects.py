"""The values of `method`: a name, a head, a method object, or the class of a head or method."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from fsl_nlp.errors import ArtifactError, FslError, OptionError
from fsl_nlp.heads import HEADS
from fsl_nlp.heads import REGISTRY as HEAD_REGISTRY
from fsl_nlp.heads.base import Head, PreparedHead
from fsl_nlp.methods import REGISTRY, build_method, check_seed, method_class
from fsl_nlp.methods.base import Method
from fsl_nlp.methods.frozen.method import FrozenMethod

if TYPE_CHECKING:
    from pathlib import Path

    from fsl_nlp.artifact import SavedClassifier
    from fsl_nlp.encoders import TextEncoder

# Saved instead of a package's name, for a method that loading cannot build by name.
OBJECT = "object"

MethodLike: TypeAlias = "str | Head | Method | type[Head] | type[Method]"


@dataclass(frozen=True)
class MethodChoice:
    """A method that a user chose.

    `name` is what results and saved files call it. `options` are those that the object itself
    holds. `target` is the object; None for a method chosen by name. `by_name` says whether the name
    and the options build it again without the object.
    """

    name: str
    target: Head | Method | type[Head] | type[Method] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    by_name: bool = True

    @property
    def encoder(self) -> TextEncoder | None:
        """The encoder of a method object; None for everything else."""
        return self.target.encoder if isinstance(self.target, Method) else None

    def build(
        self, encoder: TextEncoder, *, seed: int = 0, options: Mapping[str, Any] | None = None
    ) -> Method:
        """The method, ready to fit. `options` are set beside those of the object."""
        options = dict(options or {})
        if isinstance(self.target, Method):
            if options:
                raise OptionError(
                    f"{', '.join(sorted(options))}: a method object already has its options. "
                    "Set them where the object is made."
                )
            if encoder is not self.target.encoder:
                raise OptionError(
                    f"encoder: this method object has its own, {self.target.encoder!r}. "
                    "Leave the encoder out."
                )
            return self.target
        if twice := sorted(options.keys() & self.options.keys()):
            raise OptionError(f"{', '.join(twice)}: set this option on the head object.")
        check_seed(seed)
        if isinstance(self.target, type) and issubclass(self.target, Method):
            return self.target.build(self.name, encoder, seed, options)
        if self.by_name:
            options = {**self.options, **options}
            built = build_method(self.name, encoder, seed=seed, options=options)
            if isinstance(self.target, Head) and isinstance(built, FrozenMethod):
                return replace(built, head=self.target)  # keeps what it learned from source classes
            return built
        return self._frozen(encoder, seed, options)

    def _frozen(self, encoder: TextEncoder, seed: int, options: dict[str, Any]) -> FrozenMethod:
        """A head whose class has no registered name, on a frozen encoder."""
        head = self.target
        if isinstance(head, Head):
            built = _frozen_class(type(head)).build(self.name, encoder, seed, options)
            return replace(built, head=head)
        assert isinstance(head, type)
        assert issubclass(head, Head)
        return _frozen_class(head).build(self.name, encoder, seed, options)

    def version_options(self) -> dict[str, Any]:
        """The options of the object, its seed and a sum of what it has learned, for JSON."""
        options = {n: v if self.by_name else repr(v) for n, v in self.options.items()}
        head: object = self.target
        if isinstance(self.target, Method):
            options["seed"] = _seed(self.target)
            head = getattr(self.target, "head", None)
        if isinstance(head, PreparedHead) and head.parameters:
            digest = hashlib.sha256()
            for name, tensor in sorted(head.parameters.items()):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            options["parameters"] = digest.hexdigest()
        return options

    @property
    def seed(self) -> int | None:
        """The seed of a method object; None for others, which get one when they are built."""
        return _seed(self.target) if isinstance(self.target, Method) else None

    @property
    def source(self) -> str:
        """Where a saved classifier gets its method from; "" for a built-in one.

        The name of the package that offers it, or "object": the user must give it at loading.
        """
        if not self.by_name:
            return OBJECT
        plugin = REGISTRY.plugin(self.name)
        return plugin.package if plugin else ""

    def saved_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A classifier's parameters, with the name and the options of a method object."""
        if self.target is None:
            return dict(parameters)
        options = self.options if self.by_name else {}
        seed = {"seed": _seed(self.target)} if isinstance(self.target, Method) else {}
        return {**parameters, **options, **seed, "method": self.name}


def read_method(method: MethodLike) -> MethodChoice:
    """The method that a name or an object stands for.

    >>> from fsl_nlp.heads.proto import ProtoHead
    >>> choice = read_method(ProtoHead("euclidean"))
    >>> choice.name, choice.options
    ('proto', {'distance': 'euclidean'})
    """
    if isinstance(method, str):
        return MethodChoice(method)
    if isinstance(method, Head):
        return _choice(type(method), _head_name(type(method)), method, method.options())
    if isinstance(method, Method):
        return _read_instance(method)
    if isinstance(method, type) and issubclass(method, Head):
        return _choice(method, _head_name(method), method, {})
    if isinstance(method, type) and issubclass(method, Method):
        return _choice(method, _method_name(method), method, {})
    raise OptionError(
        f"method={method!r}: give a name, a head, a method, or the class of a head or a method."
    )


def load_choice(
    folder: Path, saved: SavedClassifier, method: MethodLike | None
) -> tuple[MethodChoice, dict[str, Any]]:
    """The method of a saved classifier, and the parameters of the classifier.

    `method` is what the user gives at loading. A class named in a file is never imported.
    """
    name, parameters = saved.method, dict(saved.parameters)
    if method is None:
        if saved.method_source == OBJECT:
            raise ArtifactError(
                f"The classifier in {folder} was fitted with a method object, {name}. Give it "
                "again: FewShotClassifier.load(folder, method=OBJECT)."
            )
        if saved.method_source and name not in REGISTRY:
            raise ArtifactError(
                f"The classifier in {folder} needs the method {name!r} of the package "
                f"{saved.method_source}, which is not installed. Install it, or give the method: "
                "FewShotClassifier.load(folder, method=OBJECT)."
            )
        return MethodChoice(name), parameters
    choice = read_method(method)
    if choice.name != name:
        raise ArtifactError(
            f"The classifier in {folder} was fitted with {name!r}, not with {choice.name!r}. Give "
            "the method that it was fitted with."
        )
    for option, value in choice.options.items() if choice.by_name else ():
        if option in parameters and parameters[option] != value:
            raise ArtifactError(
                f"The classifier in {folder} was fitted with {option}={parameters[option]!r}, and "
                f"this method has {value!r}. Give the method that it was fitted with."
            )
    parameters = {n: v for n, v in parameters.items() if n not in choice.options}
    return choice, {**parameters, "method": method}


def _frozen_class(kind: type[Head]) -> type[FrozenMethod]:
    """The frozen method for heads of one class, which needs no name."""

    class FrozenHead(FrozenMethod):
        @classmethod
        def head_class(cls, name: str) -> type[Head]:
            return kind

    return FrozenHead


def _choice(kind: type, name: str | None, target: Any, options: Mapping[str, Any]) -> MethodChoice:
    by_name = name is not None and json_holds(options)
    return MethodChoice(name or kind.__name__, target, options, by_name)


def _head_name(kind: type[Head]) -> str | None:
    """The name of a head's class among the methods."""
    for name in HEAD_REGISTRY.names_of(kind):
        plugin = REGISTRY.plugin(name)
        if name in HEADS or (plugin and plugin.entry_point.group == "fsl_nlp.heads"):
            return name
    return None


def _method_name(kind: type[Method]) -> str | None:
    names = REGISTRY.names_of(kind)
    if len(names) > 1:
        raise OptionError(
            f"method={kind.__name__}: this class has several names, {', '.join(names)}. Give one."
        )
    return names[0] if names else None


def _read_instance(method: Method) -> MethodChoice:
    options = options_of(method)
    registered = method.name in REGISTRY and method_class(method.name) is type(method)
    if registered and json_holds(options):
        try:
            built = build_method(method.name, method.encoder, seed=_seed(method), options=options)
            return MethodChoice(method.name, method, options, built == method)
        except OptionError:
            pass
    return MethodChoice(method.name, method, options, by_name=False)


def options_of(method: Method) -> dict[str, Any]:
    """The options of a method object that are no defaults, without encoder and seed.

    >>> from fsl_nlp.encoders import load_encoder
    >>> from fsl_nlp.methods import build_method
    >>> options_of(build_method("linear", load_encoder("embedded:en"), options={"C": 3.0}))
    {'C': 3.0}
    """
    options: dict[str, Any] = {}
    if not is_dataclass(method):
        return options
    default = _default_of(method)
    for item in fields(method):
        value, usual = getattr(method, item.name), getattr(default, item.name, item.default)
        if item.name in ("name", "encoder", "seed") or value == usual:
            continue
        if is_dataclass(value):
            options |= {
                f.name: getattr(value, f.name)
                for f in fields(value)
                if not f.metadata.get("learned")
                and getattr(value, f.name) != getattr(usual, f.name, f.default)
            }
        else:
            options[item.name] = value
    return options


def _default_of(method: Method) -> Method | None:
    """The method of that name without any options; None if its class has no name."""
    if method.name not in REGISTRY or method_class(method.name) is not type(method):
        return None
    try:
        return build_method(method.name, method.encoder, seed=_seed(method))
    except FslError:  # a model that it cannot use, for one
        return None


def _seed(method: Method) -> int:
    return int(getattr(method, "seed", 0))


def json_holds(options: Mapping[str, Any]) -> bool:
    """Whether JSON keeps the options unchanged."""
    try:
        return bool(json.loads(json.dumps(options)) == options)
    except (TypeError, ValueError):
        return False
