//! What the engine says, in Chinese.
//!
//! The engine speaks English: its sentences are read in terminals, in files and in reports of faults. Here each stands
//! with its translation, in which `{0}`, `{1}`, … are what stood in the place of its first, second, … `{}`; that is
//! translated too, where it is a sentence of the list. A sentence that is not here is shown as it is; `complete` looks
//! through the sources for such.

mod checkpoint;
mod comparison;
#[cfg(test)]
mod complete;
mod configuration;
mod drawing;
mod evidence;
mod hub;
mod loading;
mod pictures;
mod question_sets;
mod recipes;
mod system;
mod text;
mod traces;
mod weights;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Sentences and their translations, by what they are about.
const SAID: [&[(&str, &str)]; 14] = [
    system::SAID,
    checkpoint::SAID,
    configuration::SAID,
    weights::SAID,
    loading::SAID,
    text::SAID,
    pictures::SAID,
    evidence::SAID,
    traces::SAID,
    recipes::SAID,
    drawing::SAID,
    comparison::SAID,
    hub::SAID,
    question_sets::SAID,
];

/// A sentence with places in it.
struct Template {
    /// What stands around the places.
    pieces: Vec<&'static str>,
    /// How many bytes of a text it knows.
    known: usize,
    /// Whether it has few letters and nothing else, as `{} and {}` and `layer {}`: it joins or counts names.
    is_weak: bool,
    chinese: &'static str,
}

/// The list as it is searched.
struct Templates {
    /// Sentences without places.
    whole: HashMap<&'static str, &'static str>,
    /// The others, those that know most first.
    open: Vec<Template>,
}

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    let all = || SAID.iter().flat_map(|area| area.iter());
    let whole = all().filter(|(english, _)| !english.contains("{}")).copied().collect();
    let open =
        all().filter(|(english, _)| english.contains("{}")).map(|(english, chinese)| Template::new(english, chinese));
    let mut open: Vec<Template> = open.collect();
    open.sort_by_key(|template| Reverse(template.known));
    Templates { whole, open }
});

/// Sentences stand in others no deeper than this.
const DEEPEST: usize = 4;

/// Sentences stand in a row of fewer.
const LONGEST: usize = 20;

/// Letters that a sentence has at least; what has fewer is a word that joins others, or counts something.
const LETTERS: usize = 10;

impl Template {
    fn new(english: &'static str, chinese: &'static str) -> Self {
        let pieces: Vec<&str> = english.split("{}").collect();
        let letters = pieces.iter().flat_map(|piece| piece.chars());
        let is_weak = letters.clone().filter(|letter| letter.is_alphabetic()).count() < LETTERS
            && letters.clone().any(char::is_alphabetic)
            && letters.clone().all(|letter| letter.is_alphabetic() || letter == ' ');
        Self { known: pieces.iter().map(|piece| piece.len()).sum(), pieces, is_weak, chinese }
    }

    /// What stands in the places, if `text` is such a sentence. It is never nothing.
    fn holes<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let [first, between @ .., last] = self.pieces.as_slice() else { return None };
        let mut rest = text.strip_prefix(first)?.strip_suffix(last)?;
        let mut found = Vec::with_capacity(self.pieces.len());
        for piece in between {
            let (hole, after) = rest.split_once(piece)?;
            found.push(hole);
            rest = after;
        }
        found.push(rest);
        (found.iter().all(|hole| !hole.is_empty()) && self.fits(text, &found)).then_some(found)
    }

    /// Whether it is meant by `text`: what only joins names says nothing of a file called "head and tail.png", nor in the
    /// words of a library.
    fn fits(&self, text: &str, found: &[&str]) -> bool {
        if !self.is_weak {
            return true;
        }
        let is_name = |part: &str| is_path(part) || part.split(", ").all(|name| !name.contains(' '));
        // "row 4 and column 5" are two.
        let is_one = |part: &str| found.len() > 1 || !part.contains(" and ");
        let is_known = |part: &str| is_name(part) || is_one(part) && sentence(part, DEEPEST - 1) != *part;
        !is_path(text) && found.iter().all(|part| is_known(part))
    }
}

/// `text` in Chinese, line by line.
pub(super) fn chinese(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A line without what indents or lists it.
fn line(text: &str) -> String {
    let rest = text.trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let before = &text[..text.len() - rest.len()];
    format!("{before}{}", sentence(rest, 0))
}

fn sentence(text: &str, depth: usize) -> String {
    if let Some(chinese) = TEMPLATES.whole.get(text).filter(|_| depth < DEEPEST) {
        return (*chinese).to_owned();
    }
    let mut open = TEMPLATES.open.iter().filter(|_| depth < DEEPEST);
    let Some((template, found)) = open.find_map(|template| Some((template, template.holes(text)?))) else {
        return text.to_owned();
    };
    // Several sentences in a row, of which the first has a place for the rest.
    if found.iter().any(|part| part.contains("; ")) && text.matches("; ").count() < LONGEST {
        let row: Vec<(&str, String)> = text.split("; ").map(|part| (part, sentence(part, depth + 1))).collect();
        if row.iter().all(|(part, chinese)| part != chinese) {
            return row.into_iter().map(|(_, chinese)| chinese).collect::<Vec<_>>().join("；");
        }
    }
    let parts: Vec<String> = found.iter().map(|part| sentence(part, depth + 1)).collect();
    // What only joins others is translated with one of them.
    if !template.chinese.chars().any(char::is_alphabetic) && parts == found {
        return text.to_owned();
    }
    // Piece by piece: what stood there may itself hold braces.
    let mut out = String::new();
    let mut rest = template.chinese;
    while let Some((before, after)) = rest.split_once('{') {
        let (at, after) = after.split_once('}').unwrap_or((after, ""));
        join(&mut out, before);
        join(&mut out, at.parse().ok().and_then(|at: usize| parts.get(at)).map_or("", String::as_str));
        rest = after;
    }
    join(&mut out, rest);
    out
}

/// Whether `text` begins as the whole path of a file does.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '~', '\\']) || text.get(1..3) == Some(":\\")
}

/// Puts `piece` behind `text`: with a space between Chinese and Latin, and with none between Chinese and Chinese.
fn join(text: &mut String, piece: &str) {
    let is_chinese = |letter: Option<char>| letter.is_some_and(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    let is_latin = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let (before, after) = (text.trim_end_matches(' '), piece.trim_start_matches(' '));
    let (last, first) = (before.chars().next_back(), after.chars().next());
    if is_chinese(last) && is_chinese(first) {
        text.truncate(before.len());
        text.push_str(after);
    } else {
        if is_chinese(text.chars().next_back()) && is_latin(piece.chars().next())
            || is_latin(text.chars().next_back()) && is_chinese(piece.chars().next())
        {
            text.push(' ');
        }
        text.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_sentence_keeps_what_stands_in_it() {
        let mut seen = BTreeSet::new();
        for (english, chinese) in SAID.into_iter().flatten() {
            assert!(seen.insert(english), "{english:?} is there twice");
            let count = english.matches("{}").count();
            for at in 0..count {
                assert_eq!(chinese.matches(&format!("{{{at}}}")).count(), 1, "{english:?} → {chinese:?}: {{{at}}}");
            }
            assert_eq!(chinese.matches('{').count(), count, "{english:?} → {chinese:?}");
        }
    }

    #[test]
    fn sentences_are_found_with_what_stands_in_them() {
        for (english, expected) in [
            ("no weights found", "未找到权重"),
            (
                "/a: b/c.jpg: this picture cannot be read: Permission denied (os error 13)",
                "/a: b/c.jpg：无法读取此图片：没有权限",
            ),
            (
                "x.jpg: this is a JPEG file with 12 bits per sample, which the program does not read",
                "x.jpg：这是每个样本 12 位的 JPEG 文件，程序不读取这种图片",
            ),
            (
                "x.tif: this picture cannot be decoded: as a TIFF file, it is cut short: its directory needs byte 99\n  the file is damaged or cut short: copy or download it again, or save it anew with an image editor",
                "x.tif：无法解码此图片：作为 TIFF 文件，它不完整：其目录需要第 99 字节\n  文件已损坏或不完整：请重新复制或下载，或用图像编辑器重新保存",
            ),
            (
                "x.tif: this is a TIFF file of RGB pixels with 3 signed samples of 16 bits, extra samples [2], fill order 2, which the program does not read",
                "x.tif：这是 RGB 像素、3 个有符号样本、各 16 位、额外样本为 [2]、位序为 2 的 TIFF 文件，程序不读取这种图片",
            ),
            (
                "x.tif: this is a TIFF file of grey pixels with 1 samples of 7 bits, which the program does not read",
                "x.tif：这是灰度像素、1 个样本、各 7 位的 TIFF 文件，程序不读取这种图片",
            ),
            (
                "x.heic: this is a HEIC file, which the program does not read",
                "x.heic：这是 HEIC 文件，程序不读取这种图片",
            ),
            (
                "features of CLIP and SigLIP zero in the samplers; layer C1 skipped; heads 1, 2 and 3 of every SVA layer zero",
                "采样层中 CLIP 和 SigLIP 的特征置零；跳过层 C1；每个 SVA 层的注意力头 1, 2 和 3 置零",
            ),
            (
                "features of every encoder under rows 0–2 and column 4 replaced by their mean",
                "第 0–2 行和第 4 列下每个编码器的特征换成其均值",
            ),
            (
                "config.json has fields that this program does not know and does not obey: a, b and 3 more. If one of them changes what the model computes, the numbers here are not the model's",
                "config.json 中有本程序不认识也不遵从的字段：a, b 等，另有 3 个。如果其中某个会改变模型的计算，这里的数值便不是该模型的",
            ),
            (
                "its pickle is damaged: an empty stack at byte 12; nothing in it was run",
                "pickle 已损坏：第 12 字节处栈为空；其中的内容没有被执行",
            ),
            (
                "https://huggingface.co: no connection (connection refused); tried 5 times\n  check the connection (and HF_ENDPOINT and HTTPS_PROXY, if you set them), then run the same command again: it goes on where it stopped",
                "https://huggingface.co：无法连接（连接被拒绝）；已尝试 5 次\n  请检查网络连接（如果设置了 HF_ENDPOINT 和 HTTPS_PROXY，也请检查），然后重试：下载会从中断处继续",
            ),
            (
                "model.safetensors of nyu-visionx/cambrian-8b: the hub says that it was asked too often (429); tried 6 times",
                "nyu-visionx/cambrian-8b 的 model.safetensors：Hugging Face 表示请求过于频繁（429）；已尝试 6 次",
            ),
            (
                "a/b was not found on https://hf.co, or it is private and not shown\n  check its name; if it is private, create a token that may read (https://hf.co/settings/tokens) and set HF_TOKEN to it",
                "https://hf.co 上没有 a/b，或它是私有的、没有显示\n  请检查名称；如果它是私有的，请创建一个可读取的令牌（https://hf.co/settings/tokens），并把 HF_TOKEN 设为它",
            ),
            (
                "3 of 9 rows are left out: 2 × it has no answer; 1 × its picture is missing",
                "9 行中有 3 行未采用：2 × 没有答案；1 × 缺少其图片",
            ),
            (
                "this model's SVA layers are C1, C2 (it has no samplers); connector, samplers and all name several",
                "此模型的 SVA 层有 C1, C2（它没有采样层）；connector、samplers 和 all 各指多层",
            ),
            // Names of files, and words of libraries.
            ("/a/head and tail.png: the file is empty (0 bytes)", "/a/head and tail.png：文件为空（0 字节）"),
            ("also in /my models/b.safetensors", "也在 /my models/b.safetensors 中"),
            ("head and tail of it.png: the file is empty (0 bytes)", "head and tail of it.png：文件为空（0 字节）"),
            (
                "is not valid JSON: expected `,` or `}` at line 3 column 4",
                "不是有效的 JSON：expected `,` or `}` at line 3 column 4",
            ),
            ("What nobody has translated: this", "What nobody has translated: this"),
            ("{0}: not a field: missing", "{0}: not a field：缺失"),
            ("- /towers/a: no such directory", "- /towers/a：没有此目录"),
            ("", ""),
        ] {
            assert_eq!(chinese(english), expected);
        }
    }
}
