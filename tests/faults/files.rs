//! Checkpoints that are whole, and the tools to break them in one place.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that is deleted when it is dropped.
pub struct Scratch(tempfile::TempDir);

pub fn scratch() -> Scratch {
    Scratch(tempfile::tempdir().unwrap())
}

impl Scratch {
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The golden data committed with the tests.
pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/goldens")
}

/// A picture among the golden data.
pub fn photo(name: &str) -> PathBuf {
    goldens().join("images").join(name)
}

/// A copy of the checkpoint of a golden variant, to be broken.
pub fn copy_of(variant: &str) -> Scratch {
    let copy = scratch();
    copy_directory(&goldens().join(variant).join("checkpoint"), copy.path());
    copy
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_directory(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// Changes the JSON file `path`.
pub fn edit_json(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Changes the header of the safetensors file `path`, and nothing after it.
pub fn edit_header(path: &Path, edit: impl FnOnce(&mut Value)) {
    let bytes = fs::read(path).unwrap();
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..end]).unwrap();
    edit(&mut header);
    let header = header.to_string();
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[end..]].concat()).unwrap();
}

/// A tensor in a safetensors file.
pub struct Stored {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Changes the tensors of the safetensors file `path`.
pub fn edit_tensors(path: &Path, edit: impl FnOnce(&mut BTreeMap<String, Stored>)) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &bytes[8 + length..];
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let metadata = header.get("__metadata__").cloned();
    let mut tensors: BTreeMap<String, Stored> = header
        .iter()
        .filter(|(key, _)| *key != "__metadata__")
        .map(|(key, about)| {
            let offsets = &about["data_offsets"];
            let stored = Stored {
                dtype: about["dtype"].as_str().unwrap().to_owned(),
                shape: about["shape"].as_array().unwrap().iter().map(number).collect(),
                bytes: data[number(&offsets[0])..number(&offsets[1])].to_vec(),
            };
            (key.clone(), stored)
        })
        .collect();
    edit(&mut tensors);
    fs::write(path, safetensors(metadata, &tensors)).unwrap();
}

fn safetensors(metadata: Option<Value>, tensors: &BTreeMap<String, Stored>) -> Vec<u8> {
    let mut header: Map<String, Value> = metadata.map(|value| ("__metadata__".into(), value)).into_iter().collect();
    let mut data = Vec::new();
    for (key, stored) in tensors {
        let end = data.len() + stored.bytes.len();
        let about = json!({"dtype": stored.dtype, "shape": stored.shape, "data_offsets": [data.len(), end]});
        header.insert(key.clone(), about);
        data.extend_from_slice(&stored.bytes);
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// Writes a safetensors file of `tensors` (key, shape) of zeros that takes no room on the disk, however large it is.
pub fn write_sparse(path: &Path, tensors: &[(String, Vec<usize>)]) -> u64 {
    let mut header = Map::new();
    let mut end = 0u64;
    for (key, shape) in tensors {
        let start = end;
        end += shape.iter().map(|&side| side as u64).product::<u64>() * 4;
        header.insert(key.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = Value::Object(header).to_string();
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()).unwrap();
    let length = 8 + header.len() as u64 + end;
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
    length
}

/// How an entry of a zip archive is written.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub name: &'a str,
    pub data: &'a [u8],
    /// 0 is stored, 8 is compressed.
    pub method: u16,
    /// The size it claims to unpack to.
    pub claimed: u32,
}

impl<'a> Entry<'a> {
    pub fn stored(name: &'a str, data: &'a [u8]) -> Self {
        Self { name, data, method: 0, claimed: data.len() as u32 }
    }
}

/// A zip archive of `entries`.
pub fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let mut common = Vec::new();
        common.extend([0, entry.method, 0, 0].map(u16::to_le_bytes).concat());
        common.extend([0, entry.data.len() as u32, entry.claimed].map(u32::to_le_bytes).concat());
        common.extend([entry.name.len() as u16, 0].map(u16::to_le_bytes).concat());
        directory.extend(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((file.len() as u32).to_le_bytes());
        directory.extend(entry.name.as_bytes());
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(common);
        file.extend(entry.name.as_bytes());
        file.extend(entry.data);
    }
    let (at, length, count) = (file.len() as u32, directory.len() as u32, entries.len() as u16);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].map(u16::to_le_bytes).concat());
    file.extend([length, at].map(u32::to_le_bytes).concat());
    file.extend([0, 0]);
    file
}

/// A pickle that runs `command` in a shell when it is opened by a reader that runs what it reads.
pub fn pickle_that_runs(command: &str) -> Vec<u8> {
    let length = (command.len() as u32).to_le_bytes();
    [&b"\x80\x02cposix\nsystem\n(X"[..], &length, command.as_bytes(), b"tR."].concat()
}

/// A PNG of `width` × `height` grey pixels: its header and, if `data`, rows of zeros.
pub fn png(width: u32, height: u32, data: bool) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let sum = [&kind[..], body].concat().iter().fold(!0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
        });
        [&(body.len() as u32).to_be_bytes()[..], kind, body, &(!sum).to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let rows = if data { (width as usize + 1) * height as usize } else { 0 };
    // zlib with stored blocks: nothing here compresses.
    let mut zlib = vec![0x78, 1];
    let zeros = vec![0; rows];
    let blocks: Vec<&[u8]> = zeros.chunks(0xffff).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(number + 1 == blocks.len()));
        zlib.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        zlib.extend(*block);
    }
    zlib.extend((((rows as u32 % 65521) << 16) | 1).to_be_bytes());
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &zlib), &chunk(b"IEND", &[])].concat()
}
