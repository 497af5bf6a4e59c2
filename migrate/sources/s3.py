"""A bucket that is reached with S3 keys (``s3://``): obstore lists it and signs, and the URLs are read as any other."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

import requests
from msgspec.structs import replace

from migrate.core.errors import ConfigurationError, MigrateError, RefusedError, RemoteError
from migrate.core.text import printable, type_again
from migrate.machine.patience import STORAGE_RETRY
from migrate.ovhcloud.presigned import PresignedStore, SignedUrl
from migrate.ovhcloud.renewal import Keys, refuse
from migrate.ovhcloud.storage import URL_LIFETIME
from migrate.ovhcloud.stored import UNASKED, ObjectRefused, StoredObject
from migrate.sources.aws import S3Account
from migrate.sources.large_objects import AT_ONCE

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, S3Config, S3Store

_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w{1,80})</Code>")
_PATH: Final = re.compile(r'invalid path: .*?[Pp]ath "((?:[^"\\]|\\.)*)"')
_CONNECT: Final = timedelta(seconds=10)
_ANSWER: Final = timedelta(seconds=60)
_WRONG_KEYS: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "AccessDenied",
        "RequestTimeTooSkewed",
    }
)
_EXPIRED: Final = frozenset({"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"})
"""What keys are refused with that worked before: AccessDenied is about one object or bucket."""

_LONGEST_REFUSAL: Final = 10_000  # characters of an answer that are looked at
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException"}
)


def s3_store(account: S3Account, bucket: str, keys: Keys[S3Account] | None = None) -> PresignedStore:
    """The store of a bucket.

    Args:
        account: Where it is, and the keys to begin with.
        bucket: Its name.
        keys: The keys that it shares with other buckets of a run, which may be replaced; None for those of ``account``.
    """
    return Road(account, bucket, keys or Keys(account, refuse)).store()


class Road:
    """How a bucket is listed, and how its URLs are made."""

    def __init__(self, place: S3Account, bucket: str, keys: Keys[S3Account]) -> None:
        self._place = place
        self._bucket = bucket
        self._keys = keys
        self._made: tuple[int, S3Store] | None = None
        self._client  # noqa: B018 - settings that are refused are told at once

    @property
    def _account(self) -> S3Account:
        return replace(self._keys.current, endpoint=self._place.endpoint, region=self._place.region)

    @property
    def _client(self) -> "S3Store":
        """The client with the present keys."""
        made, generation = self._made, self._keys.generation
        if made is None or made[0] != generation:
            made = self._made = generation, _client(self._account, self._bucket)
        return made[1]

    def store(self) -> PresignedStore:
        """The bucket."""
        # The endpoint was checked when it was read.
        return PresignedStore(self._bucket, self._objects, self._sign, check=lambda url: url, mend=self._mended)

    def _objects(self, prefix: str) -> list[StoredObject]:
        """The object of that name, and everything below it: to obstore a prefix is a path of whole parts."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - `--help` must not pay for it

        while True:
            generation = self._keys.generation
            try:
                below = self._below(prefix)  # first: an answer to HEAD has no body that says why it is a refusal
                exact = self._head(prefix) if prefix else None
                found = [*([_stored(exact)] if exact else []), *self._with_markers(below)]
            except (BaseError, OSError) as error:
                failure = self._failure(error)
                if _code(str(error)) not in _EXPIRED or not isinstance(failure, ConfigurationError):
                    raise failure from error
                self._keys.replace(failure, generation)
            else:
                self._keys.took()
                return found

    def _mended(self, url: str, response: requests.Response) -> bool:
        """Whether there are other keys by now than those that an URL was signed with, and that were refused.

        Raises:
            ConfigurationError: ``s3-refused``: they are not taken any more, and nobody has others.
        """
        code = _code(response.text[:_LONGEST_REFUSAL])
        if code not in _EXPIRED:
            return False
        generation = self._keys.generation
        signed = f"X-Amz-Credential={quote(self._keys.current.key, safe='')}"
        if f"{signed}/" in url or f"{signed}%2F" in url:
            self._keys.replace(self._refused(code), generation)
        return True

    def _below(self, prefix: str) -> list[StoredObject]:
        """Everything below a folder.

        Where one name is no path, obstore gives nothing of the page that it is on: then the folders are listed one by
        one, and that name alone stands for its folder.
        """
        import obstore  # noqa: PLC0415
        from obstore.exceptions import InvalidPathError  # noqa: PLC0415

        try:
            return [_stored(item) for chunk in obstore.list(self._client, prefix or None) for item in chunk]
        except InvalidPathError as error:
            whole = error
        try:
            level = obstore.list_with_delimiter(self._client, prefix or None)
        except InvalidPathError:
            if not prefix:
                raise whole from None
            name = _named_in(whole)
            if name.endswith("/"):
                name += "…"  # else it passes for a marker, and hides what it costs
            return [StoredObject(name=name, size=0, problem="its name is no path")]
        below = [item for folder in level["common_prefixes"] for item in self._below(folder)]
        return [*(_stored(item) for item in level["objects"]), *below]

    def _with_markers(self, found: list[StoredObject]) -> list[StoredObject]:
        """The same with the slash at the end of folders' markers, which obstore takes away.

        A marker is empty, or others lie under its name, and there is no object of the name without the slash.
        """
        above = {item.name[:at] for item in found for at, character in enumerate(item.name) if character == "/"}
        asked = [item for item in found if not item.problem and (not item.size or item.name in above)]
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="markers") as pool:
            there = pool.map(lambda item: self._head(item.name), asked)
            markers = {item.name for item, meta in zip(asked, there, strict=True) if meta is None}
        return [replace(item, name=f"{item.name}/") if item.name in markers else item for item in found]

    def _head(self, name: str) -> "ObjectMeta | None":
        import obstore  # noqa: PLC0415
        from obstore.exceptions import NotFoundError  # noqa: PLC0415

        try:
            return obstore.head(self._client, name)
        except (NotFoundError, FileNotFoundError):
            return None

    def _sign(self, name: str) -> SignedUrl:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError, InvalidPathError  # noqa: PLC0415

        if self._account.public:
            base = self._account.endpoint or f"https://s3.{self._account.region or 'us-east-1'}.amazonaws.com"
            return SignedUrl(f"{base}/{quote(self._bucket, safe='')}/{quote(name)}", {})
        try:
            return SignedUrl(obstore.sign(self._client, "GET", name, URL_LIFETIME), {})
        except (InvalidPathError, TypeError) as error:  # a path that obstore does not take is a wrong type to it
            raise ObjectRefused(UNASKED, None) from error
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> MigrateError:
        """What an error of obstore means; its own text goes on with Rust's notation, and may hold an answer's body."""
        text = str(error)
        status = int(match[1]) if (match := _STATUS.search(text)) else 0
        code = _code(text)
        bucket = printable(self._bucket)
        where = printable(self._account.endpoint or "Amazon S3")
        if name := _named_in(error):
            return RefusedError(
                f"The bucket {bucket} holds an object whose name no path can be made of: {printable(name)!r}.",
                code="hostile-path",
                next_step=f"Name the folder of a model, as s3://{bucket}/FOLDER, or rename that object.",
            )
        if code == "NoSuchBucket" or (status == 404 and not code):
            return ConfigurationError(
                f"There is no bucket {bucket} at {where}.",
                code="unknown-bucket",
                next_step="Check its name, and AWS_ENDPOINT_URL and AWS_REGION or the profile, which say where it is.",
            )
        if code in _WRONG_REGION or "redirect" in text.lower():
            region = printable(self._account.region or "none, so us-east-1")
            return ConfigurationError(
                f"The bucket {bucket} is in another region than the one configured ({region}).",
                code="unknown-bucket",
                next_step=type_again("Set AWS_REGION to the bucket's region, in lower case, and its AWS_ENDPOINT_URL"),
            )
        if code in _WRONG_KEYS or status in {401, 403}:
            return self._refused(code or str(status))
        why = f"it answers {status}{f' ({code})' if code else ''}" if status else "it cannot be reached"
        return RemoteError(
            f"{where} does not list the bucket {bucket}: {why}.",
            code="storage-unavailable",
            next_step=type_again("Check AWS_ENDPOINT_URL and the network, or wait a while"),
        )

    def _refused(self, code: str) -> ConfigurationError:
        where = printable(self._account.endpoint or "Amazon S3")
        return ConfigurationError(
            f"{where} refuses the keys for the bucket {printable(self._bucket)}: {printable(code)}.",
            code="s3-refused",
            next_step=type_again("Check the keys, their rights (ListBucket, GetObject) and this machine's clock"),
        )


def _code(text: str) -> str:
    """The word that S3 has for a refusal, or an empty text."""
    return match[1] if (match := _CODE.search(text)) else ""


def _client(account: S3Account, bucket: str) -> "S3Store":
    from obstore.exceptions import BaseError  # noqa: PLC0415
    from obstore.store import S3Store  # noqa: PLC0415

    values = {
        "endpoint": account.endpoint,
        "region": account.region,
        "access_key_id": account.key,
        "secret_access_key": account.secret.reveal() if account.secret else "",
        "token": account.token.reveal() if account.token else "",
    }
    settings = cast("S3Config", {name: value for name, value in values.items() if value})
    client: ClientConfig = {
        "allow_http": account.endpoint.startswith("http://"),
        "connect_timeout": _CONNECT,
        "timeout": _ANSWER,
    }
    if account.certificates:
        client["root_certificate"] = account.certificates
    try:
        return S3Store(
            bucket,
            config=settings,
            skip_signature=account.public,
            client_options=client,
            retry_config={"max_retries": STORAGE_RETRY.attempts, "retry_timeout": _ANSWER},
        )
    except BaseError as error:
        raise ConfigurationError(
            f"The S3 settings for the bucket {printable(bucket)} are refused: {printable(str(error).splitlines()[0])}.",
            code="bad-configuration",
            next_step="Check AWS_ENDPOINT_URL, AWS_REGION and the profile.",
        ) from error


def _named_in(error: Exception) -> str:
    """The name that obstore refuses, in Rust's notation, or an empty text for another error."""
    match = _PATH.search(str(error))
    return match[1] if match else ""


def _stored(item: "ObjectMeta") -> StoredObject:
    return StoredObject(
        name=item["path"], size=item["size"], last_modified=item["last_modified"].isoformat()[:19], large=False
    )
