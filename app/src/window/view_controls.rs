//! Every control of the view by its name: for the View menu and the palette, whose commands are a fixed table while layers,
//! encoders and heads are those of the maps on the screen.

use super::lang::Texts;
use super::state::{AppState, MapLens, MapSource, RunRef, ViewChange};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{ColourMap, Filter, Granularity, Indices, Normalisation, Quantity, Reduction};

/// What a control is about: a submenu of the View menu, and the first word of its name in the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlGroup {
    /// What the maps are made from.
    Source,
    /// What is measured.
    Quantity,
    /// The encoder of the large map.
    Encoder,
    /// SVA layers.
    Layers,
    /// Heads.
    Heads,
    /// How layers and heads become one number.
    Reduction,
    /// Cells or tokens.
    Patches,
    /// Colour maps.
    Colours,
    /// The range that colours span.
    Scale,
    /// How much of the photo a map hides.
    Opacity,
    /// Smoothing and lines.
    Drawing,
    /// What an encoder was given.
    Input,
}

impl ControlGroup {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 12] = [
        Self::Source,
        Self::Quantity,
        Self::Encoder,
        Self::Layers,
        Self::Heads,
        Self::Reduction,
        Self::Patches,
        Self::Colours,
        Self::Scale,
        Self::Opacity,
        Self::Drawing,
        Self::Input,
    ];

    /// Its name.
    pub fn name(self, texts: &Texts) -> &'static str {
        let (probe, controls) = (&texts.probe, &texts.controls);
        match self {
            Self::Source => controls.source,
            Self::Quantity => probe.quantity,
            Self::Encoder => controls.encoder,
            Self::Layers => probe.layers.0,
            Self::Heads => probe.heads.0,
            Self::Reduction => controls.reduction,
            Self::Patches => probe.patches,
            Self::Colours => controls.colour_map,
            Self::Scale => probe.scale,
            Self::Opacity => probe.opacity,
            Self::Drawing => controls.drawing,
            Self::Input => controls.input,
        }
    }
}

/// One choice of one control.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewControl {
    /// What it is about.
    pub group: ControlGroup,
    /// What it is called within its group.
    pub name: String,
    /// What it does.
    pub tip: String,
    /// Whether it is chosen.
    pub on: bool,
    /// What choosing it does to the view.
    pub change: ViewChange,
}

/// Choices being gathered.
struct Gathered {
    all: Vec<ViewControl>,
}

impl Gathered {
    fn add(&mut self, group: ControlGroup, (name, tip): (&str, &str), on: bool, change: ViewChange) {
        let (name, tip) = (name.to_owned(), tip.to_owned());
        self.all.push(ViewControl { group, name, tip, on, change });
    }
}

/// Every choice there is for the maps on the screen, in the order of the menu. None where there are no maps.
pub fn all(state: &AppState, texts: &Texts) -> Vec<ViewControl> {
    let Some(entry) = state.trace() else { return Vec::new() };
    let view = state.lens().fitted(&entry.trace);
    let mut gathered = Gathered { all: Vec::new() };
    source(&mut gathered, state, texts);
    if !state.pane().source.is_token() {
        let names: Vec<&str> = entry.encoder_names.iter().map(String::as_str).collect();
        what(&mut gathered, (&view, state.pane().source.quantities()), &names, texts);
        let labels: Vec<(String, String)> = (entry.trace.layers.iter().enumerate())
            .map(|(at, layer)| (layer.label.clone(), texts.probe.layer_about(&entry.trace, at)))
            .collect();
        over_what(&mut gathered, &view, &labels, texts);
        scale(&mut gathered, &view, texts);
        for (k, name) in names.iter().enumerate() {
            let change = ViewChange::InputOf((view.input_of != Some(k)).then_some(k));
            gathered.add(ControlGroup::Input, (name, texts.probe.input_tip), view.input_of == Some(k), change);
        }
    }
    drawing(&mut gathered, &view, texts);
    // As the groups are: a submenu after the other.
    gathered.all.sort_by_key(|control| ControlGroup::ALL.iter().position(|group| *group == control.group));
    gathered.all
}

fn source(gathered: &mut Gathered, state: &AppState, texts: &Texts) {
    let is_token = state.pane().source.is_token();
    let is_run = state.pane().source == MapSource::default();
    gathered.add(
        ControlGroup::Source,
        texts.probe.source_sva,
        is_run,
        ViewChange::Source(MapSource::Run(RunRef::default())),
    );
    if is_token || state.token.is_some() {
        let token = ViewChange::Source(MapSource::TOKEN);
        gathered.add(ControlGroup::Source, texts.probe.source_token, is_token, token);
    }
}

/// What is measured, of which encoder.
fn what(gathered: &mut Gathered, (view, all): (&MapLens, &[Quantity]), encoders: &[&str], texts: &Texts) {
    for quantity in all {
        let words = texts.probe.quantity_words(*quantity);
        gathered.add(ControlGroup::Quantity, words, view.quantity == *quantity, ViewChange::Quantity(*quantity));
    }
    for (k, name) in encoders.iter().enumerate().filter(|_| view.quantity.per_encoder()) {
        let words = (*name, texts.controls.encoder_tip);
        gathered.add(ControlGroup::Encoder, words, view.encoder == k, ViewChange::Encoder(k));
    }
    for (granularity, words) in [(Granularity::Cells, texts.probe.cells), (Granularity::Tokens, texts.probe.tokens)] {
        let on = view.granularity == granularity;
        gathered.add(ControlGroup::Patches, words, on, ViewChange::Granularity(granularity));
    }
}

/// Layers and heads, and how they become one number. `layers` are names with what they are.
fn over_what(gathered: &mut Gathered, view: &MapLens, layers: &[(String, String)], texts: &Texts) {
    let probe = &texts.probe;
    let all = |chosen: Indices, count| (0..count).all(|at| chosen.contains(at));
    let every = (probe.all, probe.layers.1);
    gathered.add(ControlGroup::Layers, every, all(view.layers, layers.len()), ViewChange::Layers(Indices::ALL));
    for (at, (name, about)) in layers.iter().enumerate() {
        let (one, words) = (Indices::one(at), (name.as_str(), about.as_str()));
        gathered.add(ControlGroup::Layers, words, view.layers == one, ViewChange::Layers(one));
    }
    let every = (probe.all, probe.heads.1);
    gathered.add(ControlGroup::Heads, every, all(view.heads, HEADS), ViewChange::Heads(Indices::ALL));
    for at in 0..HEADS {
        let (one, name, about) = (Indices::one(at), at.to_string(), probe.head_about(at));
        gathered.add(ControlGroup::Heads, (&name, &about), view.heads == one, ViewChange::Heads(one));
    }
    for (reduction, words) in [(Reduction::Mean, probe.mean), (Reduction::Max, probe.max)] {
        let on = view.reduction == reduction;
        gathered.add(ControlGroup::Reduction, words, on, ViewChange::Reduction(reduction));
    }
}

/// Which range the colours span. The fixed one has ends, which are chosen where its fields are.
fn scale(gathered: &mut Gathered, view: &MapLens, texts: &Texts) {
    if view.quantity == Quantity::Dominant {
        return;
    }
    for (normalisation, words) in
        [(Normalisation::Common, texts.probe.scale_common), (Normalisation::PerMap, texts.probe.scale_own)]
    {
        let on = view.normalisation == normalisation;
        gathered.add(ControlGroup::Scale, words, on, ViewChange::Normalisation(normalisation));
    }
}

/// Colours, opacity, smoothing and lines.
fn drawing(gathered: &mut Gathered, view: &MapLens, texts: &Texts) {
    let probe = &texts.probe;
    for choice in std::iter::once(None).chain(ColourMap::ALL.map(Some)) {
        let words = (probe.colour_map_name(choice), texts.controls.colour_map_tip);
        gathered.add(ControlGroup::Colours, words, view.colour_map == choice, ViewChange::ColourMap(choice));
    }
    for percent in [0_u8, 25, 50, 60, 75, 100] {
        let opacity = f32::from(percent) / 100.0;
        let on = (view.opacity - opacity).abs() < 0.005;
        let name = format!("{percent} %");
        gathered.add(ControlGroup::Opacity, (&name, texts.controls.opacity_tip), on, ViewChange::Opacity(opacity));
    }
    let smooth = view.filter == Filter::Bilinear;
    let other = if smooth { Filter::Nearest } else { Filter::Bilinear };
    gathered.add(ControlGroup::Drawing, probe.smooth, smooth, ViewChange::Filter(other));
    if view.photo_confounds() {
        let change = ViewChange::GreyPhoto(!view.grey_photo);
        gathered.add(ControlGroup::Drawing, probe.grey_photo, view.grey_photo, change);
    }
}
