//! Interventions as text.

use super::{Action, Anatomy, Cells, Intervention, Interventions, Place};
use crate::error::{Result, Unusable};
use std::ops::Range;

/// How interventions are written, for help texts.
pub const GRAMMAR: &str = "\
SPEC is one intervention or several joined with +, applied together:
  mask:clip               clip's keys are masked in every SVA softmax
  mask:clip,siglip        several encoders; all means each of them
  mask_context:siglip     masked, and its part of the global context removed (encoder 0 has one)
  context                 the global context is zero, nothing else
  zero:clip               clip's projected features are zero; its keys stay
  zero_raw:clip           the encoder gives zeros, and the projector what it makes of them
  mean:clip               each of its tokens becomes the mean of all
  swap:clip               its features of another image (--other FILE)
  region:all@0:3,0:3      the tokens under these cells become the mean of all: rows 0 to 2 and
                          columns 0 to 2 of the query grid over the padded square
  region:clip@4,5         one cell, of one encoder
  shuffle_weights:1       the columns of every SVA matrix are shuffled, by this seed
  shuffle_attention:1     attention is shuffled among the keys of each cell and head
  skip:S0                 an SVA layer returns its input
  head:S0/3               head 3 of a layer gives zero
  blank                   the encoders see an even grey instead of the image
  no_image                the question is asked without the image
@ and layers at the end restrict all but the last two, skip and head:
  mask:clip@connector   zero:siglip@samplers   region:all@4,5@C1..C3,S0   context@S0
Layers are C1, C2, … before the language model, S0, S3, … after its layers 0, 3, …, connector,
samplers or all. Encoders go by family (siglip, clip, dinov2, convnext), name or index.
Example: mask:clip+region:dinov2@0:3,0:3+head:S0/3";

/// No text is longer: rectangles of single cells of a large grid fit.
const MAX_LENGTH: usize = 1 << 16;

impl Interventions {
    /// Reads what [`GRAMMAR`] describes.
    ///
    /// # Errors
    /// [`Unusable`] that says what is not understood and what there is; those of [`Interventions::check`].
    pub fn parse(text: &str, anatomy: &Anatomy) -> Result<Self> {
        if text.len() > MAX_LENGTH {
            return Err(Unusable::new(
                "an intervention this long is not understood",
                "write ranges of cells: 0:24,0:24",
            ));
        }
        let mut all = Vec::new();
        for part in text.split('+') {
            all.extend(parse_part(part.trim(), anatomy)?);
        }
        let without_image = all.iter().any(|one: &Intervention| one.action == Action::NoImage);
        if without_image && all.iter().any(|one| one.action != Action::NoImage) {
            return Err(Unusable::new(
                format!("`{text}`: without an image there is nothing else to intervene on"),
                "write no_image alone",
            ));
        }
        let interventions: Self = all.into_iter().collect();
        interventions.check(anatomy)?;
        Ok(interventions)
    }

    /// The text that [`Interventions::parse`] reads as this value; empty if nothing is changed.
    pub fn to_spec(&self, anatomy: &Anatomy) -> String {
        let words = anatomy.encoder_words();
        let mut parts = Vec::new();
        for Group { action, at, members } in grouped(self) {
            let place = place_text(at, anatomy);
            let end = if at == Place::Everywhere { String::new() } else { format!("@{place}") };
            let encoders = || encoder_list(&members, &words);
            match action {
                Action::NoImage => parts.push("no_image".into()),
                Action::Blank => parts.push("blank".into()),
                Action::ZeroRaw { .. } => parts.push(format!("zero_raw:{}{end}", encoders())),
                Action::Zero { .. } => parts.push(format!("zero:{}{end}", encoders())),
                Action::Mean { .. } => parts.push(format!("mean:{}{end}", encoders())),
                Action::Swap { .. } => parts.push(format!("swap:{}{end}", encoders())),
                Action::Mask { .. } => parts.push(format!("mask:{}{end}", encoders())),
                Action::Region { cells, .. } => parts.extend(cells.rectangles().into_iter().map(|(rows, columns)| {
                    format!("region:{}@{},{}{end}", encoders(), range_text(&rows), range_text(&columns))
                })),
                Action::Context => parts.push(format!("context{end}")),
                Action::ShuffleWeights { .. } => parts.push(format!("shuffle_weights:{}{end}", numbers(&members))),
                Action::ShuffleAttention { .. } => parts.push(format!("shuffle_attention:{}{end}", numbers(&members))),
                Action::Skip => parts.push(format!("skip:{place}")),
                Action::Head { .. } => parts.push(format!("head:{place}/{}", numbers(&members))),
            }
        }
        parts.join("+")
    }
}

/// Interventions that differ in the encoder, in the head or in the seed alone.
pub(super) struct Group<'a> {
    pub(super) action: &'a Action,
    pub(super) at: Place,
    /// The encoders, heads or seeds, in order.
    pub(super) members: Vec<usize>,
}

/// Everything in `interventions`, what can be said together in one group.
pub(super) fn grouped(interventions: &Interventions) -> Vec<Group<'_>> {
    let alike = |a: &Action, b: &Action| match (a, b) {
        (Action::Region { cells: a, .. }, Action::Region { cells: b, .. }) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for Intervention { action, at } in interventions.iter() {
        let member = match action {
            Action::Head { head } => Some(*head),
            _ => action.encoder().or(action.seed()),
        };
        match groups.iter_mut().find(|group| group.at == *at && alike(group.action, action)) {
            Some(group) => group.members.extend(member),
            None => groups.push(Group { action, at: *at, members: member.into_iter().collect() }),
        }
    }
    groups
}

/// How a place is written after `@` or `:`.
pub(super) fn place_text(place: Place, anatomy: &Anatomy) -> String {
    match place {
        Place::Everywhere => "all".into(),
        Place::Connector | Place::Samplers => place.to_string(),
        Place::Layer(layer) => anatomy.label(layer),
    }
}

fn numbers(members: &[usize]) -> String {
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn encoder_list(encoders: &[usize], words: &[String]) -> String {
    if encoders.len() == words.len() {
        return "all".into();
    }
    let word = |k: &usize| words.get(*k).cloned().unwrap_or_else(|| k.to_string());
    encoders.iter().map(word).collect::<Vec<_>>().join(",")
}

fn range_text(range: &Range<usize>) -> String {
    if range.len() == 1 { range.start.to_string() } else { format!("{}:{}", range.start, range.end) }
}

/// One part between two `+`.
fn parse_part(part: &str, anatomy: &Anatomy) -> Result<Vec<Intervention>> {
    let refuse = |problem: String| {
        Unusable::new(
            problem,
            "write mask, mask_context, zero, zero_raw, mean or swap with :ENCODERS, region:ENCODERS@CELLS, context, \
             shuffle_weights:SEED, shuffle_attention:SEED, skip:LAYERS, head:LAYERS/HEADS, blank or no_image; \
             `opabinia evidence --help` explains them",
        )
    };
    let (kind, rest) = match part.split_once(':') {
        Some((kind, rest)) => (kind.trim(), Some(rest)),
        // The context alone needs no colon, and may still say where.
        None => match part.split_once('@') {
            Some((kind, place)) if kind.trim() == "context" => (kind.trim(), Some(place)),
            _ => (part, None),
        },
    };
    let named = |action: &dyn Fn(usize) -> Action| -> Result<Vec<Intervention>> {
        let Some(rest) = rest else {
            return Err(refuse(format!("`{part}` does not say which encoder")));
        };
        let (encoders, places) = rest.split_once('@').map_or((rest, None), |(encoders, at)| (encoders, Some(at)));
        let places = parse_places(places, anatomy)?;
        Ok(product(&parse_encoders(encoders, anatomy)?, &places, action))
    };
    let shuffled = |action: &dyn Fn(usize) -> Action| -> Result<Vec<Intervention>> {
        let Some(rest) = rest else { return Err(refuse(format!("`{part}` does not say which shuffle: {kind}:1"))) };
        let (seeds, places) = rest.split_once('@').map_or((rest, None), |(seeds, at)| (seeds, Some(at)));
        let seeds = seeds.split(',').map(|text| number(text).ok_or_else(|| refuse(no_number(text))));
        let seeds: Vec<usize> = seeds.collect::<Result<_>>()?;
        Ok(product(&seeds, &parse_places(places, anatomy)?, action))
    };
    match kind {
        "shuffle_weights" => shuffled(&|seed| Action::ShuffleWeights { seed }),
        "shuffle_attention" => shuffled(&|seed| Action::ShuffleAttention { seed }),
        "zero_raw" => named(&|encoder| Action::ZeroRaw { encoder }),
        "zero" => named(&|encoder| Action::Zero { encoder }),
        "mean" => named(&|encoder| Action::Mean { encoder }),
        "swap" => named(&|encoder| Action::Swap { encoder }),
        "mask" => named(&|encoder| Action::Mask { encoder }),
        "mask_context" => {
            let masks = named(&|encoder| Action::Mask { encoder })?;
            let context = masks.iter().filter(|one| one.action.encoder() == Some(0));
            let context = context.map(|one| Intervention { action: Action::Context, at: one.at });
            Ok(context.chain(masks.iter().cloned()).collect())
        }
        "region" => {
            let mut parts = rest.unwrap_or_default().splitn(3, '@');
            let (Some(encoders), Some(cells)) = (parts.next(), parts.next()) else {
                return Err(refuse(format!("`{part}` does not say which encoders and cells: region:all@0:3,0:3")));
            };
            let places = parse_places(parts.next(), anatomy)?;
            let cells = Cells::parse(cells, anatomy.side())?;
            let region = |encoder| Action::Region { encoder, cells: cells.clone() };
            Ok(product(&parse_encoders(encoders, anatomy)?, &places, &region))
        }
        "context" if !part.contains(':') => {
            let at = |at| Intervention { action: Action::Context, at };
            Ok(parse_places(rest, anatomy)?.into_iter().map(at).collect())
        }
        "skip" => {
            let Some(layers) = rest else { return Err(refuse(format!("`{part}` does not say which layer"))) };
            let at = |at| Intervention { action: Action::Skip, at };
            Ok(parse_places(Some(layers), anatomy)?.into_iter().map(at).collect())
        }
        "head" => {
            let Some((layers, heads)) = rest.and_then(|rest| rest.rsplit_once('/')) else {
                return Err(refuse(format!("`{part}` does not say which layer and head: head:S0/3")));
            };
            let heads = heads.split(',').map(|text| number(text).ok_or_else(|| refuse(no_number(text))));
            let heads: Vec<usize> = heads.collect::<Result<_>>()?;
            Ok(product(&heads, &parse_places(Some(layers), anatomy)?, &|head| Action::Head { head }))
        }
        "blank" | "no_image" if rest.is_none() => {
            let action = if kind == "blank" { Action::Blank } else { Action::NoImage };
            Ok(vec![Intervention { action, at: Place::Everywhere }])
        }
        _ => Err(refuse(format!("`{part}` is no intervention"))),
    }
}

fn product(members: &[usize], places: &[Place], action: &dyn Fn(usize) -> Action) -> Vec<Intervention> {
    let at_each = |member: &usize| {
        let action = action(*member);
        places.iter().map(move |at| Intervention { action: action.clone(), at: *at })
    };
    members.iter().flat_map(at_each).collect()
}

fn parse_encoders(text: &str, anatomy: &Anatomy) -> Result<Vec<usize>> {
    if text.trim() == "all" {
        return Ok((0..anatomy.encoders().len()).collect());
    }
    text.split(',').map(|name| anatomy.find_encoder(name.trim())).collect()
}

/// Layers by label, range of labels or kind; all of them if nothing is said.
fn parse_places(text: Option<&str>, anatomy: &Anatomy) -> Result<Vec<Place>> {
    let Some(text) = text else { return Ok(vec![Place::Everywhere]) };
    let layers: Vec<_> = anatomy.layers().collect();
    let mut places = Vec::new();
    for part in text.split(',').map(str::trim) {
        let place = match part {
            "all" => Place::Everywhere,
            "connector" => Place::Connector,
            "samplers" => Place::Samplers,
            _ => {
                let (first, last) = part.split_once("..").unwrap_or((part, part));
                let range = anatomy.find_layer(first.trim())?..=anatomy.find_layer(last.trim())?;
                if range.is_empty() {
                    return Err(anatomy.no_layer(format!("`{part}` runs backwards")));
                }
                places.extend(layers[range].iter().copied().map(Place::Layer));
                continue;
            }
        };
        if !anatomy.has(place) {
            return Err(anatomy.no_layer(format!("there are no layers `{part}`")));
        }
        places.push(place);
    }
    Ok(places)
}

fn number(text: &str) -> Option<usize> {
    // More digits than any number of cells or heads has.
    Some(text.trim()).filter(|text| text.len() <= 6).and_then(|text| text.parse().ok())
}

fn no_number(text: &str) -> String {
    format!("`{text}` is no number")
}

impl Cells {
    /// Reads cells of a grid of `side` × `side`: `ROW,COLUMN`, each a number or a range `FROM:TO` without its end.
    ///
    /// # Errors
    /// [`Unusable`] that says which rows and columns there are.
    pub fn parse(text: &str, side: usize) -> Result<Self> {
        let refuse = |problem: String| {
            Unusable::new(
                problem,
                format!(
                    "this model's query grid has {side} × {side} cells: write rows and columns as 4,5 or as ranges \
                     without their end, 0:{side},0:{side} for all"
                ),
            )
        };
        let range = |text: &str| -> Result<Range<usize>> {
            let (from, to) = match text.split_once(':') {
                Some((from, to)) => (number(from), number(to)),
                None => (number(text), number(text).map(|at| at + 1)),
            };
            let (Some(from), Some(to)) = (from, to) else {
                return Err(refuse(format!("`{}` is no row, column or range of them", text.trim())));
            };
            if from > to || to > side {
                return Err(refuse(format!("`{}` lies outside the query grid", text.trim())));
            }
            Ok(from..to)
        };
        let Some((rows, columns)) = text.split_once(',') else {
            return Err(refuse(format!("`{}` does not say which rows and columns", text.trim())));
        };
        Ok(Self::rectangle(range(rows)?, range(columns)?))
    }
}
