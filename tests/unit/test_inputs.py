"""What MEDIA means: files, folders, addresses, standard input; and where their outputs go."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.serve import Ranges, serve
from support.tiny_whisper import SELFTEST_CLIP

from ovw.audio.decode import load_audio
from ovw.audio.download import Remote, download, list_remote
from ovw.audio.folders import find_media
from ovw.audio.inputs import Input, expand, fetched, of_each_channel
from ovw.errors import OvwError
from ovw.subtitles.output import output_folder, plan_outputs


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    root = tmp_path / "talks"
    touch(
        *(root / name for name in ("b.mp3", "a.MP4", "a.srt", "notes.txt", ".hidden.mp3", "day 2/c.flac", ".git/d.mp3"))
    )
    touch(root / "day 2" / "deep" / "e.opus")
    (root / "day 2" / "loop").symlink_to(root)
    (root / "linked.wav").symlink_to(root / "b.mp3")
    return root


def test_folders_are_searched(talks: Path) -> None:
    names = [str(path.relative_to(talks)) for path in find_media(talks)]
    assert names == ["a.MP4", "b.mp3", "linked.wav", "day 2/c.flac", "day 2/deep/e.opus"]


def test_real_folders_go_before_links_to_them(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    touch(root / "b" / "x.mp3", root / "real" / "a.mp3", root / "real" / "deep" / "c.mp3", elsewhere / "sub" / "d.mp3")
    (root / "a").symlink_to(root / "real")
    (root / "b" / "lnk").symlink_to("../real", target_is_directory=True)
    (root / "b" / "out").symlink_to(elsewhere, target_is_directory=True)
    (root / "c").symlink_to(elsewhere / "sub", target_is_directory=True)
    (elsewhere / "back").symlink_to(root, target_is_directory=True)
    names = [str(path.relative_to(root)) for path in find_media(root)]
    assert names == ["b/x.mp3", "c/d.mp3", "real/a.mp3", "real/deep/c.mp3"]
    assert [str(path.relative_to(root / "a")) for path in find_media(root / "a")] == ["a.mp3", "deep/c.mp3"]


def test_each_input_comes_once_and_problems_apart(talks: Path) -> None:
    inputs, problems = expand(
        [str(talks / "b.mp3"), str(talks), str(talks / "day 2"), "none.mp3", "", "ftp://x/y.mp3", "-"]
    )
    assert [item.path and item.path.name for item in inputs] == [
        "b.mp3", "a.MP4", "linked.wav", "c.flac", "e.opus", None,
    ]  # fmt: skip
    assert [problem.message for problem in problems] == [
        "none.mp3: no such file", ": an empty name", "ftp://x/y.mp3: only http and https addresses are opened",
    ]  # fmt: skip
    assert all(problem.hint for problem in problems)


def test_a_list_stands_for_what_it_names(talks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.audio.download.list_remote", lambda url: [Remote(url, "far")])
    entries = [
        "talks/b.mp3", "talks/day 2/deep", "gone.mp3", OvwError("row 4"), "../elsewhere.mp3", str(talks / "a.MP4"), "-",
        "https://example.org/far",
    ]  # fmt: skip
    touch(talks.parent / "list.CSV", talks.parent / "-")
    inputs, problems = expand([str(talks.parent / "list.CSV"), str(talks / "b.mp3")], lambda path: entries)
    assert [(str(item.below), item.name) for item in inputs] == [
        ("talks", "b.mp3"), ("talks/day 2", "e.opus"), (".", "a.MP4"), (".", "-"), (".", "far"),
    ]  # fmt: skip
    reasons = ["gone.mp3: no such file", "row 4", "elsewhere.mp3: no such file"]
    assert all(problem.message.endswith(reason) for problem, reason in zip(problems, reasons, strict=True))


def test_odd_arguments_are_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    touch(tmp_path / "text" / "a.txt")
    arguments = [str(tmp_path / "empty"), str(tmp_path / "text"), "x" * 5000, "a\0b", str(tmp_path / "ring")]
    inputs, problems = expand(arguments)
    assert not inputs
    assert len(problems) == len(arguments)
    assert "no audio or video file in this folder" in problems[0].message
    assert "too long" in problems[2].message


def test_outputs_of_a_folder_keep_its_tree(talks: Path, tmp_path: Path) -> None:
    inputs, _ = expand([str(talks)])
    beside = plan_outputs(inputs, ["srt"], None)
    assert [str(files["srt"].relative_to(talks)) for files in beside.values()] == [
        "a.srt", "b.srt", "linked.srt", "day 2/c.srt", "day 2/deep/e.srt",
    ]  # fmt: skip
    out = tmp_path / "out"
    elsewhere = plan_outputs(inputs, ["srt", "vtt"], out)
    assert [str(files["vtt"].relative_to(out)) for files in elsewhere.values()] == [
        "a.vtt", "b.vtt", "linked.vtt", "day 2/c.vtt", "day 2/deep/e.vtt",
    ]  # fmt: skip


def names(inputs: list[Input], folder: Path | None = Path("out")) -> list[str]:
    return [str(files["srt"]) for files in plan_outputs(inputs, ["srt"], folder).values()]


def test_shared_names_keep_their_endings(tmp_path: Path) -> None:
    touch(tmp_path / "talk.mp3", tmp_path / "talk.mp4", tmp_path / "other" / "talk.mp3")
    inputs, _ = expand([str(tmp_path / "talk.mp3"), str(tmp_path / "talk.mp4")])
    assert names(inputs) == ["out/talk.mp3.srt", "out/talk.mp4.srt"]
    inputs, _ = expand([str(tmp_path / "talk.mp3"), str(tmp_path / "other" / "talk.mp3")])
    assert len(set(names(inputs, None))) == 2
    with pytest.raises(OvwError, match=r"/talk\.mp3 and .*/other/talk\.mp3 would both be written to out"):
        names(inputs)


def test_channels_of_a_file_are_named_alike(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("call.wav", "call.left.wav", "talk.wav")))
    inputs, _ = expand([str(tmp_path)])
    two = [channel for item in inputs for channel in of_each_channel(item, lambda p: 1 if "left" in p.name else 2)]
    assert names(two) == [
        f"out/{name}.srt" for name in ("call.left.wav", "call.wav.left", "call.wav.right", "talk.left", "talk.right")
    ]


def test_files_of_a_folder_have_outputs_of_their_own(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.mp4", "a.wav", "a.wav.wav", "a.wav.wav.wav", "b.wav", "c.wav.wav")))
    inputs, _ = expand([str(tmp_path)])
    assert names(inputs) == [
        f"out/{name}.srt" for name in ("a.mp4", "a.wav", "a.wav.wav", "a.wav.wav.wav", "b", "c.wav")
    ]


def test_an_input_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovw.audio.inputs.refuse_text", lambda path: None)  # sound may have any name
    touch(tmp_path / "talk.srt", tmp_path / "talk.mp3")
    inputs, _ = expand([str(tmp_path / "talk.mp3"), str(tmp_path / "talk.srt")])
    assert [Path(name).name for name in names(inputs, None)] == ["talk.mp3.srt", "talk.srt.srt"]
    with pytest.raises(OvwError, match="is one of the inputs"):
        names(expand([str(tmp_path / "talk.srt")])[0], None)


def test_names_of_what_is_no_file() -> None:
    page = Remote("http://x/1", "Talk v1.2")
    inputs = [Input("standard input", "stdin", Path()), Input(page.url, page.title, Path(), remote=page)]
    assert names(inputs, None) == ["stdin.srt", "Talk v1.2.srt"]
    assert names(inputs) == ["out/stdin.srt", "out/Talk v1.2.srt"]


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert output_folder("~/x") == Path("/home/me/x")
    assert output_folder("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    assert output_folder(None) is None


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Weather</title>
<item><title>Part 1/2: fine?</title><enclosure url="{root}/a%20b.flac" type="audio/flac"/><link>{root}/a%20b.flac</link></item>
<item><title>Same</title><enclosure url="{root}/c.flac" type="audio/flac"/><link>{root}/c.flac</link></item>
<item><title>Same</title><enclosure url="{root}/gone.flac" type="audio/flac"/><link>{root}/gone.flac</link></item>
</channel></rss>"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web site with two recordings, a podcast's feed and a page without media."""
    www = tmp_path / "www"
    www.mkdir()
    for name in ("a b.flac", "c.flac"):
        (www / name).write_bytes(SELFTEST_CLIP.read_bytes())
    (www / "page.html").write_text("<html><title>t</title><p>nothing here</p></html>")
    with serve(www) as root:
        (www / "feed.xml").write_text(FEED.format(root=root))
        yield root


def test_a_direct_address(site: str, tmp_path: Path) -> None:
    (remote,) = list_remote(f"{site}/a%20b.flac")
    assert remote.title == "a b"
    told: list[int] = []
    path = download(remote, tmp_path / "down", lambda done, total: told.append(done))
    assert path.read_bytes() == SELFTEST_CLIP.read_bytes()
    assert told[-1] == SELFTEST_CLIP.stat().st_size
    assert len(load_audio(path))


def test_a_list_is_every_entry(site: str, tmp_path: Path) -> None:
    inputs, problems = expand([f"{site}/feed.xml"])
    assert not problems
    assert [item.name for item in inputs] == ["Part 1 2 fine", "Same", "Same (2)"]
    for number, item in enumerate(inputs[:2]):
        assert item.remote is not None
        assert download(item.remote, tmp_path / str(number)).stat().st_size == SELFTEST_CLIP.stat().st_size
    assert inputs[2].remote is not None
    with pytest.raises(OvwError, match="404"):
        download(inputs[2].remote, tmp_path / "gone")


def test_live_streams_are_refused(site: str, tmp_path: Path) -> None:
    (tmp_path / "www" / "live.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.ts\n")
    _, (problem,) = expand([f"{site}/live.m3u8"])
    assert "is a live stream" in problem.message


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("{site}/none.mp3", "HTTP Error 404"),
        ("{site}/page.html", "Unsupported URL"),
        ("http://127.0.0.1:1/a.mp3", "Connection refused"),
        ("http://no-such-host.invalid/a.mp3", "no-such-host.invalid"),
        ("http://[::1/a.mp3", ""),
    ],
)
def test_an_address_that_leads_nowhere(site: str, address: str, reason: str) -> None:
    inputs, (problem,) = expand([address.format(site=site)])
    assert not inputs
    assert reason in problem.message
    assert "\n" not in problem.message
    assert "ERROR" not in problem.message
    assert "caused by" not in problem.message


def test_without_yt_dlp_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yt_dlp", None)
    _, (problem,) = expand(["https://example.org/a.mp3"])
    assert problem.hint == "pip install 'ovw[url]'"


def test_a_playlist_in_a_file_opens_no_connection(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listener(Ranges):
        def do_GET(self) -> None:  # noqa: N802
            asked.append(self.path)
            super().do_GET()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Listener, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/a.ts"
    for name, text in (
        ("a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n"),
        ("a.ffconcat", f"ffconcat version 1.0\nfile {address}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(OvwError):
            load_audio(tmp_path / name)
        with (tmp_path / name).open("rb") as file, pytest.raises(OvwError):
            load_audio(file)
    server.shutdown()
    server.server_close()
    assert not asked


def test_messages_name_the_address_not_the_temporary_file(caplog: pytest.LogCaptureFixture) -> None:
    item = Input("http://x.example/a.mp3", "a.mp3", Path(), remote=Remote("http://x.example/a.mp3", "a"))
    contents = {"html": b"<!DOCTYPE html><html></html>" * 50, "cut": SELFTEST_CLIP.read_bytes()[:20000]}

    def fetch(remote: Remote, folder: Path) -> Path:
        (folder / "media.mp3").write_bytes(contents[kind])
        return folder / "media.mp3"

    kind = "html"
    with pytest.raises(OvwError, match=r"^http://x\.example/a\.mp3: (cannot|no audio)"), fetched(item, fetch) as file:
        load_audio(file)
    kind = "cut"
    with fetched(item, fetch) as file:
        load_audio(file)
    assert any(message.startswith("http://x.example/a.mp3: ") for message in caplog.messages)
    assert not any("media.mp3" in message for message in caplog.messages)
