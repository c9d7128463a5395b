//! `tokenizer.json`, read by the `tokenizers` crate.

use super::chunk::Chunk;
use super::config::TokenizerConfig;
use super::special::{AddedToken, Matcher, Segment};
use crate::checkpoint::json::JsonFile;
use crate::error::{Error, Refusal, Result};
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tokenizers::normalizer::Range;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{
    Model, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, Token,
};

/// How tokens become text again (`decoder` in the file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joining {
    /// Characters that stand for bytes.
    ByteLevel,
    /// U+2581 for spaces, with byte pieces if `bytes`, and `strip` spaces removed from the front of the whole.
    Underlines { bytes: bool, strip: usize },
}

/// A tokenizer of the `tokenizers` crate.
#[derive(Debug)]
pub(super) struct Json {
    file: PathBuf,
    inner: tokenizers::Tokenizer,
    /// Added tokens that are looked for before normalisation, and after.
    raw: Matcher,
    normalized: Matcher,
    special: HashSet<u32>,
    joining: Joining,
    /// What the tokenizer puts before every text by itself.
    prefix: Option<u32>,
}

impl Json {
    pub(super) fn open(file: &Path, config: &TokenizerConfig) -> Result<Self> {
        Self::new(&JsonFile::read(file)?, config)
    }

    /// Reads `json`, a tokenizer.json.
    pub(super) fn new(json: &JsonFile, config: &TokenizerConfig) -> Result<Self> {
        let file = json.file();
        let joining = joining(json)?;
        check_dropout(json)?;
        check_merges(json)?;
        let refuse = |e: tokenizers::Error| {
            Refusal::new(file, format!("is no tokenizer: {e}")).help("download tokenizer.json again")
        };
        let mut inner: tokenizers::Tokenizer = serde_json::from_value(json.value().clone())
            .map_err(|e| Refusal::new(file, format!("is no tokenizer: {e}")).help("download tokenizer.json again"))?;
        check_templates(json, &inner)?;
        add_declared(file, &mut inner, config)?;

        let (mut raw, mut normalized, mut special) = (Vec::new(), Vec::new(), HashSet::new());
        for (id, token) in inner.get_added_tokens_decoder() {
            if token.single_word {
                let key = format!("added_tokens[id = {id}]");
                return Err(Refusal::new(file, "tokens with `single_word` are not supported")
                    .key(key)
                    .help("use the tokenizer.json of the released checkpoint")
                    .into());
            }
            if token.special {
                special.insert(id);
            }
            let mut content = token.content;
            if token.normalized
                && let Some(normalizer) = inner.get_normalizer()
            {
                let mut string = NormalizedString::from(content.as_str());
                normalizer.normalize(&mut string).map_err(refuse)?;
                content = string.get().to_owned();
            }
            let list = if token.normalized { &mut normalized } else { &mut raw };
            list.push(AddedToken { id, content, lstrip: token.lstrip, rstrip: token.rstrip });
        }
        // The reference's own class decides about BOS; any other leaves it to the file.
        let prefix = if config.class.starts_with("LlamaTokenizer") {
            let bos = config.roles.get("bos_token").map_or("<s>", String::as_str);
            config.add_bos_token.unwrap_or(true).then(|| inner.token_to_id(bos)).flatten()
        } else {
            inner.encode("", true).map_err(refuse)?.get_ids().first().copied()
        };
        let (raw, normalized) = (Matcher::new(raw), Matcher::new(normalized));
        Ok(Self { file: file.to_path_buf(), inner, raw, normalized, special, joining, prefix })
    }

    pub(super) fn joining(&self) -> Joining {
        self.joining
    }

    pub(super) fn prefix(&self) -> Option<u32> {
        self.prefix
    }

    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    pub(super) fn token_text(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    pub(super) fn len(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The pipeline of `tokenizers::Tokenizer::encode`, except that added tokens are found in template parts only.
    pub(super) fn encode(&self, chunk: &Chunk) -> Result<Vec<u32>> {
        let fail = |e: tokenizers::Error| {
            Error::input(format!("{}: the text cannot be tokenised: {e}", self.file.display()), "change the question")
        };
        let mut text = PreTokenizedString::from(chunk.text());
        text.split(|_, whole| {
            let segments =
                self.raw.split(chunk.text(), char::is_whitespace, |start, end| chunk.is_template(start, end));
            Ok(cut(&whole, &segments))
        })
        .map_err(fail)?;
        if let Some(normalizer) = self.inner.get_normalizer() {
            text.normalize(|part: &mut NormalizedString| NormalizerWrapper::normalize(normalizer, part))
                .map_err(fail)?;
        }
        if !self.normalized.is_empty() {
            text.split(|_, part| {
                let segments = self.normalized.split(part.get(), char::is_whitespace, |start, end| {
                    let original = part.slice(Range::Normalized(start..end)).map(|slice| slice.offsets_original());
                    original.is_some_and(|(start, end)| chunk.is_template(start, end))
                });
                Ok(cut(&part, &segments))
            })
            .map_err(fail)?;
        }
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            PreTokenizerWrapper::pre_tokenize(pre_tokenizer, &mut text).map_err(fail)?;
        }
        text.tokenize(|part| self.inner.get_model().tokenize(part.get())).map_err(fail)?;
        let splits = text.get_splits(OffsetReferential::Original, OffsetType::None);
        Ok(splits.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten().map(|token| token.id).collect())
    }
}

/// `whole` in pieces, with the tokens that are known already.
fn cut(whole: &NormalizedString, segments: &[Segment]) -> Vec<(NormalizedString, Option<Vec<Token>>)> {
    let slice = |range: &std::ops::Range<usize>| whole.slice(Range::Normalized(range.clone()));
    let pieces = segments.iter().filter_map(|segment| match segment {
        Segment::Text(range) => Some((slice(range)?, None)),
        Segment::Token(id, range) => {
            let piece = slice(range)?;
            let token = Token::new(*id, piece.get().to_owned(), (0, piece.get().len()));
            Some((piece, Some(vec![token])))
        }
    });
    pieces.collect()
}

/// Adds what tokenizer_config.json declares and tokenizer.json lacks, as the reference does on loading.
fn add_declared(file: &Path, inner: &mut tokenizers::Tokenizer, config: &TokenizerConfig) -> Result<()> {
    let refuse = |e: tokenizers::Error| {
        Refusal::new(file, format!("tokens cannot be added: {e}"))
            .help("take tokenizer.json and tokenizer_config.json from the same checkpoint")
    };
    let known = |inner: &tokenizers::Tokenizer, content: &str| {
        inner.get_added_tokens_decoder().values().any(|token| token.content == content)
    };
    for (&id, token) in &config.added {
        if known(inner, &token.content) {
            continue;
        }
        let added = tokenizers::AddedToken::from(token.content.as_str(), token.special)
            .lstrip(token.lstrip)
            .rstrip(token.rstrip)
            .normalized(token.normalized);
        inner.add_tokens([added]).map_err(refuse)?;
        let found = inner.token_to_id(&token.content);
        if found != Some(id) {
            return Err(Refusal::new(
                file,
                format!("does not agree with tokenizer_config.json about {:?}", token.content),
            )
            .key("added_tokens")
            .expected(format!("id {id}"))
            .found(found.map_or("none".to_owned(), |id| format!("id {id}")))
            .help("take tokenizer.json and tokenizer_config.json from the same checkpoint")
            .into());
        }
    }
    for content in config.special_tokens() {
        if !known(inner, content) {
            inner.add_special_tokens([tokenizers::AddedToken::from(content, true)]).map_err(refuse)?;
        }
    }
    Ok(())
}

/// Refuses a model that leaves out merges at random, as some do while they are trained: the ids of a text would be others
/// each time.
fn check_dropout(json: &JsonFile) -> Result<()> {
    const KEY: &str = "model.dropout";
    match json.f64(KEY)? {
        None | Some(0.0) => Ok(()),
        Some(_) => Err(json
            .refusal(KEY, "merges that are left out at random are not supported")
            .expected("null")
            .help("set the field to null, as the tokenizer is meant to be used after training")
            .into()),
    }
}

/// Refuses merges that no token could come of: longer than every token, or shorter than the prefix that is cut from their
/// second part. The crate copies them into a buffer as long as the longest token before it looks for them, and panics.
fn check_merges(json: &JsonFile) -> Result<()> {
    let Some(model) = json.get("model") else { return Ok(()) };
    let texts = |name: &str| model.get(name).and_then(Value::as_object);
    let longest = texts("vocab").into_iter().flatten().map(|(token, _)| token.len()).max().unwrap_or(0);
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or_default().len();
    for merge in model.get("merges").and_then(Value::as_array).into_iter().flatten() {
        let parts = match merge {
            Value::String(text) => text.split_once(' '),
            Value::Array(parts) => match parts.as_slice() {
                [first, second] => first.as_str().zip(second.as_str()),
                _ => None,
            },
            _ => None,
        };
        // What is no pair of texts the crate refuses itself.
        let Some((first, second)) = parts else { continue };
        if !second.is_char_boundary(prefix) || first.len() + second.len() - prefix > longest {
            return Err(json
                .refusal("model.merges", "this merge makes no token")
                .found(merge.to_string())
                .help("download tokenizer.json again")
                .into());
        }
    }
    Ok(())
}

/// Refuses templates around a single text that name a second text, or a special token that they do not explain. The
/// crate indexes with both, and panics.
fn check_templates(json: &JsonFile, inner: &tokenizers::Tokenizer) -> Result<()> {
    let refuse = |problem: String| json.refusal("post_processor", problem).help("download tokenizer.json again");
    // As the crate understood it, however it was written.
    let understood = serde_json::to_value(inner.get_post_processor()).map_err(|e| refuse(e.to_string()))?;
    let mut left = vec![&understood];
    while let Some(processor) = left.pop() {
        left.extend(processor.get("processors").and_then(Value::as_array).into_iter().flatten());
        for piece in processor.get("single").and_then(Value::as_array).into_iter().flatten() {
            let name = |kind: &str| piece.get(kind)?.get("id")?.as_str();
            if name("Sequence").is_some_and(|text| text != "A") {
                return Err(refuse("its template for one text names a second".to_owned()).into());
            }
            if let Some(token) = name("SpecialToken")
                && processor.get("special_tokens").and_then(|known| known.get(token)).is_none()
            {
                return Err(refuse("its template names a token that it does not explain".to_owned())
                    .expected(format!("{token:?} in `special_tokens`"))
                    .found("nothing")
                    .into());
            }
        }
    }
    Ok(())
}

/// Reads the `decoder` of the file.
fn joining(json: &JsonFile) -> Result<Joining> {
    let unsupported = || {
        json.refusal("decoder", "this kind of decoder is not supported")
            .expected("ByteLevel, or a Sequence of Replace (U+2581 by a space), ByteFallback, Fuse and Strip")
    };
    let decoder = json.get("decoder").ok_or_else(unsupported)?;
    let kind = |value: &Value| value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind(decoder) == "ByteLevel" {
        return Ok(Joining::ByteLevel);
    }
    let steps = decoder.get("decoders").and_then(Value::as_array).filter(|_| kind(decoder) == "Sequence");
    let steps = steps.ok_or_else(unsupported)?;
    if let [only] = steps.as_slice()
        && kind(only) == "ByteLevel"
    {
        return Ok(Joining::ByteLevel);
    }
    let (mut bytes, mut strip, mut stage) = (false, 0, 0);
    for step in steps {
        let rank = match kind(step).as_str() {
            "Replace" => {
                let pattern = step.pointer("/pattern/String").and_then(Value::as_str);
                let content = step.get("content").and_then(Value::as_str);
                if (pattern, content) != (Some("\u{2581}"), Some(" ")) {
                    return Err(unsupported().into());
                }
                1
            }
            "ByteFallback" => {
                bytes = true;
                2
            }
            "Fuse" => 3,
            "Strip" => {
                let count = |name| step.get(name).and_then(Value::as_u64).unwrap_or(0);
                if step.get("content").and_then(Value::as_str) != Some(" ") || count("stop") != 0 || stage != 3 {
                    return Err(unsupported().into());
                }
                strip = usize::try_from(count("start")).map_err(|_| unsupported())?;
                4
            }
            _ => return Err(unsupported().into()),
        };
        if rank <= stage {
            return Err(unsupported().into());
        }
        stage = rank;
    }
    Ok(Joining::Underlines { bytes, strip })
}
