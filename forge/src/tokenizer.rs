//! A byte-level BPE tokenizer of any size, with the special tokens of a prompt template.
//!
//! Any UTF-8 text can be encoded: all 256 bytes are tokens. Words of the prompt templates are tokens of their own, so
//! that prompts are about as long as in the released models; pseudo-words fill the rest, so that what a random model
//! generates can be read aloud. There are no merges: a word is either in the vocabulary (`ignore_merges`) or spelled
//! in bytes.

use crate::spec::{ForgeSpec, Template};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Words that begin a text or follow a special token.
const FIRST_WORDS: &str = "You A As system user assistant the What Where How Is Describe";

/// Pieces of the Llama-3 system prompt that are tokens there too: ` \n` and `-ended`.
const PIECES: [&str; 2] = ["ĠĊ", "-ended"];

/// Words that follow a space.
const WORDS: &str = "You are Cambrian a highly intelligent multimodal AI trained by NYU Vision X As you have the \
    ability to process and analyze images Whenever an image is present in conversation very carefully examine it \
    consider its content when formulating your response should give concise responses simple questions but provide \
    thorough more complex open ended chat between curious user artificial intelligence assistant The gives helpful \
    detailed polite answers USER ASSISTANT this that of what where how many there Describe detail left right above \
    below color red green blue yellow black white yes no on with at from two three four picture photo person cat dog";

/// The pre-tokenizer of Llama-3: contractions, words with the sign before them, up to three digits, signs, spaces.
const SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Ids that config.json repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpecialIds {
    /// Beginning of a text.
    pub(crate) bos: usize,
    /// End of a text.
    pub(crate) eos: usize,
    /// End of an answer.
    pub(crate) end_of_turn: usize,
    /// Where `<image>` stands in the template with its own system prompt.
    pub(crate) image_position: usize,
}

/// A tokenizer's files and the ids the configuration needs.
pub(crate) struct Tokenizer {
    /// `tokenizer.json`.
    pub(crate) tokenizer: Value,
    /// `tokenizer_config.json`.
    pub(crate) config: Value,
    /// `special_tokens_map.json`.
    pub(crate) special_tokens_map: Value,
    /// Ids for config.json.
    pub(crate) ids: SpecialIds,
}

/// What a template asks of a tokenizer.
struct Specials {
    /// Special tokens with the lowest ids.
    first: Vec<String>,
    /// Special tokens with the highest ids.
    last: Vec<String>,
    bos: &'static str,
    eos: &'static str,
    end_of_turn: &'static str,
    pad: &'static str,
    /// Whether every encoded text begins with `bos` by itself.
    adds_bos: bool,
    /// Whether special tokens swallow the white space behind them.
    rstrip: bool,
    image_position: usize,
}

impl Specials {
    /// The special tokens of `template`, of which there are 256 in a Llama-3 vocabulary of at least 2048, else 11.
    fn of(template: Template, vocab: usize) -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        match template {
            Template::Llama3 => {
                let mut last = owned(&["<|begin_of_text|>", "<|end_of_text|>"]);
                last.extend((0..4).map(|n| format!("<|reserved_special_token_{n}|>")));
                last.extend(owned(&[
                    "<|start_header_id|>",
                    "<|end_header_id|>",
                    "<|reserved_special_token_4|>",
                    "<|eot_id|>",
                ]));
                let count = if vocab >= 2048 { 256 } else { 11 };
                last.extend((5..).map(|n| format!("<|reserved_special_token_{n}|>")).take(count - last.len()));
                Self {
                    first: Vec::new(),
                    last,
                    bos: "<|begin_of_text|>",
                    eos: "<|end_of_text|>",
                    end_of_turn: "<|eot_id|>",
                    pad: "<|reserved_special_token_0|>",
                    adds_bos: false,
                    rstrip: false,
                    image_position: 91,
                }
            }
            Template::Phi3 => Self {
                first: owned(&["<unk>", "<s>", "</s>"]),
                last: owned(&[
                    "<|endoftext|>",
                    "<|assistant|>",
                    "<|placeholder1|>",
                    "<|placeholder2|>",
                    "<|placeholder3|>",
                    "<|placeholder4|>",
                    "<|system|>",
                    "<|end|>",
                    "<|placeholder5|>",
                    "<|placeholder6|>",
                    "<|user|>",
                ]),
                bos: "<s>",
                eos: "<|endoftext|>",
                end_of_turn: "<|end|>",
                pad: "<unk>",
                adds_bos: true,
                rstrip: true,
                image_position: 11,
            },
            Template::Vicuna => Self {
                first: owned(&["<unk>", "<s>", "</s>"]),
                last: Vec::new(),
                bos: "<s>",
                eos: "</s>",
                end_of_turn: "</s>",
                pad: "<unk>",
                adds_bos: true,
                rstrip: false,
                image_position: 33,
            },
            Template::ChatMl => Self {
                first: owned(&[
                    "<unk>",
                    "<|startoftext|>",
                    "<|endoftext|>",
                    "<|reserved3|>",
                    "<|reserved4|>",
                    "<|reserved5|>",
                    "<|im_start|>",
                    "<|im_end|>",
                ]),
                last: Vec::new(),
                bos: "<|startoftext|>",
                eos: "<|im_end|>",
                end_of_turn: "<|im_end|>",
                pad: "<unk>",
                adds_bos: false,
                rstrip: false,
                image_position: 81,
            },
        }
    }
}

/// The smallest vocabulary a tokenizer for `template` can have.
pub(crate) fn least_vocab(template: Template) -> usize {
    let specials = Specials::of(template, 0);
    specials.first.len() + specials.last.len() + bytes_and_words().len()
}

/// Builds the tokenizer of `spec`. The vocabulary must be large enough ([`ForgeSpec::validate`] checks it).
pub(crate) fn build(spec: &ForgeSpec) -> Tokenizer {
    let size = spec.decoder.vocab.saturating_sub(spec.vocab_padding);
    let specials = Specials::of(spec.template, size);
    let in_model = size.saturating_sub(specials.last.len());

    let mut tokens = specials.first.clone();
    tokens.extend(bytes_and_words());
    let known: HashSet<String> = tokens.iter().cloned().collect();
    let missing = in_model.saturating_sub(tokens.len());
    tokens.extend((0..).map(pseudo_word).filter(|word| !known.contains(word)).take(missing));
    let vocab: Map<String, Value> = tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();

    let named: Vec<(usize, &String)> = specials
        .first
        .iter()
        .enumerate()
        .chain(specials.last.iter().enumerate().map(|(n, t)| (in_model + n, t)))
        .collect();
    let id_of = |name: &str| named.iter().find(|(_, token)| *token == name).map_or(0, |(id, _)| *id);
    let flags = |token: &str| {
        let rstrip = specials.rstrip && token.starts_with("<|") && token != specials.eos;
        json!({
            "content": token, "single_word": false, "lstrip": false, "rstrip": rstrip, "normalized": false, "special": true
        })
    };
    let added: Vec<Value> = named
        .iter()
        .map(|(id, token)| {
            let mut entry = flags(token);
            entry["id"] = (*id).into();
            entry
        })
        .collect();
    let decoder: Map<String, Value> = named.iter().map(|(id, token)| (id.to_string(), flags(token))).collect();

    Tokenizer {
        tokenizer: json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    { "type": "Split", "pattern": { "Regex": SPLIT }, "behavior": "Isolated", "invert": false },
                    { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false }
                ]
            },
            "post_processor": post_processor(&specials, id_of(specials.bos)),
            "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": true,
                "vocab": vocab,
                "merges": []
            }
        }),
        config: json!({
            "added_tokens_decoder": decoder,
            "bos_token": specials.bos,
            "eos_token": specials.eos,
            "pad_token": specials.pad,
            "clean_up_tokenization_spaces": false,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": 2048,
            "padding_side": "right",
            "tokenizer_class": "PreTrainedTokenizerFast"
        }),
        special_tokens_map: json!({
            "bos_token": specials.bos,
            "eos_token": specials.eos,
            "pad_token": specials.pad
        }),
        ids: SpecialIds {
            bos: id_of(specials.bos),
            eos: id_of(specials.eos),
            end_of_turn: id_of(specials.end_of_turn),
            image_position: specials.image_position,
        },
    }
}

/// Adds `bos` to every text if the template's tokenizer does.
fn post_processor(specials: &Specials, bos: usize) -> Value {
    if !specials.adds_bos {
        return json!({ "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true });
    }
    let special = json!({ "SpecialToken": { "id": specials.bos, "type_id": 0 } });
    let (first, second) =
        (json!({ "Sequence": { "id": "A", "type_id": 0 } }), json!({ "Sequence": { "id": "B", "type_id": 1 } }));
    let mut special_tokens = Map::new();
    special_tokens.insert(specials.bos.into(), json!({ "id": specials.bos, "ids": [bos], "tokens": [specials.bos] }));
    json!({
        "type": "TemplateProcessing",
        "single": [special, first],
        "pair": [special, first, second],
        "special_tokens": special_tokens
    })
}

/// The 256 bytes in GPT-2's alphabet, then the words, each once.
fn bytes_and_words() -> Vec<String> {
    let alphabet = byte_alphabet();
    let mut tokens: Vec<String> = alphabet.iter().map(ToString::to_string).collect();
    let words = FIRST_WORDS.split_whitespace().chain(PIECES).map(String::from);
    let words = words.chain(WORDS.split_whitespace().map(|word| format!("Ġ{word}")));
    let mut seen: HashSet<String> = tokens.iter().cloned().collect();
    tokens.extend(words.filter(|word| seen.insert(word.clone())));
    tokens
}

/// GPT-2's printable character for each byte, in the order of GPT-2's ids: printable bytes stand for themselves, the
/// others for the characters from U+0100 on.
fn byte_alphabet() -> Vec<char> {
    let printable = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let themselves = (0..=255u8).filter(printable).map(char::from);
    let others = (0..=255u8).filter(|byte| !printable(byte)).count() as u32;
    themselves.chain((256..256 + others).filter_map(char::from_u32)).collect()
}

/// The `n`-th pseudo-word: a space and two or more syllables, different for every `n`.
fn pseudo_word(n: usize) -> String {
    const CONSONANTS: [char; 20] =
        ['b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z'];
    const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
    let syllables = CONSONANTS.len() * VOWELS.len();
    let mut word = String::from("Ġ");
    let (mut rest, mut length) = (n, 0);
    while rest > 0 || length < 2 {
        let syllable = rest % syllables;
        word.push(CONSONANTS[syllable / VOWELS.len()]);
        word.push(VOWELS[syllable % VOWELS.len()]);
        rest /= syllables;
        length += 1;
    }
    word
}
