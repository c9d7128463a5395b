//! From a recorded pass to a [`Trace`], and the file it is kept in.
//!
//! The file is safetensors: `sva.<layer>.probs` `[cells, 16, K]` f32 and `sva.<layer>.mask` `[cells, K]` u8 for every
//! SVA layer, with whatever else was recorded beside them, and under the metadata key `opabinia.trace` a JSON
//! description without which the numbers could not be placed on a picture:
//!
//! | key | what |
//! |---|---|
//! | `version` | `VERSION` of this description |
//! | `model`, `question`, `interventions` | as in [`Trace`]; interventions as a list of objects |
//! | `image` | the picture, or `null` for a pass without one, which has neither encoders nor layers |
//! | `image.width`, `image.height` | its size in pixels, as the model was given it |
//! | `image.sha256` | its [`PixelHash`]: nothing is drawn over another picture |
//! | `image.exif` | whether it was turned as its EXIF data say (`--exif`) before that |
//! | `other` | `width`, `height` and `sha256` of the picture whose features were swapped in, read as `image.exif` says; `null` where none were |
//! | `encoders` | `name` and `side` of the token grid of each, in key order |
//! | `anatomy` | the model's SVA, by which interventions are named: the `name` and `label` of all of its `layers`, and the `side` of its (final) query grid |
//! | `layers` | of each SVA layer that ran the `name` in the tensors' names, the `label` for people, the `side` of its query grid, and the `rows` and `columns` of it that it ran on, each as first and one past the last |

use crate::advice::Advice;
use crate::error::{Error, Result};
use crate::generate::ImageInput;
use crate::model::Model;
use crate::output;
use crate::vision::Picture;
use candle_core::{Device, Tensor};
use opabinia_trace::geometry::Frame;
use opabinia_trace::image::{Exif, ImageId, PictureSize, PixelHash};
use opabinia_trace::intervention::{Anatomy, Interventions};
use opabinia_trace::layer::{HEADS, SvaLayer};
use opabinia_trace::trace::{Trace, TraceEncoder, TraceLayer};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

/// Where the description lies in the file's metadata.
const METADATA_KEY: &str = "opabinia.trace";

/// Version of the description. Raised when a reader of the old one would be misled.
const VERSION: u32 = 4;

/// No name in a trace is longer, in bytes; all of them are drawn.
const MAX_NAME: usize = 1024;

/// No checkpoint has more encoders.
const MAX_ENCODERS: usize = 64;

/// No checkpoint has more SVA layers.
const MAX_LAYERS: usize = 256;

/// No query grid has more cells to a side.
const MAX_SIDE: usize = 1 << 12;

/// No trace is larger: with every tensor recorded, the 8B model's has about 1 GB.
const MAX_FILE_BYTES: u64 = 16 << 30;

/// The description as it is written.
#[derive(Serialize, Deserialize)]
struct Description {
    version: u32,
    model: String,
    question: String,
    interventions: Interventions,
    image: Option<ImageDescription>,
    other: Option<ImageId>,
    encoders: Vec<TraceEncoder>,
    anatomy: AnatomyDescription,
    layers: Vec<LayerDescription>,
}

impl Description {
    /// Every text in it that is shown as a name.
    fn names(&self) -> impl Iterator<Item = &str> {
        let encoders = self.encoders.iter().map(|encoder| encoder.name.as_str());
        let layers = self.layers.iter().flat_map(|layer| [layer.name.as_str(), layer.label.as_str()]);
        let parts = self.anatomy.layers.iter().flat_map(|part| [part.name.as_str(), part.label.as_str()]);
        [self.model.as_str()].into_iter().chain(encoders).chain(parts).chain(layers)
    }
}

/// The one part of a description that every version has.
#[derive(Deserialize)]
struct DescriptionVersion {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct ImageDescription {
    width: usize,
    height: usize,
    sha256: PixelHash,
    exif: bool,
}

/// All SVA layers of the model, and the side of its (final) query grid.
#[derive(Default, Serialize, Deserialize)]
struct AnatomyDescription {
    layers: Vec<PartDescription>,
    side: usize,
}

#[derive(Serialize, Deserialize)]
struct PartDescription {
    name: String,
    label: String,
}

impl AnatomyDescription {
    fn of(anatomy: &Anatomy) -> Self {
        let part = |layer: SvaLayer| PartDescription { name: layer.to_string(), label: anatomy.label(layer) };
        Self { layers: anatomy.layers().map(part).collect(), side: anatomy.side() }
    }

    /// What it describes, for a model with `encoders`; the error is what is wrong.
    fn read(&self, encoders: &[TraceEncoder]) -> std::result::Result<Anatomy, String> {
        if self.layers.len() > MAX_LAYERS || !(1..=MAX_SIDE).contains(&self.side) {
            return Err(format!(
                "describes {} SVA layers over {1} × {1} cells, which no model has",
                self.layers.len(),
                self.side
            ));
        }
        let layer = |part: &PartDescription| {
            let layer: SvaLayer = part.name.parse().map_err(|_| format!("`{}` is no SVA layer", part.name))?;
            Ok((layer, part.label.clone()))
        };
        let layers = self.layers.iter().map(layer).collect::<std::result::Result<_, String>>()?;
        Ok(Anatomy::from_parts(encoders.iter().map(|encoder| encoder.name.clone()).collect(), layers, self.side))
    }
}

#[derive(Serialize, Deserialize)]
struct LayerDescription {
    name: String,
    label: String,
    side: usize,
    rows: [usize; 2],
    columns: [usize; 2],
}

impl LayerDescription {
    fn frame(&self) -> Frame {
        Frame { side: self.side, rows: self.rows[0]..self.rows[1], columns: self.columns[0]..self.columns[1] }
    }
}

/// The trace in a recorder's `tensors`, for a pass of `model` over `image_input`, read as `exif` says, that went through
/// `layers`.
pub fn recorded(
    model: &Model,
    image_input: &ImageInput,
    exif: Exif,
    question: &str,
    layers: &[SvaLayer],
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Trace> {
    let sva = &model.config().sva;
    let anatomy = model.anatomy();
    let picture = &image_input.picture;
    let size = picture.size();
    let layers = layers
        .iter()
        .map(|&layer| {
            let frame = match layer {
                SvaLayer::Connector { group, .. } => Frame::padded(sva.query_sides[group]),
                SvaLayer::Sampler { .. } => Frame::new(sva.final_side, size),
            };
            let tensor = |part: &str| {
                let key = format!("sva.{layer}.{part}");
                let missing = || candle_core::Error::Msg(format!("{key} was not recorded"));
                tensors.get(&key).ok_or_else(missing)
            };
            let mask = tensor("mask")?;
            Ok(TraceLayer {
                name: layer.to_string(),
                label: anatomy.label(layer),
                frame,
                keys: mask.dims2()?.1,
                probs: tensor("probs")?.flatten_all()?.to_vec1()?,
                mask: mask.flatten_all()?.to_vec1()?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Trace {
        model: model.name().to_owned(),
        question: question.to_owned(),
        interventions: image_input.interventions.clone(),
        picture: size,
        pixels: PixelHash::of(&picture.rgb),
        exif,
        other: image_input.swapped_in().map(|other| other.id()),
        encoders: model
            .config()
            .towers
            .iter()
            .map(|encoder| TraceEncoder { name: encoder.name.clone(), side: encoder.side() })
            .collect(),
        anatomy,
        layers,
    })
}

/// Writes `tensors`, which hold `trace`'s probabilities and masks and whatever else was recorded, to `path`
/// with its description.
///
/// # Errors
/// Those of [`output::write`].
pub fn write(trace: &Trace, tensors: &BTreeMap<String, Tensor>, path: &Path) -> Result<()> {
    let description = Description {
        version: VERSION,
        model: trace.model.clone(),
        question: trace.question.clone(),
        interventions: trace.interventions.clone(),
        image: Some(ImageDescription {
            width: trace.picture.width,
            height: trace.picture.height,
            sha256: trace.pixels,
            exif: trace.exif == Exif::Honour,
        }),
        other: trace.other,
        encoders: trace.encoders.clone(),
        anatomy: AnatomyDescription::of(&trace.anatomy),
        layers: trace
            .layers
            .iter()
            .map(|layer| LayerDescription {
                name: layer.name.clone(),
                label: layer.label.clone(),
                side: layer.frame.side,
                rows: [layer.frame.rows.start, layer.frame.rows.end],
                columns: [layer.frame.columns.start, layer.frame.columns.end],
            })
            .collect(),
    };
    write_tensors(tensors, METADATA_KEY, &description, path)
}

/// Writes `tensors`, recorded in a pass of `model` without a picture, to `path`, with a description that says so. The
/// picture may have been taken away by `interventions`.
///
/// # Errors
/// Those of [`write()`].
pub fn write_without_picture(
    model: &Model,
    question: &str,
    interventions: &Interventions,
    tensors: &BTreeMap<String, Tensor>,
    path: &Path,
) -> Result<()> {
    let description = Description {
        version: VERSION,
        model: model.name().to_owned(),
        question: question.to_owned(),
        interventions: interventions.clone(),
        image: None,
        other: None,
        encoders: Vec::new(),
        anatomy: AnatomyDescription::default(),
        layers: Vec::new(),
    };
    write_tensors(tensors, METADATA_KEY, &description, path)
}

/// Writes `trace` to `path` from its own numbers: probabilities and masks with the description, and nothing else.
///
/// # Errors
/// Those of [`output::write`].
pub fn save(trace: &Trace, path: &Path) -> Result<()> {
    let mut tensors = BTreeMap::new();
    for layer in &trace.layers {
        let (rows, columns) = layer.frame.size_hw();
        let cells = rows * columns;
        let probs = Tensor::from_slice(&layer.probs, (cells, HEADS, layer.keys), &Device::Cpu)?;
        let mask = Tensor::from_slice(&layer.mask, (cells, layer.keys), &Device::Cpu)?;
        tensors.insert(format!("sva.{}.probs", layer.name), probs);
        tensors.insert(format!("sva.{}.mask", layer.name), mask);
    }
    write(trace, &tensors, path)
}

/// Reads a trace file.
///
/// # Errors
/// [`Error::Input`] naming the file and the tensor, if it is not a trace or contradicts itself.
pub fn read(path: &Path) -> Result<Trace> {
    let bad = |problem: String| {
        Error::input(
            format!("{}: {problem}", path.display()),
            "give a file that `opabinia trace` wrote, whole and unchanged",
        )
    };
    let unreadable = |e: std::io::Error| bad(format!("cannot be read: {e}"));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(bad("is not a file".into()));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(bad(format!("has {} bytes, more than any trace", about.len())));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(format!("is not a safetensors file: {e}")))?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let text = text.ok_or_else(|| bad(format!("has no `{METADATA_KEY}` in its metadata: this is not a trace")))?;
    let unclear = |e: serde_json::Error| bad(format!("`{METADATA_KEY}` cannot be read: {e}"));
    let DescriptionVersion { version } = serde_json::from_str(text).map_err(unclear)?;
    if version != VERSION {
        let which = if version > VERSION { "a later" } else { "an earlier" };
        return Err(Error::input(
            format!("{}: was written by {which} version of the program (format {version})", path.display()),
            Advice::RecordAnew,
        ));
    }
    let description: Description = serde_json::from_str(text).map_err(unclear)?;
    let Some(image) = &description.image else {
        return Err(Error::input(
            format!("{}: was recorded without a picture: it holds logits and ids, but no maps", path.display()),
            Advice::RecordWithImage,
        ));
    };
    let picture = PictureSize { width: image.width, height: image.height };
    if picture.width == 0 || picture.height == 0 || description.encoders.is_empty() {
        return Err(bad("describes no picture or no encoder".into()));
    }
    if description.layers.is_empty() {
        return Err(Error::input(
            format!("{}: holds no SVA layer: all of them were skipped, so there are no maps", path.display()),
            "record one in which at least one SVA layer runs",
        ));
    }
    if description.encoders.len() > MAX_ENCODERS {
        return Err(bad(format!("describes more than {MAX_ENCODERS} encoders")));
    }
    if let Some(name) = description.names().find(|name| name.len() > MAX_NAME) {
        let start: String = name.chars().take(40).collect();
        return Err(bad(format!("`{METADATA_KEY}` has a name longer than {MAX_NAME} bytes: {start}…")));
    }
    let anatomy = description.anatomy.read(&description.encoders).map_err(&bad)?;
    let known = |layer: &LayerDescription| {
        description.anatomy.layers.iter().any(|part| part.name == layer.name && part.label == layer.label)
    };
    if let Some(layer) = description.layers.iter().find(|layer| !known(layer)) {
        return Err(bad(format!("`{METADATA_KEY}` has a layer `{}` that its model has not", layer.name)));
    }
    description
        .interventions
        .check(&anatomy)
        .map_err(|e| bad(format!("`{METADATA_KEY}` speaks of an intervention that its model does not allow: {e}")))?;
    if description.interventions.needs_other() != description.other.is_some() {
        return Err(bad(format!("`{METADATA_KEY}` names a swapped-in picture without swapping, or swaps without one")));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| bad(format!("is damaged: {e}")))?;
    let layers = description
        .layers
        .iter()
        .map(|layer| read_layer(layer, &description.encoders, &tensors).map_err(&bad))
        .collect::<Result<_>>()?;
    Ok(Trace {
        model: description.model,
        question: description.question,
        interventions: description.interventions,
        picture,
        pixels: image.sha256,
        exif: if image.exif { Exif::Honour } else { Exif::Ignore },
        other: description.other,
        encoders: description.encoders,
        anatomy,
        layers,
    })
}

/// Checks that the pass of `trace` was about `picture`, which people call `name`.
///
/// # Errors
/// [`Error::Input`] saying in what it is another one.
pub fn check_picture(trace: &Trace, picture: &Picture, name: &str) -> Result<()> {
    if trace.image() == picture.id() {
        return Ok(());
    }
    let PictureSize { width, height } = trace.picture;
    let what = if (picture.width, picture.height) == (width, height) {
        format!(
            "{name} is another picture than the one the trace was made from: the size is the same, the pixels are not"
        )
    } else {
        format!(
            "{name} has {} × {} pixels, but the trace was made from a picture of {width} × {height}",
            picture.width, picture.height
        )
    };
    let turned = match trace.exif {
        Exif::Ignore => "as it is stored, without --exif",
        Exif::Honour => "turned by its EXIF data, with --exif",
    };
    Err(Error::input(what, format!("give the picture the trace was made from, unchanged; it was read {turned}")))
}

/// One layer of a file, checked against its description; the error is what is wrong.
fn read_layer(
    layer: &LayerDescription,
    encoders: &[TraceEncoder],
    tensors: &SafeTensors<'_>,
) -> std::result::Result<TraceLayer, String> {
    let frame = layer.frame();
    let inside = |range: &std::ops::Range<usize>| range.start < range.end && range.end <= frame.side;
    if !inside(&frame.rows) || !inside(&frame.columns) || frame.side > MAX_SIDE {
        return Err(format!("`{}` lies outside its own grid", layer.name));
    }
    if let Some(encoder) = encoders.iter().find(|e| e.side == 0 || e.side > 1 << 14 || e.side % frame.side != 0) {
        return Err(format!("the token grid of `{}` does not fit the cells of `{}`", encoder.name, layer.name));
    }
    let keys: usize = encoders.iter().map(|encoder| (encoder.side / frame.side).pow(2)).sum();
    let (rows, columns) = frame.size_hw();
    let cells = rows * columns;
    let tensor = |part: &str, dtype: Dtype, shape: &[usize]| {
        let key = format!("sva.{}.{part}", layer.name);
        let view = tensors.tensor(&key).map_err(|_| format!("`{key}` is missing"))?;
        if view.dtype() != dtype || view.shape() != shape {
            return Err(format!("`{key}` should be {dtype:?} {shape:?}, but is {:?} {:?}", view.dtype(), view.shape()));
        }
        Ok(view.data().to_vec())
    };
    let probs = tensor("probs", Dtype::F32, &[cells, HEADS, keys])?;
    let probs: Vec<f32> = probs.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if probs.iter().any(|p| !(0.0..=1.0 + 1e-3).contains(p)) {
        return Err(format!("`sva.{}.probs` holds values that are no probabilities", layer.name));
    }
    let mask = tensor("mask", Dtype::U8, &[cells, keys])?;
    Ok(TraceLayer { name: layer.name.clone(), label: layer.label.clone(), frame, keys, probs, mask })
}

/// Writes `tensors` to `path` as safetensors with `description` under `key` in the metadata.
pub(super) fn write_tensors(
    tensors: &BTreeMap<String, Tensor>,
    key: &str,
    description: &impl Serialize,
    path: &Path,
) -> Result<()> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| Error::io(path, std::io::Error::other(e));
    let text = serde_json::to_string(description).map_err(|e| failed(e.into()))?;
    let metadata = HashMap::from([(key.to_owned(), text)]);
    let bytes = safetensors::serialize(tensors.iter(), Some(metadata)).map_err(|e| failed(e.into()))?;
    output::write(path, |file| file.write_all(&bytes))
}
