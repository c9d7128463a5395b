//! `tokenizer.model` with the behaviour of the reference's slow Llama tokenizer around special tokens (docs/model.md §11).

mod bpe;
mod model;
mod proto;
#[cfg(test)]
mod tests;

pub(super) use model::{Kind, Model, byte_of};

use super::chunk::Chunk;
use super::config::TokenizerConfig;
use super::special::{AddedToken, Matcher, Segment, is_python_space};
use crate::checkpoint::instead;
use crate::error::{Error, Refusal, Result};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// U+2581, which sentencepiece writes for a space.
pub(super) const UNDERLINE: char = '\u{2581}';

/// No vocabulary is larger; that of Yi has 1 MB.
const MAX_BYTES: u64 = 256 << 20;

/// A sentencepiece vocabulary and the tokens added to it.
#[derive(Debug)]
pub(super) struct Pieces {
    model: Model,
    /// `legacy`: no U+2581 is put before a text, unless the model itself says so; then before every segment.
    legacy: bool,
    /// Added tokens, including those that repeat a piece.
    added: BTreeMap<u32, String>,
    added_ids: HashMap<String, u32>,
    matcher: Matcher,
    /// Ids that `skip_special` skips: the tokens with a role, not those marked special.
    special: HashSet<u32>,
    /// Pieces that stand for themselves wherever they occur.
    user_defined: Matcher,
    /// Pieces that a person's text must not become.
    reserved: HashSet<u32>,
    /// U+2581 alone.
    underline: Option<u32>,
    unknown_text: String,
}

impl Pieces {
    pub(super) fn open(file: &Path, config: &TokenizerConfig) -> Result<Self> {
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(|e| Error::io(file, e))?;
        opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(file, e))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Refusal::new(file, "is larger than any tokenizer")
                .expected(format!("at most {MAX_BYTES} bytes"))
                .help("download this file again")
                .into());
        }
        if let Some(refusal) = instead::refused(file, &bytes) {
            return Err(refusal.into());
        }
        Self::new(Model::parse(file, &bytes)?, config)
    }

    fn new(mut model: Model, config: &TokenizerConfig) -> Result<Self> {
        let legacy = config.legacy.unwrap_or(true);
        // Otherwise the tokenizer, not the model, puts U+2581 before a text.
        model.add_dummy_prefix &= legacy;

        let role = |name, default: &str| config.roles.get(name).cloned().unwrap_or_else(|| default.to_owned());
        let unknown_text = role("unk_token", "<unk>");
        let mut names = vec![role("bos_token", "<s>"), role("eos_token", "</s>"), unknown_text.clone()];
        names.extend(config.special_tokens().into_iter().map(str::to_owned));

        let mut added: BTreeMap<u32, AddedToken> = BTreeMap::new();
        let mut added_ids: HashMap<String, u32> = HashMap::new();
        let mut add = |id, content: &str, lstrip, rstrip| {
            added.insert(id, AddedToken { id, content: content.to_owned(), lstrip, rstrip });
            added_ids.insert(content.to_owned(), id);
        };
        for (&id, token) in &config.added {
            add(id, &token.content, token.lstrip, token.rstrip);
        }
        let mut special = HashSet::new();
        let mut fresh = model.pieces.len();
        for name in &names {
            let known = config.added.iter().find(|(_, token)| token.content == *name).map(|(&id, _)| id);
            let id = known.or_else(|| model.ids.get(name).copied()).or_else(|| {
                while config.added.keys().any(|&id| id as usize == fresh) {
                    fresh += 1;
                }
                fresh += 1;
                u32::try_from(fresh - 1).ok()
            });
            if let Some(id) = id {
                special.insert(id);
                if known.is_none() {
                    add(id, name, false, false);
                }
            }
        }

        let mut reserved = HashSet::new();
        let mut user_defined = Vec::new();
        for (id, piece) in (0u32..).zip(&model.pieces) {
            let markup = piece.text.starts_with("<|") && piece.text.ends_with("|>");
            if added_ids.contains_key(&piece.text) || (piece.kind == Kind::UserDefined && markup) {
                reserved.insert(id);
            }
            if piece.kind == Kind::UserDefined {
                let content = piece.text.clone();
                user_defined.push(AddedToken { id, content, lstrip: false, rstrip: false });
            }
        }
        Ok(Self {
            underline: model.ids.get(UNDERLINE.encode_utf8(&mut [0; 4]) as &str).copied(),
            matcher: Matcher::new(added.values().cloned()),
            added: added.into_iter().map(|(id, token)| (id, token.content)).collect(),
            user_defined: Matcher::new(user_defined),
            model,
            legacy,
            added_ids,
            special,
            reserved,
            unknown_text,
        })
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    pub(super) fn legacy(&self) -> bool {
        self.legacy
    }

    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// The text of `id` if it was added to the vocabulary.
    pub(super) fn added(&self, id: u32) -> Option<&str> {
        self.added.get(&id).map(String::as_str)
    }

    pub(super) fn token_text(&self, id: u32) -> Option<&str> {
        self.added(id).or_else(|| self.model.piece(id).map(|piece| piece.text.as_str()))
    }

    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.added_ids.get(token).or_else(|| self.model.ids.get(token)).copied()
    }

    /// Pieces and added tokens together.
    pub(super) fn len(&self) -> usize {
        self.model.pieces.len() + self.added_ids.keys().filter(|token| !self.model.ids.contains_key(*token)).count()
    }

    pub(super) fn encode(&self, chunk: &Chunk) -> Vec<u32> {
        if chunk.text().is_empty() {
            return Vec::new();
        }
        if self.legacy {
            return self.encode_segments(chunk);
        }
        let mut prefixed = Chunk::of(UNDERLINE.encode_utf8(&mut [0; 4]), super::Special::Literal);
        for (text, special) in chunk.parts() {
            prefixed.push(&text.replace(UNDERLINE, " "), special);
        }
        let mut ids = self.encode_segments(&prefixed);
        let lone = ids.first().copied() == self.underline;
        if lone && ids.get(1).is_some_and(|&second| self.is_special(second)) {
            ids.remove(0);
        }
        ids
    }

    /// Cuts `chunk` at its added tokens and encodes what lies between them one by one.
    fn encode_segments(&self, chunk: &Chunk) -> Vec<u32> {
        let text = chunk.text();
        let mut ids = Vec::new();
        for segment in self.matcher.split(text, is_python_space, |start, end| chunk.is_template(start, end)) {
            match segment {
                Segment::Token(id, _) => ids.push(id),
                Segment::Text(range) => {
                    let is_template =
                        |start: usize, end: usize| chunk.is_template(range.start + start, range.start + end);
                    ids.extend(self.encode_segment(&text[range.clone()], &is_template));
                }
            }
        }
        ids
    }

    /// Encodes a text without added tokens.
    ///
    /// The reference puts the unknown token's text in front of one that starts with a space, encodes both together
    /// and drops as many ids as that text has alone.
    fn encode_segment(&self, text: &str, is_template: &dyn Fn(usize, usize) -> bool) -> Vec<u32> {
        if self.legacy || !text.starts_with([UNDERLINE, ' ']) {
            return self.encode_plain(text, 0, is_template);
        }
        let dropped = self.encode_plain(&self.unknown_text, self.unknown_text.len(), &|_, _| false).len();
        let together = format!("{}{text}", self.unknown_text);
        let mut ids = self.encode_plain(&together, self.unknown_text.len(), is_template);
        if ids.len() >= dropped {
            ids.drain(..dropped);
        }
        ids
    }

    /// Encodes `text`, whose first `skipped` bytes do not belong to the text that `is_template` counts in.
    fn encode_plain(&self, text: &str, skipped: usize, is_template: &dyn Fn(usize, usize) -> bool) -> Vec<u32> {
        let mut escaped = String::with_capacity(text.len() + UNDERLINE.len_utf8());
        // Where each user-defined piece stands in the escaped text, and how long it is there.
        let mut frozen: HashMap<usize, usize> = HashMap::new();
        if self.model.add_dummy_prefix {
            escaped.push(UNDERLINE);
        }
        let may_freeze = |start: usize, end: usize| -> bool {
            let reserved = self.model.ids.get(&text[start..end]).is_some_and(|id| self.reserved.contains(id));
            !reserved || (start >= skipped && is_template(start - skipped, end - skipped))
        };
        let escape = |piece: &str, escaped: &mut String| {
            for c in piece.chars() {
                escaped.push(if c == ' ' && self.model.escape_whitespaces { UNDERLINE } else { c });
            }
        };
        let segments = if self.user_defined.is_empty() {
            vec![Segment::Text(0..text.len())]
        } else {
            self.user_defined.split(text, is_python_space, may_freeze)
        };
        for segment in segments {
            match segment {
                Segment::Text(range) => escape(&text[range], &mut escaped),
                Segment::Token(_, range) => {
                    let start = escaped.len();
                    escape(&text[range], &mut escaped);
                    frozen.insert(start, escaped.len() - start);
                }
            }
        }
        let length_at = |start: usize| frozen.get(&start).copied();
        bpe::encode(&self.model, &escaped, &length_at, &|id| self.reserved.contains(&id))
    }
}
