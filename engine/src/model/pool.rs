//! Encoders in memory, shared by all models that look through the same ones.
//!
//! The released checkpoints have the same four encoders, most of their weights' memory and most of the time of a
//! picture. So an encoder is held once for each set of files, each way it is read from them and each precision; the
//! models hold it together, and the last of them takes it along.

use crate::checkpoint::cache::KeptFeatures;
use crate::checkpoint::hub::encoder_config_file;
use crate::checkpoint::{EncoderFamily, EncoderFiles, EncoderSpec, MappedWeights};
use crate::error::Result;
use crate::job::Job;
use crate::nn::instruction_sets;
use crate::precision::Precision;
use crate::vision::Encoder;
use candle_core::DeviceLocation;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

/// Bytes that are compared at once.
const CHUNK: usize = 1 << 20;

/// Names an encoder in memory; never given twice by one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncoderId(u64);

/// What decides the features an encoder makes of a picture: the content of its files, how they are read, and in which
/// numbers it computes.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderKey {
    files: FilesId,
    /// Other files that the weights go toward, and how far: the bits of an f64.
    toward: Option<(FilesId, u64)>,
    family: EncoderFamily,
    tokens: usize,
    res: Option<usize>,
    multi_stage: bool,
    select_layer: i64,
    precision: Precision,
    device: DeviceLocation,
}

impl EncoderKey {
    /// Whether its weights lie between two sets of files of other content.
    pub fn is_between(&self) -> bool {
        self.toward.is_some()
    }

    /// How its files are read and in what is computed, as text that is the same whenever the program runs on this processor.
    pub(crate) fn how(&self) -> String {
        let Self { files: _, toward: _, family, tokens, res, multi_stage, select_layer, precision, device } = self;
        let Precision { weights, compute, products } = precision;
        let numbers = (compute.as_str(), products.name(), instruction_sets());
        format!("{family:?} {tokens} {res:?} {multi_stage} {select_layer} {weights} {numbers:?} {device:?}")
    }
}

/// An encoder that a model asks for.
#[derive(Debug, Clone, Copy)]
pub struct AskedEncoder<'a> {
    /// What config.json says of it.
    pub spec: &'a EncoderSpec,
    /// `mm_vision_select_layer`.
    pub select_layer: i64,
    /// Its files.
    pub files: &'a EncoderFiles,
    /// Files that its weights go toward, and how far.
    pub toward: Option<(&'a EncoderFiles, f64)>,
}

/// An encoder that several models may hold.
#[derive(Debug)]
pub struct PooledEncoder {
    id: EncoderId,
    key: EncoderKey,
    /// Bytes of its weights.
    bytes: u64,
    encoder: Encoder,
    /// Its weights that lie in files, where they leave memory when it has looked at a picture.
    leave: Option<MappedWeights>,
    /// What is kept on disk of the pictures it was shown.
    kept: Option<KeptFeatures>,
}

/// An encoder that was just read.
pub(crate) struct ReadEncoder {
    pub(crate) encoder: Encoder,
    /// Bytes of its weights.
    pub(crate) bytes: u64,
    /// Those that lie in files, where they leave memory when it has looked at a picture.
    pub(crate) leave: Option<MappedWeights>,
    /// What is kept on disk of the pictures it was shown.
    pub(crate) kept: Option<KeptFeatures>,
}

impl PooledEncoder {
    /// Its name in the pool.
    pub fn id(&self) -> EncoderId {
        self.id
    }

    /// Bytes its weights take in memory between pictures.
    pub fn bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.leave.as_ref().map_or(0, MappedWeights::bytes))
    }

    /// Whether its weights leave memory when it has looked at a picture.
    pub(crate) fn leaves(&self) -> bool {
        self.leave.is_some()
    }

    /// It has looked at a picture: where there is no room for all encoders at once, its weights give way.
    pub(crate) fn has_looked(&self) {
        if let Some(weights) = &self.leave {
            weights.release();
        }
    }

    /// What is kept on disk of the pictures it was shown; `None` where nothing may be.
    pub(crate) fn kept(&self) -> Option<&KeptFeatures> {
        self.kept.as_ref()
    }
}

impl Deref for PooledEncoder {
    type Target = Encoder;

    fn deref(&self) -> &Encoder {
        &self.encoder
    }
}

/// Names a set of files by their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FilesId(u64);

/// One file as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    /// Its name where it was found: links may lead to files of other names.
    name: OsString,
    /// Where it really lies.
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        Ok(Self {
            name: path.file_name().unwrap_or_default().to_owned(),
            path: path.canonicalize()?,
            bytes: about.len(),
            modified: about.modified().ok(),
        })
    }

    /// Whether the file is still what it was.
    fn holds(&self) -> bool {
        Self::of(&self.path).is_ok_and(|now| (now.bytes, now.modified) == (self.bytes, self.modified))
    }
}

/// The files that say how the weights of an encoder are used, where they are there.
pub(crate) fn descriptions(encoder: &EncoderFiles, family: EncoderFamily) -> [PathBuf; 2] {
    [encoder_config_file(family), "preprocessor_config.json"].map(|name| encoder.dir.join(name))
}

/// Every file that decides what an encoder is, sorted by name.
fn stamps(encoder: &EncoderFiles, family: EncoderFamily) -> io::Result<Vec<Stamp>> {
    let described = descriptions(encoder, family);
    let described = described.iter().map(PathBuf::as_path).filter(|path| path.exists());
    let mut stamps = encoder.weights.paths().chain(described).map(Stamp::of).collect::<io::Result<Vec<_>>>()?;
    stamps.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(stamps)
}

/// Sets of files with one content: where it was found first, and copies of it.
#[derive(Debug)]
struct KnownFiles {
    id: FilesId,
    places: Vec<Vec<Stamp>>,
}

/// All encoders in memory.
#[derive(Debug, Default)]
pub struct EncoderPool {
    files: Vec<KnownFiles>,
    encoders: Vec<Weak<PooledEncoder>>,
    next: u64,
}

impl EncoderPool {
    /// Forgets what no model holds any more, and files that were only looked at.
    pub fn tidy(&mut self) {
        self.encoders.retain(|known| known.strong_count() > 0);
        let keys: Vec<EncoderKey> =
            self.encoders.iter().filter_map(|known| Some(known.upgrade()?.key.clone())).collect();
        let held: Vec<FilesId> =
            keys.iter().flat_map(|key| [Some(key.files), key.toward.map(|(files, _)| files)]).flatten().collect();
        self.files.retain(|known| held.contains(&known.id));
    }

    /// What the encoder `asked` for would be, read as `precision` for `device`.
    ///
    /// Files are the same where path, length and time of change are, or else if they have the same names and lengths
    /// and, byte by byte, the same content: that comparison ends at the first difference, and is made once. Between two
    /// sets of the same content lies that content.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn key(
        &mut self,
        asked: &AskedEncoder<'_>,
        precision: Precision,
        device: DeviceLocation,
        job: &Job<'_>,
    ) -> Result<EncoderKey> {
        let AskedEncoder { spec, select_layer, files, toward } = *asked;
        let files = self.files_id(files, spec.family, job)?;
        let toward = match toward {
            Some((goal, part)) => Some((self.files_id(goal, spec.family, job)?, part.to_bits())),
            None => None,
        };
        Ok(EncoderKey {
            files,
            toward: toward.filter(|(goal, _)| *goal != files),
            family: spec.family,
            tokens: spec.tokens,
            res: spec.res,
            multi_stage: spec.multi_stage,
            select_layer,
            precision,
            device,
        })
    }

    /// The encoder of this key, if some model holds it.
    pub fn find(&self, key: &EncoderKey) -> Option<Arc<PooledEncoder>> {
        self.encoders.iter().filter_map(Weak::upgrade).find(|known| known.key == *key)
    }

    /// Takes in an encoder that was just read. The pool itself does not keep it alive.
    pub(crate) fn add(&mut self, key: EncoderKey, read: ReadEncoder) -> Arc<PooledEncoder> {
        let ReadEncoder { encoder, bytes, leave, kept } = read;
        let pooled = Arc::new(PooledEncoder { id: EncoderId(self.unique()), key, bytes, encoder, leave, kept });
        self.encoders.push(Arc::downgrade(&pooled));
        pooled
    }

    fn unique(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn files_id(&mut self, files: &EncoderFiles, family: EncoderFamily, job: &Job<'_>) -> Result<FilesId> {
        // Files that were opened a moment ago and cannot be looked at now are like no others.
        let Ok(stamps) = stamps(files, family) else { return Ok(FilesId(self.unique())) };
        if let Some(known) = self.files.iter().find(|known| known.places.contains(&stamps)) {
            return Ok(known.id);
        }
        for known in &mut self.files {
            if same_content(&known.places, &stamps, job)? {
                known.places.push(stamps);
                return Ok(known.id);
            }
        }
        let id = FilesId(self.unique());
        self.files.push(KnownFiles { id, places: vec![stamps] });
        Ok(id)
    }
}

/// Whether `stamps` hold the bytes that were read from one of `places`, of which one must still be as it was then.
fn same_content(places: &[Vec<Stamp>], stamps: &[Stamp], job: &Job<'_>) -> Result<bool> {
    let Some(place) = places.iter().find(|place| place.iter().all(Stamp::holds)) else { return Ok(false) };
    let alike = |(a, b): (&Stamp, &Stamp)| (&a.name, a.bytes) == (&b.name, b.bytes);
    if place.len() != stamps.len() || !place.iter().zip(stamps).all(alike) {
        return Ok(false);
    }
    for (a, b) in place.iter().zip(stamps) {
        if !same_bytes(&a.path, &b.path, job)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two files have the same content; `false` if one cannot be read.
fn same_bytes(a: &Path, b: &Path, job: &Job<'_>) -> Result<bool> {
    let (Ok(mut a), Ok(mut b)) = (File::open(a), File::open(b)) else { return Ok(false) };
    let (mut of_a, mut of_b) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    loop {
        job.check()?;
        of_a.clear();
        of_b.clear();
        let read = |file: &mut File, into: &mut Vec<u8>| file.take(CHUNK as u64).read_to_end(into);
        let (Ok(count), Ok(_)) = (read(&mut a, &mut of_a), read(&mut b, &mut of_b)) else { return Ok(false) };
        if of_a != of_b {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}
