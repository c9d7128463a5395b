//! What is fuzzed: functions that take any bytes and must come back, with a result or an error, without a panic and
//! without more memory or time than the bytes warrant.
//!
//! `fuzz_targets/` wraps each for libFuzzer; `tests/fuzz.rs` replays `corpus/` through them in every run of the suite,
//! without libFuzzer. A new target is a function here, its line in [`TARGETS`], a wrapper, and a folder of seeds.

use opabinia::recipe::{FigureSettings, Recipe};
use opabinia::window::state::AppState;
use opabinia::window::store::Session;
use opabinia_engine::checkpoint::files::HF_STEMS;
use opabinia_engine::checkpoint::{CambrianConfig, WeightFiles};
use opabinia_engine::intervention::{Anatomy, Interventions};
use opabinia_engine::observe::SvaLayer;
use opabinia_engine::probe::{Trace, TraceEncoder, TraceLayer, trace_file};
use opabinia_engine::sva::{Frame, HEADS, PictureSize};
use opabinia_engine::text::{Special, Tokenizer};
use opabinia_engine::vision::{Exif, Picture, PixelHash};
use std::cell::RefCell;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Takes any bytes, and says whether they were what they are read as.
pub type Target = fn(&[u8]) -> bool;

/// Every target, by the name of its wrapper and of its corpus.
pub const TARGETS: [(&str, Target); 12] = [
    ("jpeg", jpeg),
    ("tiff", tiff),
    ("picture", picture),
    ("config", config),
    ("index", index),
    ("safetensors", safetensors),
    ("pickle", pickle),
    ("tokenizer", tokenizer),
    ("sentencepiece", sentencepiece),
    ("trace", trace),
    ("session", session),
    ("recipe", recipe),
];

/// Pictures have at most so many pixels: a few bytes may honestly be a hundred million of one colour, which is no
/// finding and takes seconds.
const MOST_PIXELS: u64 = 4096;

/// A picture file of any kind.
pub fn picture(bytes: &[u8]) -> bool {
    let Ok(picture) = Picture::from_bytes_within("fuzz", bytes, Exif::Honour, MOST_PIXELS) else { return false };
    assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
    true
}

/// A JPEG file: the input without its first marker.
pub fn jpeg(bytes: &[u8]) -> bool {
    picture(&[b"\xff\xd8\xff", bytes].concat())
}

/// A TIFF file: the first byte of the input chooses the header, the rest comes after it.
pub fn tiff(bytes: &[u8]) -> bool {
    const HEADERS: [&[u8]; 3] = [b"II*\0", b"MM\0*", b"II+\0"];
    let Some((&choice, rest)) = bytes.split_first() else { return false };
    picture(&[HEADERS[usize::from(choice) % HEADERS.len()], rest].concat())
}

/// A folder that a thread uses for all of its runs: making one takes longer than most of them.
struct Folder {
    place: TempDir,
    /// What the last run left there.
    files: Vec<String>,
}

thread_local! {
    static FOLDER: RefCell<Folder> = RefCell::new(Folder {
        place: tempfile::tempdir().expect("a folder for what is fuzzed"),
        files: Vec::new(),
    });
}

/// Reads from a folder that holds `files` and nothing else, for what is read from folders only.
fn in_folder<T>(files: &[(&str, &[u8])], read: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with_borrow_mut(|folder| {
        let place = folder.place.path();
        folder.files.retain(|old| {
            let is_wanted = files.iter().any(|(name, _)| name == old);
            if !is_wanted {
                std::fs::remove_file(place.join(old)).expect("the file of an earlier run");
            }
            is_wanted
        });
        for (name, content) in files {
            std::fs::write(place.join(name), content).expect("a file to be fuzzed");
            if !folder.files.iter().any(|old| old == name) {
                folder.files.push((*name).to_owned());
            }
        }
        read(place)
    })
}

/// The input as two files, cut at its first zero byte; without one there is no second file.
fn two_files(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(cut) => (&bytes[..cut], Some(&bytes[cut + 1..])),
        None => (bytes, None),
    }
}

/// config.json and, after a zero byte, generation_config.json.
pub fn config(bytes: &[u8]) -> bool {
    let (config, generation) = two_files(bytes);
    let mut files = vec![("config.json", config)];
    files.extend(generation.map(|generation| ("generation_config.json", generation)));
    in_folder(&files, |folder| CambrianConfig::read(folder).is_ok())
}

/// Opens the weights in a folder with `files`. What is found must be as long as it says.
fn weights(files: &[(&str, &[u8])]) -> bool {
    in_folder(files, |folder| {
        let Ok(weights) = WeightFiles::open(folder, HF_STEMS) else { return false };
        for key in weights.keys() {
            let view = weights.get(key).expect("a key that was listed");
            if let Some(size) = view.dtype.size() {
                assert_eq!(view.bytes.len(), view.shape.iter().product::<usize>() * size, "{key}");
            }
        }
        weights.elements_by_type();
        true
    })
}

/// The index of two safetensors shards or, where the first byte is odd, of two pickles. They hold the tensors `a` and
/// `b`.
pub fn index(bytes: &[u8]) -> bool {
    let Some((&choice, index)) = bytes.split_first() else { return false };
    let shard = |name: &str| {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()
    };
    if choice & 1 == 0 {
        weights(&[
            ("model.safetensors.index.json", index),
            ("1.safetensors", &shard("a")),
            ("2.safetensors", &shard("b")),
        ])
    } else {
        weights(&[
            ("pytorch_model.bin.index.json", index),
            ("1.bin", include_bytes!("../corpus/pickle/zip")),
            ("2.bin", include_bytes!("../corpus/pickle/older")),
        ])
    }
}

/// A safetensors file: the header of `bytes`, up to the first line feed, with its length before it and the rest behind.
/// Where there is no line feed, `bytes` are the whole file.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(header) => [&(header as u64).to_le_bytes()[..], &bytes[..header], &bytes[header + 1..]].concat(),
        None => bytes.to_vec(),
    }
}

/// A safetensors file, without the length of its header.
pub fn safetensors(bytes: &[u8]) -> bool {
    weights(&[("model.safetensors", &with_length(bytes))])
}

/// A file of `torch.save`, a zip archive or older.
pub fn pickle(bytes: &[u8]) -> bool {
    weights(&[("pytorch_model.bin", bytes)])
}

/// Opens the tokenizer in a folder with `files`, and sends a text through it and back.
fn tokenize(files: &[(&str, &[u8])]) -> bool {
    in_folder(files, |folder| {
        let Ok(tokenizer) = Tokenizer::open(folder) else { return false };
        for special in [Special::Literal, Special::Parse] {
            if let Ok(ids) = tokenizer.encode("What  is <s>this</s>? ab \u{e9}\u{1f990}\n", special) {
                tokenizer.decode(&ids, false);
                tokenizer.decode(&ids, true);
            }
        }
        for id in [0, 1, 2, 258, u32::MAX] {
            tokenizer.token_text(id);
            tokenizer.is_special(id);
            tokenizer.decode(&[id, id], true);
        }
        true
    })
}

/// tokenizer.json and, after a zero byte, tokenizer_config.json.
pub fn tokenizer(bytes: &[u8]) -> bool {
    let (json, config) = two_files(bytes);
    tokenize(&[("tokenizer.json", json), ("tokenizer_config.json", config.unwrap_or(b"{}"))])
}

/// tokenizer.model, with a usual tokenizer_config.json.
pub fn sentencepiece(bytes: &[u8]) -> bool {
    tokenize(&[("tokenizer.model", bytes), ("tokenizer_config.json", br#"{"bos_token": "<s>", "legacy": false}"#)])
}

/// A trace file, in the form of [`safetensors`].
pub fn trace(bytes: &[u8]) -> bool {
    in_folder(&[("t.safetensors", &with_length(bytes))], |folder| {
        let Ok(trace) = trace_file::read(&folder.join("t.safetensors")) else { return false };
        trace.interventions.to_spec(&trace.anatomy);
        for layer in &trace.layers {
            assert_eq!(layer.probs.len(), layer.mask.len() * HEADS, "{}", layer.name);
        }
        true
    })
}

/// What the window kept, read as far as it can be, shown, and kept again: nothing of it may be lost the second time.
pub fn session(bytes: &[u8]) -> bool {
    let Ok((session, lost)) = Session::parse(bytes) else { return false };
    let mut state = AppState::default();
    let window = session.window;
    session.restore(&mut state);
    let mut again = Session::of(&state, window);
    again.make_finite();
    let text = serde_json::to_vec(&again).expect("a session that can be written");
    let (_, lost_again) = Session::parse(&text).expect("a session that was just written");
    assert_eq!(lost_again, []);
    lost.is_empty()
}

/// What a recipe names, as the files that lie beside it: its trace and its picture.
fn ingredients() -> &'static [Vec<u8>; 2] {
    static INGREDIENTS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    INGREDIENTS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for a recipe");
        let path = folder.path().join("r.json");
        let (trace, picture) = drawn();
        Recipe::write(&path, &trace, &picture, "desk.jpg", &FigureSettings::of_all(&trace)).expect("a recipe");
        ["r.trace.safetensors", "r.picture.png"]
            .map(|name| std::fs::read(folder.path().join(name)).expect("what lies beside a recipe"))
    })
}

/// A small trace of two encoders, a connector layer and a sampler layer, and its picture.
pub fn drawn() -> (Trace, Picture) {
    let picture = Picture { width: 4, height: 2, rgb: (0..24).collect() };
    let size = PictureSize { width: picture.width, height: picture.height };
    let encoders = [("x", 2), ("y", 4)];
    let layers = [
        (SvaLayer::Connector { group: 0, layer: 0 }, "C1", Frame::padded(2)),
        (SvaLayer::Sampler { n: 0 }, "S0", Frame::new(2, size)),
    ];
    let keys = 1 + 4;
    let trace = Trace {
        model: "m".into(),
        question: "q".into(),
        interventions: Interventions::default(),
        picture: size,
        pixels: PixelHash::of(&picture.rgb),
        exif: Exif::Ignore,
        other: None,
        anatomy: Anatomy::from_parts(
            encoders.map(|(name, _)| name.to_owned()).to_vec(),
            layers.each_ref().map(|(layer, label, _)| (*layer, (*label).to_owned())).to_vec(),
            2,
        ),
        encoders: encoders.map(|(name, side)| TraceEncoder { name: name.into(), side }).to_vec(),
        layers: layers
            .map(|(layer, label, frame)| {
                let cells = frame.rows.len() * frame.columns.len();
                TraceLayer {
                    name: layer.to_string(),
                    label: label.into(),
                    frame,
                    keys,
                    probs: vec![1.0 / keys as f32; cells * HEADS * keys],
                    mask: vec![1; cells * keys],
                }
            })
            .to_vec(),
    };
    (trace, picture)
}

/// A recipe, beside the trace `r.trace.safetensors` and the picture `r.picture.png`; and the figure it describes, as far
/// as that can be known without drawing it.
pub fn recipe(bytes: &[u8]) -> bool {
    let [trace, picture] = ingredients();
    let files = [("r.json", bytes), ("r.trace.safetensors", trace), ("r.picture.png", picture)];
    in_folder(&files, |folder| {
        let Ok(read) = Recipe::read(&folder.join("r.json")) else { return false };
        read.settings.figure(&read.trace, &read.picture, &read.picture_name).is_ok()
    })
}
