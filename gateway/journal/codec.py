"""The one way in and out of the journal for anything personal: sealed blobs and keyed hashes."""

import base64
import binascii
import hashlib
import hmac
import os
import tempfile
import zlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.journal.engine import database_file
from gateway.journal.errors import JournalError, WrongKey

SECRET_BYTES = 32
_FORMAT = b"\x01"  # zlib, then AES-256-GCM; another way of sealing takes another byte
_KEY_ID_BYTES = 7
_NONCE_BYTES = 12
_HOW_TO_MAKE_ONE = (
    "Make one with `openssl rand -base64 32`, give it to every gateway and relay of this database "
    "as GATEWAY_JOURNAL_KEY, and keep a copy elsewhere: without it nothing stored can be read."
)


class Codec:
    """Seals with the first secret, opens with any of them, hashes with the last.

    To change the key, put a new secret in front. The hashing key stays the oldest, because what was
    forgotten cannot be hashed again, and a record that is no longer found could not be withdrawn.
    """

    def __init__(self, *secrets: bytes) -> None:
        """Take secrets of 32 bytes. Raises WrongKey where there is none or one is of another size.

        A key's id is derived from its secret, so that no setting can mix them up.
        """
        if not secrets or any(len(secret) != SECRET_BYTES for secret in secrets):
            raise WrongKey(f"A journal key is {SECRET_BYTES} bytes long. {_HOW_TO_MAKE_ONE}")
        self._ciphers = {_key_id(s): AESGCM(_derive(s, b"encryption")) for s in secrets}
        self._writing = _key_id(secrets[0])
        self._hash_key = _derive(secrets[-1], b"hashing")
        self.hash_id = _key_id(secrets[-1])
        """The id that stands in front of each `ref`."""

    def seal(self, content: bytes) -> bytes:
        """Compress and encrypt; format and key id stand in front, and are authenticated."""
        header = _FORMAT + self._writing.encode()
        nonce = os.urandom(_NONCE_BYTES)
        packed = zlib.compress(content, level=1)
        return header + nonce + self._ciphers[self._writing].encrypt(nonce, packed, header)

    def open(self, sealed: bytes) -> bytes:
        """Give back what `seal` was given. Raises WrongKey where no key at hand opens it."""
        start = len(_FORMAT) + _KEY_ID_BYTES
        header, nonce = sealed[:start], sealed[start : start + _NONCE_BYTES]
        key_id = header[len(_FORMAT) :].decode("ascii", "replace")
        cipher = self._ciphers.get(key_id)
        if header[: len(_FORMAT)] != _FORMAT or cipher is None:
            raise WrongKey(
                f"A body was sealed with key {key_id!r}, this gateway holds "
                f"{', '.join(self._ciphers)}. Add that key at the end of GATEWAY_JOURNAL_KEY."
            )
        try:
            return zlib.decompress(cipher.decrypt(nonce, sealed[start + _NONCE_BYTES :], header))
        except InvalidTag:
            raise WrongKey(f"A body sealed with key {key_id} has been damaged.") from None

    def ref(self, *parts: str | bytes) -> str:
        """Hash identifying parts with the key: the only form in which they may be looked up.

        Parts are delimited, so ("ab", "c") and ("a", "bc") differ. Comes out as `k1f2e3d.<hash>`.
        """
        digest = hmac.new(self._hash_key, digestmod=hashlib.sha256)
        for part in parts:
            content = part.encode() if isinstance(part, str) else part
            digest.update(len(content).to_bytes(8, "big") + content)
        return f"{self.hash_id}.{base64.urlsafe_b64encode(digest.digest()[:24]).decode()}"

    def mark(self, record_ref: str, *, restricted: bool) -> str:
        """Return the keyed hash that says whether a record is restricted, after its bodies are gone.

        Every record has a mark, so none stands out.
        """
        return self.ref("restricted" if restricted else "open", record_ref)


def load_secret(setting: str | None, database_url: str) -> tuple[bytes, ...]:
    """Find the secrets for `Codec`: the setting, or for SQLite a generated file `<database>.key`.

    setting: base64 of 32 bytes, or several of them separated by commas (the first seals, all open).
    Raises WrongKey where PostgreSQL has no setting, or a secret is malformed; JournalError where
    the SQLite file has no folder to be in.
    """
    if setting:
        return tuple(_decode(part, "GATEWAY_JOURNAL_KEY") for part in setting.split(","))
    database = database_file(database_url)
    if database is None:
        raise WrongKey(f"A journal on PostgreSQL needs a key. {_HOW_TO_MAKE_ONE}")
    if not database.parent.is_dir():
        raise JournalError(f"The folder {database.parent} for {database.name} does not exist.")
    key_file = Path(f"{database}.key")
    if not key_file.exists():
        _make_key_file(key_file)
    return (_decode(key_file.read_text(), str(key_file)),)


def _make_key_file(key_file: Path) -> None:
    """Write a new secret whole and to disk; where another process was first, keep its file."""
    with tempfile.NamedTemporaryFile(dir=key_file.parent) as draft:  # created with mode 0600
        draft.write(base64.b64encode(os.urandom(SECRET_BYTES)) + b"\n")
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, key_file)
        except FileExistsError:
            return
    directory = os.open(key_file.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _decode(text: str, where: str) -> bytes:
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise WrongKey(f"{where} is not base64 of {SECRET_BYTES} bytes. {_HOW_TO_MAKE_ONE}")
    return secret


def _derive(secret: bytes, purpose: bytes, length: int = 32) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"gateway journal " + purpose).derive(secret)


def _key_id(secret: bytes) -> str:
    return "k" + _derive(secret, b"key id", length=3).hex()
