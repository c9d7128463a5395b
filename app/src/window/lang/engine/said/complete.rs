//! Whatever the window may show of what others say is in the list: their sources are read, and each sentence in them is
//! looked for.
//!
//! A sentence is a text of at least two words, one of them in small letters, outside of comments, attributes, tests, lines
//! of the log, and `pick(…)`, where it stands in both languages. Of attributes, `#[error("…")]` holds one.

use super::SAID;
use std::fs;
use std::path::{Path, PathBuf};

/// What speaks to the window, from the root of the repository.
const SPEAKERS: [&str; 15] = [
    "engine/src",
    "engine/trace/src",
    "engine/hub/src",
    "engine/eval/src",
    "shaders/src",
    "app/src/demo.rs",
    "app/src/evidence/recipe.rs",
    "app/src/pulling.rs",
    "app/src/recipe.rs",
    "app/src/recipe_file.rs",
    "app/src/window/apply",
    "app/src/window/background.rs",
    "app/src/window/gpu",
    "app/src/window/saver.rs",
    "app/src/window/store",
];

/// Files whose sentences are not in the list, and why.
const ELSEWHERE: [(&str, &str); 8] = [
    ("engine/src/advice.rs", "`lang/engine/advice.rs` says it with the names of the window's settings"),
    ("engine/src/nn", "faults of the program, for the report"),
    ("engine/src/limits.rs", "names in a file of the system"),
    ("engine/src/text/template.rs", "what a model is told"),
    ("engine/eval/src/audit/mod.rs", "a report, written to a file"),
    ("engine/eval/src/report/markdown.rs", "a report, written to a file"),
    ("engine/eval/src/score/mod.rs", "what a model is told, and the report's words for protocols"),
    ("engine/eval/src/slurm.rs", "scripts for a cluster"),
];

/// Literals that are not in the list, and why.
const EXCEPT: [(&[&str], &str); 10] = [
    (
        &[
            "entry not found",
            "repository not found",
            "access to model",
            "invalid username or password",
            "you need to agree",
            "version https://git-lfs",
            "version https://hawser",
            "<!doctype html",
        ],
        "how a file begins that is another than it seems",
    ),
    (&["out of memory"], "what a driver says"),
    (&["1 (unigram)", "3 (word)", "4 (char)"], "kinds in sentencepiece, as they are called there"),
    (&["SPEC is one intervention"], "the help of the command line"),
    (&["Pictures need a Vulkan"], "commands, after a sentence that is in the list"),
    (&["engine {}"], "the name of a thread"),
    (&["blob {}", "Signature: "], "what is hashed, or written to a file"),
    (&["{} of {}"], "stands before `: {}; tried {} times`, and is in the list with that"),
    (&["trace info", "trace layers", "trace probabilities", "trace masks"], "labels for those who debug drawing"),
    (
        &[
            "Describe the picture.",
            "What does the sign say?",
            "How many objects are there?",
            "What colour is the triangle?",
        ],
        "what the model of the demo was trained to answer",
    ),
];

#[test]
fn every_sentence_has_its_chinese() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for speaker in SPEAKERS {
        collect(&root.join(speaker), &mut files);
    }
    let tests: Vec<PathBuf> = files.iter().flat_map(|file| test_modules(file)).collect();
    let (mut missing, mut needed) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for file in files.iter().filter(|file| !tests.iter().any(|test| file.starts_with(test) || *file == test)) {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let elsewhere = ELSEWHERE.iter().find(|(path, _)| name.starts_with(path));
        for (line, text) in literals(&fs::read_to_string(file).unwrap()) {
            let except =
                EXCEPT.iter().flat_map(|(beginnings, _)| *beginnings).find(|begins| text.starts_with(**begins));
            // Lines are translated one by one, without what indents them.
            let lines = text.lines().enumerate().map(|(at, line)| if at == 0 { line } else { line.trim_start() });
            for sentence in lines.filter(|line| is_sentence(line)) {
                seen += 1;
                match elsewhere.map(|(path, _)| path).or(except) {
                    _ if is_known(sentence) => {}
                    Some(what) => needed.push(*what),
                    None => missing.push(format!("{name}:{line}: {sentence}")),
                }
            }
        }
    }
    assert!(seen > 800, "{seen}");
    assert!(missing.is_empty(), "{} without Chinese:\n{}", missing.len(), missing.join("\n"));
    let excepted = ELSEWHERE.iter().map(|(path, _)| path).chain(EXCEPT.iter().flat_map(|(beginnings, _)| *beginnings));
    let idle: Vec<&&str> = excepted.filter(|what| !needed.contains(what)).collect();
    assert!(idle.is_empty(), "excepted for nothing: {idle:?}");
}

#[test]
fn sentences_are_found_in_sources() {
    let source = r##"
        //! "not this comment"
        #![expect(dead_code, reason = "not this reason")]
        #[error("this failed: {0}")]
        struct Failed(String);
        fn say<'a>(n: usize, c: char) -> Refusal {
            tracing::warn!("not this log line");
            debug_assert!(n > 1, "not this assertion");
            language.pick("not what stands", "in both");
            let quote = ['"', '\'', '\\'];
            /* "nor this" */
            Refusal::new(format!("it has {n} \"parts\"; \
                {{at}} most {}", MOST), b"not these bytes", r#"a "raw" text"#)
        }
        #[cfg(test)]
        mod tests {
            fn say() { "not this test" }
        }
        const LAST: &str = "the last one";
    "##;
    let found: Vec<String> = literals(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["this failed: {}", "it has {} \"parts\"; {at} most {}", "a \"raw\" text", "the last one"]);
    assert_eq!(literals(source).last().unwrap().0, 19);
    for (text, expected) in [
        ("no such file", true),
        ("a GIMP", true),
        ("{} bytes", true),
        ("{}: {}", false),
        ("hidden_size", false),
        ("Application Support", false),
    ] {
        assert_eq!(is_sentence(text), expected, "{text}");
    }
}

#[test]
fn what_may_be_left_out_of_a_sentence_is_understood() {
    for (literal, sentence, expected) in [
        ("{} are free{}", "{} are free", true),
        ("{} are free{}", "{} are free of the {}", true),
        ("{} are free", "{} are taken", false),
        ("head{} {} of {} zero", "heads {} of {} zero", true),
        (" of the {}", "{} are free of the {}", true),
        ("of the {}", "{} are free of the {}", false),
        ("layer {}", "layer C1", false),
    ] {
        assert_eq!(fits(literal, sentence), expected, "{literal:?} and {sentence:?}");
    }
}

/// All sources in `place`.
fn collect(place: &Path, into: &mut Vec<PathBuf>) {
    if place.is_file() {
        return into.extend(place.extension().is_some_and(|end| end == "rs").then(|| place.to_path_buf()));
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.iter().for_each(|entry| collect(entry, into));
}

/// The files and folders of modules that `file` has for tests only.
fn test_modules(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let is_root = ["mod", "lib", "main"].iter().any(|root| file.file_stem().is_some_and(|stem| stem == *root));
    let folder = if is_root { file.parent().unwrap().to_path_buf() } else { file.with_extension("") };
    let mut out = Vec::new();
    for after in text.split("#[cfg(test)]\n").skip(1) {
        let module = after
            .lines()
            .find(|line| !line.trim_start().starts_with('#'))
            .and_then(|line| line.strip_suffix(';')?.rsplit_once("mod "));
        out.extend(module.iter().flat_map(|(_, name)| [folder.join(name), folder.join(format!("{name}.rs"))]));
    }
    out
}

/// Whether `text` is one that a person reads.
fn is_sentence(text: &str) -> bool {
    let words = text.split_whitespace().map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '{'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.len() > 1 && words.iter().any(|word| word.chars().all(|letter| letter.is_ascii_lowercase()))
}

/// Whether the list has `literal`, or all of its forms.
fn is_known(literal: &str) -> bool {
    SAID.iter().flat_map(|area| area.iter()).any(|(english, _)| fits(literal, english))
}

/// Whether `sentence` is a form of `literal`: in the place of a `{}` stands `{}`; where that is one with a word or another
/// `{}`, as the ending of a plural, anything, or nothing. What begins with a space or comma is a part of some sentence.
fn fits(literal: &str, sentence: &str) -> bool {
    let part = literal.trim_start_matches([',', ' ']);
    if part == literal {
        return is_form(literal, None, sentence, false);
    }
    let starts = sentence.match_indices(' ').map(|(at, _)| at + 1);
    [0].into_iter().chain(starts).any(|at| is_form(part, None, &sentence[at..], true))
}

/// Whether `text` is a form of `rest`, the rest of a literal, before which `before` stands; it may go on if it `is_part`.
fn is_form(rest: &str, before: Option<char>, text: &str, is_part: bool) -> bool {
    let Some((words, after)) = rest.split_once("{}") else {
        return if is_part { text.starts_with(rest) } else { text == rest };
    };
    let Some(text) = text.strip_prefix(words) else { return false };
    let before = words.chars().last().or(before);
    let is_ending = before.is_some_and(|c| c.is_alphabetic() || c == '}') || after.starts_with(char::is_alphabetic);
    if !is_ending {
        return text.strip_prefix("{}").is_some_and(|text| is_form(after, Some('}'), text, is_part));
    }
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.any(|at| is_form(after, Some('}'), &text[at..], is_part))
}

/// A part of a source.
#[derive(PartialEq)]
enum Token {
    Word(String),
    Mark(char),
    Text(String),
}

/// The texts in `source` that may be shown, with their lines; `{}` stands for whatever is put into them.
fn literals(source: &str) -> Vec<(usize, String)> {
    let tokens = tokens(source);
    let word = |at: usize| match tokens.get(at) {
        Some((_, Token::Word(word))) => word.as_str(),
        _ => "",
    };
    let is_mark = |at: usize, mark: char| matches!(tokens.get(at), Some((_, Token::Mark(found))) if *found == mark);
    // Behind what is opened at `at`, or next after it.
    let behind = |at: usize| {
        let mut depth = 0_usize;
        (at..tokens.len())
            .find(|&at| {
                depth += usize::from(['(', '[', '{'].iter().any(|mark| is_mark(at, *mark)));
                depth -= usize::from([')', ']', '}'].iter().any(|mark| is_mark(at, *mark)));
                depth == 0
            })
            .map_or(tokens.len(), |at| at + 1)
    };
    let mut out = Vec::new();
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        let opened = at + 1 + usize::from(is_mark(at + 1, '!'));
        if *token == Token::Mark('#') && is_mark(opened, '[') {
            let end = behind(opened);
            if (word(opened + 1), word(opened + 3)) == ("cfg", "test") {
                // The item up to its block or semicolon.
                at = end;
                while at < tokens.len() && !is_mark(at, ';') && !is_mark(at, '{') {
                    at = behind(at);
                }
                at = behind(at);
            } else {
                // The text alone, not what is put into it.
                if word(opened + 1) == "error"
                    && let Some((line, Token::Text(text))) = tokens.get(opened + 3)
                {
                    out.push((*line, text.clone()));
                }
                at = end;
            }
        } else if word(at) == "tracing" && is_mark(at + 4, '!') {
            at = behind(at + 5);
        } else if word(at) == "pick" && is_mark(at + 1, '(') {
            at = behind(at + 1);
        } else if word(at).starts_with("debug_assert") && is_mark(at + 1, '!') {
            at = behind(at + 2);
        } else {
            if let Token::Text(text) = token {
                out.push((*line, text.clone()));
            }
            at += 1;
        }
    }
    out
}

/// The words, marks and texts of `source`, with their lines.
fn tokens(source: &str) -> Vec<(usize, Token)> {
    let mut out = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let name = rest.find(|c| !is_name(c)).map_or(rest, |end| &rest[..end]);
        let after = &rest[name.len()..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((text, length)) = quoted(name, after) {
            if !name.starts_with('b') {
                out.push((line, Token::Text(text)));
            }
            name.len() + length
        } else if first == '\'' {
            // A letter, or else the name of a lifetime.
            let mut letters = rest.char_indices().skip(1);
            match (letters.next(), letters.next()) {
                (Some((_, '\\')), Some((at, escaped))) => {
                    let from = at + escaped.len_utf8();
                    rest[from..].find('\'').map_or(rest.len(), |end| from + end + 1)
                }
                (Some(_), Some((at, '\''))) => at + 1,
                _ => 1,
            }
        } else if name.is_empty() {
            if !first.is_whitespace() {
                out.push((line, Token::Mark(first)));
            }
            first.len_utf8()
        } else {
            out.push((line, Token::Word(name.to_owned())));
            name.len()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    out
}

/// The text that `after` begins with, where `name` says how it is quoted, and how much of `after` that is.
fn quoted(name: &str, after: &str) -> Option<(String, usize)> {
    let inside = after.trim_start_matches('#').strip_prefix('"')?;
    let start = after.len() - inside.len();
    if matches!(name, "r" | "br") {
        let end = format!("\"{}", "#".repeat(start - 1));
        let length = inside.find(&end)?;
        return Some((shown(&inside[..length]), start + length + end.len()));
    }
    if !matches!(name, "" | "b" | "c") || start != 1 {
        return None;
    }
    let (mut text, mut letters) = (String::new(), inside.char_indices().peekable());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((shown(&text), start + at + 1)),
            '\\' => match letters.next()?.1 {
                '\n' => while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                't' => text.push('\t'),
                '0' => text.push('\0'),
                'u' => {
                    let digits: String =
                        letters.by_ref().map(|(_, digit)| digit).skip(1).take_while(|c| *c != '}').collect();
                    text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                }
                escaped => text.push(escaped),
            },
            letter => text.push(letter),
        }
    }
    None
}

/// `text` as it is shown, but for what is put into it.
fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if matches!(letter, '{' | '}') && letters.next_if_eq(&letter).is_some() {
            out.push(letter);
        } else if letter == '{' {
            letters.by_ref().find(|letter| *letter == '}');
            out += "{}";
        } else {
            out.push(letter);
        }
    }
    out
}
