"""Clears the caches of libraries that keep the identity they saw first.

To add a library, add a function here: `_of` names the module that it needs.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

_log = logging.getLogger(__name__)
_changes = itertools.count(1)
_Clear = Callable[[Any], None]
_CLEARED: list[tuple[str, _Clear]] = []


def clear() -> None:
    """Make libraries that are imported look for credentials again at their next plain call.

    Objects that the user made keep their identity. Libraries that are missing here (boto3, aioboto3, pyarrow,
    deltalake, duckdb, awswrangler, smart_open, pyiceberg, …) look for credentials at each call or in each object.
    """
    for name, function in _CLEARED:
        module = sys.modules.get(name)
        if module is None:
            continue
        try:
            function(module)
        except Exception as error:  # noqa: BLE001 # another version of a library must not undo the role
            _log.debug("couldn't clear the cache of %s: %s", name, type(error).__name__)


def _of(*names: str) -> Callable[[_Clear], _Clear]:
    """Call a function with each of these modules that is imported when the role changes."""

    def add(function: _Clear) -> _Clear:
        _CLEARED.extend((name, function) for name in names)
        return function

    return add


def _with_subclasses(cls: Any) -> Iterator[Any]:
    yield cls
    for subclass in cls.__subclasses__():
        yield from _with_subclasses(subclass)


def _is_plain(client: Any) -> bool:
    """Return whether a default client has neither credentials nor an endpoint of the user's own."""
    credentials = client._request_signer._credentials
    if credentials is not None and credentials.method == "explicit":
        return False
    url = client.meta.endpoint_url
    from_environment = (os.environ.get("AWS_ENDPOINT_URL_S3"), os.environ.get("AWS_ENDPOINT_URL"))
    return url in from_environment or ".amazonaws.com" in url


# --- file systems ---------------------------------------------------------------------------------------------


@_of("fsspec.spec")
def _fsspec(module: Any) -> None:
    # pandas, dask, zarr, xarray and intake open s3:// by an instance that fsspec keeps for each class and arguments
    # (fsspec/s3fs#806). "simplecache", "dir" and other wrappers keep one inside theirs.
    for cls in _with_subclasses(module.AbstractFileSystem):
        if cls._cache:
            cls.clear_instance_cache()


@_of("polars.io.cloud.credential_provider._builder")
def _polars(module: Any) -> None:
    # polars keeps a connection with its credentials for each key. The keys of "auto" and of CredentialProviderAWS()
    # say nothing about the identity, and no public call clears the two caches behind them. With other keys after each
    # change it makes another connection, and in time drops the old one.
    change = f"stsnb {next(_changes)}".encode()
    _add_to_key(module.AutoInit, "get_cache_key_impl", change)
    if hasattr(module, "InitializedCredentialProvider"):
        _add_to_key(module.InitializedCredentialProvider, "stable_cache_key", change)


def _add_to_key(cls: Any, name: str, change: bytes) -> None:
    if not hasattr(cls, name):
        return
    key_of = getattr(cls, name)
    key_of = getattr(key_of, "__wrapped__", key_of)

    @functools.wraps(key_of)
    def key(self: object) -> bytes:
        return hashlib.sha256(key_of(self) + change).digest()[:16]

    setattr(cls, name, key)


@_of("cloudpathlib.s3.s3client")
def _cloudpathlib(module: Any) -> None:
    for cls in _with_subclasses(module.S3Client):
        client = cls.__dict__.get("_default_client")
        # A default client that the user has set stays: its settings would be lost.
        if client is not None and _is_plain(client.client) and not client._extra_args:
            cls._default_client = None


@_of("s3path")
def _s3path(module: Any) -> None:
    configuration = module.configuration_map
    for path, resource in list((configuration.resources or {}).items()):
        # Paths before Python 3.12, then strings.
        if str(path) == "/" and resource is not None and _is_plain(resource.meta.client):
            configuration.resources = _MadeWhenUsed({**configuration.resources, path: None})
            configuration.resources.make = lambda: configuration.default_resource
    configuration.get_configuration.cache_clear()


class _MadeWhenUsed(dict[Any, Any]):
    """A dict that makes a value of None when it is read: making a resource of boto3 takes milliseconds."""

    make: Callable[[], Any]

    def __getitem__(self, key: Any) -> Any:
        if super().__getitem__(key) is None:
            self[key] = self.make()
        return super().__getitem__(key)


@_of("s3pathlib.aws")
def _s3pathlib(module: Any) -> None:
    context = module.s3_context
    if context._s3_client is not None and _is_plain(context._s3_client):
        context._s3_client = None


@_of("pathy")
def _pathy(module: Any) -> None:
    module._instance_cache.pop("s3", None)


@_of("rasterio._env", "pyogrio._io", "fiona._env", "osgeo._gdal")
def _gdal(module: Any) -> None:
    # GDAL caches the response for each URL, errors too. Each wheel has a library of its own, which is found through
    # the extension module that is linked with it.
    file = str(module.__file__)
    if not file.endswith(".py"):
        clear_cache = ctypes.CDLL(file).VSICurlClearCache
        clear_cache.argtypes, clear_cache.restype = (), None
        clear_cache()


# --- notebooks, models, pipelines -----------------------------------------------------------------------------


@_of("papermill.s3")
def _papermill(module: Any) -> None:
    module.S3.s3_session = (None, None, None)


@_of("mlflow.store.artifact.s3_artifact_repo")
def _mlflow(module: Any) -> None:
    module._cached_get_s3_client.cache_clear()


@_of("sagemaker.core.utils.utils", "sagemaker_core.main.utils")
def _sagemaker(module: Any) -> None:
    instances = type(module.SageMakerClient)._instances
    kept = instances.get(module.SageMakerClient)
    if not isinstance(kept, dict):  # before version 3 the one instance
        if kept is not None:
            del instances[module.SageMakerClient]
        return
    # Clients of the user's own sessions stay, also as the default.
    own = [client for key, client in kept.items() if isinstance(key, tuple) and key[0] is not None]
    for key in [key for key, client in kept.items() if not any(client is each for each in own)]:
        del kept[key]


@_of("prefect_aws.credentials")
def _prefect(module: Any) -> None:
    module._get_client_cached.cache_clear()


# --- other services -------------------------------------------------------------------------------------------


@_of("anthropic.lib.aws._auth", "anthropic.lib.bedrock._auth")
def _anthropic(module: Any) -> None:
    module._get_session.cache_clear()


@_of("pynamodb.models")
def _pynamodb(module: Any) -> None:
    for cls in _with_subclasses(module.Model):
        if cls.__dict__.get("_connection") is not None:
            cls._connection = None


@_of("aws_lambda_powertools.utilities.parameters.base")
def _powertools(module: Any) -> None:
    module.clear_caches()
