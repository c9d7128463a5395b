//! Pickled weights: what they hold is found, what else they want is refused.

use super::super::WeightFiles;
use super::weights::open;
use super::{dir, refusal};
use std::fs;
use tempfile::TempDir;

/// A zip archive of stored entries. `method` and `claimed` lie about the last one.
fn zip(entries: &[(&str, &[u8])], method: u16, claimed: Option<u32>) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, data)) in entries.iter().enumerate() {
        let last = number + 1 == entries.len();
        let (method, size) = if last { (method, claimed.unwrap_or(data.len() as u32)) } else { (0, data.len() as u32) };
        let offset = file.len() as u32;
        let mut common = Vec::new();
        for field in [0, method, 0, 0] {
            common.extend(u16::to_le_bytes(field));
        }
        for field in [0, data.len() as u32, size] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, at, size) = ((entries.len() as u16).to_le_bytes(), file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// `name`: a 2×2 tensor with these strides, from number `offset` of storage `0`, which claims `count` numbers.
pub(in crate::checkpoint) fn tensor(name: &str, offset: u8, strides: [u8; 2], count: u8) -> Vec<u8> {
    let mut p = text(name);
    p.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    p.extend(text("storage"));
    p.extend(b"ctorch\nFloatStorage\n");
    p.extend([text("0"), text("cpu")].concat());
    p.extend([b'K', count, b't', b'Q', b'K', offset, b'K', 2, b'K', 2, 0x86, b'K', strides[0], b'K', strides[1], 0x86]);
    p.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    p
}

pub(in crate::checkpoint) fn dict(items: &[Vec<u8>]) -> Vec<u8> {
    [&b"}("[..], &items.concat(), b"u"].concat()
}

fn pickle(top: &[u8]) -> Vec<u8> {
    [&b"\x80\x02"[..], top, b"."].concat()
}

fn floats(count: u8) -> Vec<u8> {
    (0..count).flat_map(|value| f32::from(value).to_le_bytes()).collect()
}

pub(super) fn with_bin(bytes: &[u8]) -> (TempDir, crate::Result<WeightFiles>) {
    let dir = dir();
    fs::write(dir.path().join("pytorch_model.bin"), bytes).unwrap();
    let files = open(dir.path());
    (dir, files)
}

pub(in crate::checkpoint) fn archive(top: &[u8]) -> Vec<u8> {
    zip(&[("x/data.pkl", &pickle(top)), ("x/data/0", &floats(8))], 0, None)
}

#[test]
fn pickled_tensors_are_found() {
    // A view with an offset, tied with another; then the same below `state_dict`.
    let items = dict(&[tensor("a", 4, [2, 1], 8), tensor("b", 0, [2, 1], 8), [text("epoch"), vec![b'K', 3]].concat()]);
    let nested = dict(&[[text("state_dict"), items.clone()].concat()]);
    for top in [items, nested] {
        let (_dir, files) = with_bin(&archive(&top));
        let files = files.unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(files.get("a").unwrap().bytes, &floats(8)[16..]);
        assert_eq!(files.get("b").unwrap().bytes, &floats(8)[..16]);
        assert_eq!(files.get("a").unwrap().shape, [2, 2]);
    }
}

/// What `torch.save` wrote before it wrote archives: one tensor.
pub(in crate::checkpoint) fn older_format() -> Vec<u8> {
    let mut file = pickle(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
    file.extend(pickle(b"M\xe9\x03"));
    file.extend(pickle(b"}"));
    let mut item = tensor("a", 4, [2, 1], 8);
    // Its storage references have one more item.
    let at = item.windows(2).position(|pair| pair == b"tQ").unwrap();
    item.insert(at, b'N');
    file.extend(pickle(&dict(&[item])));
    file.extend(pickle(&[&b"]"[..], &text("0"), b"a"].concat()));
    file.extend(8u64.to_le_bytes());
    file.extend(floats(8));
    file
}

#[test]
fn the_older_format_is_read() {
    let file = older_format();
    let (_dir, files) = with_bin(&file);
    assert_eq!(files.unwrap().get("a").unwrap().bytes, &floats(8)[16..]);
    for cut in 0..file.len() {
        refusal(with_bin(&file[..cut]).1);
    }
}

#[test]
fn pickles_that_want_more_are_refused_and_not_run() {
    let system = [&b"cposix\nsystem\n("[..], &text("true"), b"tR"].concat();
    for (top, named) in [
        (system, "posix.system"),
        (b"c__builtin__\neval\n".to_vec(), "__builtin__.eval"),
        (b"ctorch._utils\n_rebuild_tensor\n".to_vec(), "torch._utils._rebuild_tensor"),
        (b"(i__main__\nX\n".to_vec(), "0x69"),
        (b"\x82\x01".to_vec(), "0x82"),
        (b")\x81".to_vec(), "0x81"),
        (b"K\x01}b".to_vec(), "state"),
    ] {
        let refusal = refusal(with_bin(&archive(&top)).1);
        assert!(refusal.problem.contains(named) && refusal.problem.contains("nothing in it was run"), "{refusal}");
        assert!(refusal.file.ends_with("pytorch_model.bin"));
    }
}

#[test]
fn damaged_pickles_are_refused() {
    let good = archive(&dict(&[tensor("a", 0, [2, 1], 8)]));
    for cut in 0..good.len() {
        refusal(with_bin(&good[..cut]).1);
    }
    // Every single byte changed: anything but a panic.
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let _ = with_bin(&bytes);
    }
    for top in [&b"t"[..], b"u", b"h\x05", b"X\xff\xff\xff\xff", b"(((((", b"\x8a\xff", b"}(K\x01u", b"\x85", b"K\x01a"]
    {
        refusal(with_bin(&archive(top)).1);
    }
    // Nesting that would exhaust the stack of a recursive reader.
    let deep: Vec<u8> = std::iter::once(b')').chain(std::iter::repeat_n(0x85, 1 << 20)).collect();
    refusal(with_bin(&archive(&deep)).1);
}

#[test]
fn pickled_tensors_are_compared_with_their_storage() {
    for (item, word) in [
        (tensor("a", 5, [2, 1], 8), "fit"),
        (tensor("a", 0, [2, 1], 9), "fit"),
        (tensor("a", 0, [1, 2], 8), "contiguous"),
    ] {
        let refusal = refusal(with_bin(&archive(&dict(&[item]))).1);
        assert!(refusal.problem.contains(word) && refusal.key.as_deref() == Some("a"), "{refusal}");
    }
    let absent = zip(&[("x/data.pkl", &pickle(&dict(&[tensor("a", 0, [2, 1], 8)])))], 0, None);
    assert!(refusal(with_bin(&absent).1).problem.contains("missing"));
}

#[test]
fn archives_that_would_grow_are_refused() {
    let top = pickle(&dict(&[tensor("a", 0, [2, 1], 8)]));
    let data = floats(8);
    let entries: &[(&str, &[u8])] = &[("x/data.pkl", &top), ("x/data/0", &data)];
    for bytes in [zip(entries, 8, None), zip(entries, 8, Some(u32::MAX - 1)), zip(entries, 0, Some(1 << 30))] {
        assert!(refusal(with_bin(&bytes).1).problem.contains("compressed"));
    }
    refusal(with_bin(&zip(&[("x/other", &top)], 0, None)).1);
    refusal(with_bin(&zip(&[entries[0], entries[0]], 0, None)).1);
    refusal(with_bin(b"not a model").1);
}
