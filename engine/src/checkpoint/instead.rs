//! What lies where a file should be: the things that interrupted, refused or half-done downloads leave under its name.
//!
//! Every reader of a checkpoint's files asks here first, so that a pointer or a web page is called that, and not a
//! damaged header.

use crate::error::Refusal;
use std::path::Path;

/// Bytes at the beginning that are looked at.
const LOOKED_AT: usize = 4096;

/// How an answer of the hub begins that was saved under the name of the file that was asked for.
const HUB_ANSWERS: [&str; 6] = [
    "entry not found",
    "repository not found",
    "access to model",
    "invalid username or password",
    "unauthorized",
    "you need to agree",
];

const FETCH: &str = "run `git lfs pull` in the folder it was cloned into, or fetch the repository with `opabinia pull`";
const PAGE: &str = "open its address in a browser: the page may ask to log in or to accept a licence. Then download the \
     file again, for example with `opabinia pull`";

/// The refusal of `file` if its content, `bytes`, is one of these things.
pub(crate) fn refused(file: &Path, bytes: &[u8]) -> Option<Refusal> {
    let head = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    if !head.is_empty() && head.iter().all(|&byte| byte == 0) {
        return Some(
            Refusal::new(file, "begins with nothing but zeros: the disk was full, or the download broke off")
                .help("make room and download this file again"),
        );
    }
    for (magic, what, help) in [
        (&b"GGUF"[..], "is a GGUF file of llama.cpp", "use the safetensors or PyTorch files of the original model"),
        (
            b"\x89HDF\r\n",
            "is an HDF5 file of TensorFlow or Keras",
            "use the safetensors or PyTorch files of this model",
        ),
        (b"\x1f\x8b", "is compressed with gzip", "unpack it (gunzip) and give the result this name"),
    ] {
        if head.starts_with(magic) {
            return Some(Refusal::new(file, what).help(help));
        }
    }
    // A character cut in two at the end does not matter here.
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    if text.starts_with("version https://git-lfs") || text.starts_with("version https://hawser") {
        let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse::<u64>().ok());
        let refusal = Refusal::new(file, "is a git-lfs pointer: the file itself was not downloaded").help(FETCH);
        return Some(match size {
            Some(size) => refusal.expected(format!("{size} bytes")).found(format!("{} bytes", bytes.len())),
            None => refusal,
        });
    }
    if text.starts_with("/annex/objects/") {
        let problem = "is a git-annex pointer: the file itself was not downloaded";
        return Some(Refusal::new(file, problem).help("run `git annex get` in its folder"));
    }
    if text.starts_with('<') {
        let problem = if lower.contains("<html") || lower.starts_with("<!doctype html") {
            "is a web page, not the file"
        } else if lower.starts_with("<?xml") {
            "is an XML document, not the file: servers answer so when they refuse"
        } else {
            return None;
        };
        return Some(Refusal::new(file, problem).found(first_line(text)).help(PAGE));
    }
    let answer = HUB_ANSWERS.iter().any(|answer| lower.starts_with(answer));
    answer.then(|| Refusal::new(file, "is an answer of the server, not the file").found(first_line(text)).help(PAGE))
}

/// The first line of `text`, cut to a length a message can bear.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 80 { line.to_owned() } else { line.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> Option<String> {
        refused(Path::new("f"), bytes).map(|refusal| refusal.to_string())
    }

    #[test]
    fn what_downloads_leave_is_named() {
        for (bytes, words) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 1234\n"[..],
                &["git-lfs pointer", "1234 bytes", "git lfs pull", "opabinia pull"][..],
            ),
            (b"/annex/objects/SHA256E-s12--abc", &["git-annex", "git annex get"]),
            (b"\xef\xbb\xbf \n<!DOCTYPE html><title>x</title>", &["web page", "browser"]),
            (b"<HTML lang=en>", &["web page", "licence"]),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", &["XML", "AccessDenied"]),
            (b"Entry not found", &["answer of the server", "Entry not found"]),
            (b"Access to model meta-llama/x is restricted", &["restricted", "licence"]),
            (b"GGUF\x03\0\0\0", &["GGUF", "original model"]),
            (b"\x89HDF\r\n\x1a\n", &["HDF5"]),
            (b"\x1f\x8b\x08\0", &["gzip", "gunzip"]),
            (&[0; 5000], &["zeros", "download this file again"]),
        ] {
            let said = said(bytes).unwrap();
            for word in words {
                assert!(said.contains(word), "no `{word}` in {said}");
            }
            assert!(said.contains("what to do: "), "{said}");
        }
    }

    #[test]
    fn files_are_left_alone() {
        for bytes in
            [&b""[..], b"{}", b" {\"a\": 1}", b"PK\x03\x04", b"\x80\x02}.", b"\x10\0\0\0\0\0\0\0{}", b"<s>", b"\n"]
        {
            assert_eq!(said(bytes), None, "{bytes:?}");
        }
    }
}
