//! Markdown of an answer as blocks of text that still know which bytes of the answer they show: formatted words stay
//! tokens that can be pointed at.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// How letters look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// `**so**`
    pub strong: bool,
    /// `*so*`
    pub emphasis: bool,
    /// `` `so` ``
    pub code: bool,
    /// `~~so~~`
    pub struck: bool,
    /// `[so](there)`
    pub link: bool,
    /// Said about the text, not in it.
    pub weak: bool,
}

/// Letters of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is shown.
    pub text: String,
    /// How it looks.
    pub style: Style,
    /// The bytes of the answer it stands for: one for one if there are as many.
    pub source: Range<usize>,
}

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A paragraph, or what stands in a list.
    Text(Vec<Run>),
    /// A heading of this level, from 1.
    Heading(u8, Vec<Run>),
    /// Lines of code.
    Code(Vec<Run>),
    /// Rows of cells, the heading first.
    Table(Vec<Vec<Vec<Run>>>),
    /// A line across.
    Rule,
}

/// A piece of the answer that begins a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The kind of block.
    pub kind: Kind,
    /// How many lists it is in.
    pub depth: usize,
    /// How many quotations it is in.
    pub quoted: usize,
    /// What stands before it in a list.
    pub marker: Option<String>,
}

/// The blocks of `answer`.
pub fn blocks(answer: &str) -> Vec<Block> {
    let mut builder = Builder { answer, ..Builder::default() };
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    for (event, source) in Parser::new_ext(answer, options).into_offset_iter() {
        builder.take(event, source);
    }
    builder.close();
    builder.blocks
}

/// Where runs go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Into {
    #[default]
    Text,
    Heading(u8),
    Code,
}

#[derive(Default)]
struct Builder<'a> {
    answer: &'a str,
    blocks: Vec<Block>,
    /// The block that is being filled.
    runs: Vec<Run>,
    into: Into,
    /// Lists that are open, with the number of the next item where items have numbers.
    lists: Vec<Option<u64>>,
    quoted: usize,
    marker: Option<String>,
    table: Option<Vec<Vec<Vec<Run>>>>,
    strong: usize,
    emphasis: usize,
    struck: usize,
    /// Where links that are open lead.
    links: Vec<String>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, source: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag, source),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.run(&text, source, false),
            Event::Code(text) => {
                let inside = self.answer.get(source.clone()).and_then(|marked| marked.find(&*text));
                let start = source.start + inside.unwrap_or_default();
                self.run(&text, start..start + text.len(), true);
            }
            Event::SoftBreak => self.run(" ", source, false),
            Event::HardBreak => self.run("\n", source, false),
            Event::Rule => {
                self.close();
                self.add(Kind::Rule);
            }
            // None of these extensions is switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.run(&text, source, false);
            }
            Event::TaskListMarker(done) => self.run(if done { "[x] " } else { "[ ] " }, source, false),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Strikethrough => self.struck += 1,
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.links.push(dest_url.into_string()),
            Tag::TableCell => self.runs.clear(),
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            tag => {
                self.close();
                match tag {
                    Tag::Heading { level, .. } => self.into = Into::Heading(number(level)),
                    Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => self.into = Into::Code,
                    Tag::List(first) => self.lists.push(first),
                    Tag::Item => self.marker = self.next_marker(),
                    Tag::BlockQuote(_) => self.quoted += 1,
                    Tag::Table(_) => self.table = Some(Vec::new()),
                    _ => {}
                }
            }
        }
    }

    fn end(&mut self, tag: TagEnd, source: Range<usize>) {
        match tag {
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::Strikethrough => self.struck = self.struck.saturating_sub(1),
            TagEnd::Link | TagEnd::Image => {
                let target = self.links.pop().unwrap_or_default();
                let says_so = self.runs.last().is_some_and(|run| run.text == target);
                if !target.is_empty() && !says_so {
                    let style = Style { weak: true, ..Style::default() };
                    // One place for all of it: the end of the link.
                    let at = source.end.saturating_sub(1)..source.end;
                    self.runs.push(Run { text: format!(" ({target})"), style, source: at });
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.runs);
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Table => {
                if let Some(rows) = self.table.take() {
                    self.add(Kind::Table(rows));
                }
            }
            tag => {
                self.close();
                match tag {
                    TagEnd::List(_) => {
                        self.lists.pop();
                    }
                    // An item without words.
                    TagEnd::Item if self.marker.is_some() => self.add(Kind::Text(Vec::new())),
                    TagEnd::BlockQuote(_) => self.quoted = self.quoted.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }

    fn next_marker(&mut self) -> Option<String> {
        Some(match self.lists.last_mut()? {
            None => "•".to_owned(),
            Some(number) => {
                let marker = format!("{number}.");
                *number = number.saturating_add(1);
                marker
            }
        })
    }

    fn run(&mut self, text: &str, source: Range<usize>, code: bool) {
        let style = Style {
            strong: self.strong > 0,
            emphasis: self.emphasis > 0,
            code,
            struck: self.struck > 0,
            link: !self.links.is_empty(),
            weak: false,
        };
        self.runs.push(Run { text: text.to_owned(), style, source });
    }

    /// Ends the block that is being filled, if it has anything in it.
    fn close(&mut self) {
        let into = std::mem::take(&mut self.into);
        if self.table.is_some() || self.runs.is_empty() {
            return;
        }
        let mut runs = std::mem::take(&mut self.runs);
        self.add(match into {
            Into::Text => Kind::Text(runs),
            Into::Heading(level) => Kind::Heading(level, runs),
            Into::Code => {
                // The line break before the closing fence.
                if let Some(last) = runs.last_mut() {
                    let kept = last.text.trim_end_matches('\n').len();
                    let exact = last.text.len() == last.source.len();
                    last.text.truncate(kept);
                    if exact {
                        last.source.end = last.source.start + kept;
                    }
                }
                Kind::Code(runs)
            }
        });
    }

    fn add(&mut self, kind: Kind) {
        let (depth, quoted, marker) = (self.lists.len(), self.quoted, self.marker.take());
        self.blocks.push(Block { kind, depth, quoted, marker });
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(runs: &[Run]) -> Vec<&str> {
        runs.iter().map(|run| run.text.as_str()).collect()
    }

    #[test]
    fn runs_stand_for_the_bytes_they_show() {
        let answer = "The `sign` is **red** & *bright*.\n\n- one\n- two ~~three~~\n\n1. a\n2. b\n\n> said\n\n```rs\nlet a = 1;\n```\n";
        let blocks = blocks(answer);
        for block in &blocks {
            let (Kind::Text(runs) | Kind::Heading(_, runs) | Kind::Code(runs)) = &block.kind else { continue };
            for run in runs {
                assert_eq!(&answer[run.source.clone()], run.text, "{run:?}");
            }
        }
        let markers: Vec<_> = blocks.iter().map(|block| block.marker.as_deref()).collect();
        assert_eq!(markers, [None, Some("•"), Some("•"), Some("1."), Some("2."), None, None]);
        let Kind::Text(first) = &blocks[0].kind else { panic!("{blocks:?}") };
        assert_eq!(texts(first).concat(), "The sign is red & bright.");
        assert!(first[1].style.code && first[3].style.strong && !first[4].style.strong);
        assert_eq!((blocks[5].quoted, &blocks[6].kind), (1, &blocks[6].kind));
        let Kind::Code(code) = &blocks[6].kind else { panic!("{blocks:?}") };
        assert_eq!(texts(code), ["let a = 1;"]);
    }

    #[test]
    fn tables_links_and_headings_keep_their_words() {
        let found = blocks("## Found\n\n| what | how many |\n|---|---|\n| *cats* | 2 |\n\n[here](https://x.org) ---\n");
        assert!(matches!(&found[0].kind, Kind::Heading(2, runs) if texts(runs) == ["Found"]), "{found:?}");
        let Kind::Table(rows) = &found[1].kind else { panic!("{found:?}") };
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| texts(cell).concat()).collect()).collect();
        assert_eq!(cells, [["what", "how many"], ["cats", "2"]]);
        let Kind::Text(runs) = &found[2].kind else { panic!("{found:?}") };
        assert_eq!(texts(runs).concat(), "here (https://x.org) ---");
    }

    /// An answer is shown while it comes, cut anywhere.
    #[test]
    fn every_beginning_of_an_answer_can_be_shown() {
        let answer = "# A\n> - **b `c` d**\n>   1. *e*\n\n| f | g |\n|--|--|\n| ~~h~~ | [i](j) |\n\n```\nk\n``` 字 &amp; \\* ![l](m)";
        for (at, _) in answer.char_indices() {
            for block in blocks(&answer[..at]) {
                let (Kind::Text(runs) | Kind::Heading(_, runs) | Kind::Code(runs)) = &block.kind else { continue };
                assert!(runs.iter().all(|run| run.source.end <= at), "{block:?}");
            }
        }
    }
}
