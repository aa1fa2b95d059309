"""The codec seals, opens and hashes; its key is found or made."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.journal import Codec, JournalError, WrongKey, load_secret

OLD, NEW = b"o" * 32, b"n" * 32


def as_setting(*secrets: bytes) -> str:
    return ",".join(base64.b64encode(secret).decode() for secret in secrets)


def test_what_was_sealed_opens_again() -> None:
    codec = Codec(OLD)
    assert codec.open(codec.seal(b"")) == b""
    assert codec.open(codec.seal(b"Alma" * 1000)) == b"Alma" * 1000


def test_a_sealed_body_shows_nothing_and_is_never_the_same_twice() -> None:
    codec = Codec(OLD)
    assert b"Alma" not in codec.seal(b"Alma")
    assert codec.seal(b"Alma") != codec.seal(b"Alma")


def test_a_sealed_body_is_compressed_first() -> None:
    assert len(Codec(OLD).seal(b'{"score": 25}' * 500)) < 300


def test_a_damaged_body_does_not_open() -> None:
    codec = Codec(OLD)
    sealed = bytearray(codec.seal(b"Alma"))
    sealed[-1] ^= 1
    with pytest.raises(WrongKey, match="damaged"):
        codec.open(bytes(sealed))


def test_another_key_does_not_open_and_says_which_is_needed() -> None:
    with pytest.raises(WrongKey, match=Codec(OLD).hash_id):
        Codec(NEW).open(Codec(OLD).seal(b"Alma"))


def test_a_new_key_in_front_seals_while_the_old_one_still_opens_and_hashes() -> None:
    rotated = Codec(NEW, OLD)
    assert rotated.open(Codec(OLD).seal(b"Alma")) == b"Alma"
    assert Codec(NEW).open(rotated.seal(b"Alma")) == b"Alma"
    assert rotated.ref("child", "9990000018") == Codec(OLD).ref("child", "9990000018")


def test_a_ref_names_its_key_and_depends_on_it() -> None:
    ref = Codec(OLD).ref("child", "9990000018")
    assert ref.startswith(f"{Codec(OLD).hash_id}.")
    assert ref != Codec(NEW).ref("child", "9990000018")
    assert "9990000018" not in ref


def test_the_parts_of_a_ref_are_kept_apart() -> None:
    codec = Codec(OLD)
    assert codec.ref("ab", "c") != codec.ref("a", "bc")
    assert codec.ref("ab", b"c") == codec.ref(b"ab", "c")


@pytest.mark.parametrize("secrets", [(), (b"short",), (OLD, b"short")])
def test_a_key_of_the_wrong_size_is_refused(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(WrongKey, match="32 bytes"):
        Codec(*secrets)


def test_the_setting_gives_one_or_several_keys() -> None:
    url = "postgresql://postgres@127.0.0.1/gateway"
    assert load_secret(as_setting(NEW, OLD), url) == (NEW, OLD)


@pytest.mark.parametrize("setting", ["not base64!", as_setting(b"short"), as_setting(OLD) + ","])
def test_a_malformed_setting_is_refused(setting: str) -> None:
    with pytest.raises(WrongKey, match="GATEWAY_JOURNAL_KEY is not base64 of 32 bytes"):
        load_secret(setting, "sqlite:///gateway.db")


def test_postgresql_without_a_key_says_how_to_make_one() -> None:
    with pytest.raises(WrongKey, match="openssl rand -base64 32"):
        load_secret(None, "postgresql://postgres@127.0.0.1/gateway")


def test_sqlite_gets_a_key_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    made = load_secret(None, url)
    assert load_secret("", url) == made
    file = tmp_path / "gateway.db.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["gateway.db.key"]


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: load_secret(None, url), range(16)))) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"absent for gateway\.db does not exist"):
        load_secret(None, f"sqlite:///{tmp_path}/absent/gateway.db")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://user@host/db", "gateway.db"]
)
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(JournalError, match="must be like sqlite:"):
        load_secret(None, url)
