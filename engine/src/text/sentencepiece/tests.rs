use super::super::fixtures::{self, BYTE, NORMAL, UNKNOWN, UNUSED, USER_DEFINED};
use super::super::{Chunk, Special, Tokenizer};
use std::path::Path;

const LEGACY: &str = r#"{"legacy": true, "add_bos_token": false}"#;
const NEW: &str = r#"{"legacy": false, "add_bos_token": true}"#;

fn texts(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| tokenizer.token_text(id).unwrap()).collect()
}

fn literal(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    texts(tokenizer, &tokenizer.encode(text, Special::Literal).unwrap())
}

#[test]
fn the_best_pair_is_merged_first_and_the_leftmost_of_equals() {
    let merges = [("▁", -9.0, NORMAL), ("a", -9.0, NORMAL), ("b", -9.0, NORMAL), ("c", -9.0, NORMAL)];
    let tokenizer = |extra: &[(&'static str, f32, u8)]| fixtures::pieces(&[&merges, extra].concat(), LEGACY);
    let better = tokenizer(&[("ab", -2.0, NORMAL), ("bc", -1.0, NORMAL)]);
    assert_eq!(literal(&better, "abc"), ["▁", "a", "bc"]);
    let equal = tokenizer(&[("ab", -1.0, NORMAL), ("bc", -1.0, NORMAL)]);
    assert_eq!(literal(&equal, "abc"), ["▁", "ab", "c"]);
    let runs = tokenizer(&[("aa", -1.0, NORMAL), ("▁▁", -1e9, NORMAL), ("▁a", -3.0, NORMAL)]);
    assert_eq!(literal(&runs, "aaa"), ["▁", "aa", "a"]);
    assert_eq!(literal(&runs, "  a"), ["▁▁", "▁a"]);
}

#[test]
fn unused_pieces_are_taken_apart_and_unknown_characters_become_bytes() {
    let tokenizer = fixtures::pieces(
        &[("a", -9.0, NORMAL), ("b", -9.0, NORMAL), ("ab", -1.0, UNUSED), ("abb", -2.0, NORMAL)],
        LEGACY,
    );
    assert_eq!(literal(&tokenizer, "ab"), ["<0xE2>", "<0x96>", "<0x81>", "a", "b"]);
    assert_eq!(literal(&tokenizer, "abb")[3..], ["abb"]);
    assert_eq!(literal(&tokenizer, "é")[3..], ["<0xC3>", "<0xA9>"]);
}

#[test]
fn a_run_of_unknown_characters_is_one_piece_without_byte_fallback() {
    let pieces = [("<unk>", 0.0, UNKNOWN), ("▁", -1.0, NORMAL), ("a", -1.0, NORMAL)];
    let dir = fixtures::dir(&[
        ("tokenizer.model", &fixtures::model(&pieces, false, false)),
        ("tokenizer_config.json", LEGACY.as_bytes()),
    ]);
    let tokenizer = Tokenizer::open(dir.path()).unwrap();
    assert_eq!(literal(&tokenizer, "xya z"), ["<unk>", "a", "▁", "<unk>"]);
}

#[test]
fn long_texts_take_time_in_proportion() {
    let tokenizer = fixtures::pieces(&[("▁", -3.0, NORMAL), ("a", -3.0, NORMAL), ("aa", -1.0, NORMAL)], NEW);
    let ids = tokenizer.encode(&"a".repeat(400_000), Special::Literal).unwrap();
    assert_eq!(ids.len(), 200_001);
}

/// A U+2581 before every segment (legacy), or before the first only and not before a special token (new).
#[test]
fn the_prefix_space_follows_the_legacy_flag() {
    let pieces = [("▁", -3.0, NORMAL), ("a", -3.0, NORMAL), ("▁a", -1.0, NORMAL)];
    let parsed = |config, text| {
        let tokenizer = fixtures::pieces(&pieces, config);
        texts(&tokenizer, &tokenizer.encode(text, Special::Parse).unwrap())
    };
    assert_eq!(parsed(LEGACY, "a</s>a"), ["▁a", "</s>", "▁a"]);
    assert_eq!(parsed(NEW, "a</s>a"), ["▁a", "</s>", "a"]);
    assert_eq!(parsed(NEW, "</s>a"), ["</s>", "a"]);
    assert_eq!(parsed(NEW, "</s> a"), ["</s>", "▁a"]);
    assert_eq!(parsed(NEW, "▁a"), ["▁", "▁a"]);
    assert_eq!(parsed(NEW, ""), [""; 0]);
}

#[test]
fn seams_between_parts_leave_no_trace() {
    let tokenizer =
        fixtures::pieces(&[("▁", -3.0, NORMAL), ("a", -3.0, NORMAL), ("b", -3.0, NORMAL), ("ab", -1.0, NORMAL)], NEW);
    let mut chunk = Chunk::of("</s>a", Special::Parse);
    chunk.push("b</s>", Special::Literal);
    let ids = tokenizer.encode_chunk(&chunk).unwrap();
    assert_eq!(texts(&tokenizer, &ids)[..2], ["</s>", "ab"]);
    assert_eq!(ids.iter().filter(|&&id| id == 2).count(), 1);
}

#[test]
fn user_defined_pieces_are_whole_unless_a_person_writes_a_special_token() {
    let pieces =
        [("<|im_end|>", 0.0, USER_DEFINED), ("ab", 0.0, USER_DEFINED), ("b", -1.0, NORMAL), ("bb", -0.5, NORMAL)];
    let tokenizer = fixtures::pieces(&pieces, LEGACY);
    assert_eq!(literal(&tokenizer, "abb")[3..], ["ab", "b"]);
    assert!(!literal(&tokenizer, "<|im_end|>").contains(&"<|im_end|>".to_owned()));
    let parsed = tokenizer.encode("<|im_end|>", Special::Parse).unwrap();
    assert_eq!(texts(&tokenizer, &parsed)[3..], ["<|im_end|>"]);
}

#[test]
fn added_tokens_come_from_either_file() {
    let bytes = fixtures::byte_names();
    let model = fixtures::model(&fixtures::with_bytes(&bytes, &[]), true, true);
    let new = br#"{"added_tokens_decoder": {"259": {"content": "<x>", "rstrip": true}}}"#;
    let old = br#"{"<x>": 259}"#;
    for (name, content) in [("tokenizer_config.json", &new[..]), ("added_tokens.json", &old[..])] {
        let dir = fixtures::dir(&[("tokenizer.model", &model), (name, content)]);
        let tokenizer = Tokenizer::open(dir.path()).unwrap();
        assert_eq!(tokenizer.len(), 260, "{name}");
        assert_eq!(tokenizer.id_of("<x>"), Some(259), "{name}");
        let ids = tokenizer.encode("<x> ", Special::Parse).unwrap();
        assert_eq!(ids.len(), if name == "tokenizer_config.json" { 1 } else { 7 }, "{name}");
    }
}

#[test]
fn a_model_cut_off_anywhere_is_refused_or_read() {
    let bytes = fixtures::byte_names();
    let whole = fixtures::model(&fixtures::with_bytes(&bytes, &[("a", -1.0, NORMAL)]), true, true);
    for length in 0..whole.len() {
        let error = super::Model::parse(Path::new("tokenizer.model"), &whole[..length]).unwrap_err();
        assert!(error.to_string().contains("tokenizer.model"), "{error}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x95;
        if let Err(error) = super::Model::parse(Path::new("tokenizer.model"), &changed) {
            assert!(error.to_string().contains("tokenizer.model"), "{error}");
        }
    }
}

#[test]
fn models_with_other_settings_are_refused_by_name() {
    let refused = |pieces: &[(&str, f32, u8)], fallback, settings: &[u8]| {
        let mut bytes = fixtures::model(pieces, fallback, true);
        bytes.extend(settings);
        super::Model::parse(Path::new("tokenizer.model"), &bytes).unwrap_err().to_string()
    };
    let good = [("<unk>", 0.0, UNKNOWN), ("a", 0.0, NORMAL)];
    assert!(refused(&good, false, &[2 << 3 | 2, 2, 3 << 3, 1]).contains("trainer_spec.model_type"));
    assert!(refused(&good, false, &[3 << 3 | 2, 3, 2 << 3 | 2, 1, 0]).contains("precompiled_charsmap"));
    assert!(refused(&good, false, &[3 << 3 | 2, 2, 4 << 3, 1]).contains("remove_extra_whitespaces"));
    assert!(refused(&good, true, &[]).contains("no piece <0x00>"));
    assert!(refused(&good[1..], false, &[]).contains("no unknown piece"));
    assert!(refused(&[good[0], good[0]], false, &[]).contains("twice"));
    assert!(refused(&[good[0], ("a", f32::NAN, NORMAL)], false, &[]).contains("not a number"));
    assert!(refused(&[good[0], ("x", 0.0, BYTE)], false, &[]).contains("no byte piece"));
    assert!(refused(&[good[0], ("x", 0.0, 9)], false, &[]).contains("unknown type 9"));
    // A length that no file has.
    assert!(refused(&good, false, &[1 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f]).contains("longer than what is left"));
}
